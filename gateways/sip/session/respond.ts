// Responses made from requests: which fields are copied, which tag is added (RFC 3261 §8.2.6).
import { hash } from "node:crypto";
import { type Field, noBody, type SipRequest, SipResponse } from "../wire/message.ts";
import { tagOf } from "../wire/name-addr.ts";
import { field } from "../wire/print.ts";

const phrases: Readonly<Record<number, string>> = {
  100: "Trying",
  180: "Ringing",
  200: "OK",
  202: "Accepted",
  302: "Moved Temporarily",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  410: "Gone",
  413: "Request Entity Too Large",
  415: "Unsupported Media Type",
  416: "Unsupported URI Scheme",
  420: "Bad Extension",
  422: "Session Interval Too Small",
  423: "Interval Too Brief",
  480: "Temporarily Unavailable",
  481: "Call/Transaction Does Not Exist",
  482: "Loop Detected",
  483: "Too Many Hops",
  486: "Busy Here",
  487: "Request Terminated",
  488: "Not Acceptable Here",
  489: "Bad Event",
  491: "Request Pending",
  500: "Server Internal Error",
  501: "Not Implemented",
  504: "Server Time-out",
  505: "Version Not Supported",
  513: "Message Too Large",
};

/** Our usual words for a status. */
export const phraseOf = (status: number): string => phrases[status] ?? (status < 300 ? "OK" : "Failed");

/** What an answer says beyond its status. */
export interface Answer {
  readonly status: number;
  readonly phrase?: string | undefined;
  readonly fields?: readonly Field[] | undefined;
  readonly body?: Uint8Array | undefined;
  /** The To tag, where the answer begins a dialog. */
  readonly tag?: string | undefined;
}

/** The response to `request`. The To tag is made from the request, so that a stateless answer repeats itself (§8.2.7). */
export function respond(request: SipRequest, answer: Answer): SipResponse {
  const fields: Field[] = [];
  for (const each of request.fields) {
    if (each.key === "via" || each.key === "from" || each.key === "call-id" || each.key === "cseq")
      fields.push(each);
    else if (each.key === "to") fields.push(answer.status > 100 ? withTag(request, each, answer.tag) : each);
    else if (each.key === "timestamp" && answer.status === 100) fields.push(each);
  }
  for (const each of answer.fields ?? []) fields.push(each);
  return new SipResponse(
    answer.status,
    answer.phrase ?? phraseOf(answer.status),
    fields,
    answer.body ?? noBody,
  );
}

function withTag(request: SipRequest, to: Field, chosen: string | undefined): Field {
  if (request.to === undefined ? /;\s*tag\s*=/i.test(to.value) : tagOf(request.to) !== undefined) return to;
  if (chosen !== undefined) return field("to", `${to.value};tag=${chosen}`);
  const seed = `${request.first("via")}\n${request.callId}\n${request.first("cseq")}\n${request.first("from")}`;
  const tag = hash("sha256", seed, "base64url").replace(/[-_]/g, "").slice(0, 12);
  return field("to", `${to.value};tag=${tag}`);
}
