// Whether a message that could be read is one that RFC 3261 allows (§8.1.1, §8.2, §20; judgement of RFC 4475).
import type { SipMessage, SipRequest, SipResponse } from "./message.ts";
import { parseNameAddr } from "./name-addr.ts";
import { isToken, param } from "./params.ts";
import { isSip, parseUri } from "./uri.ts";
import { branchOf, magicCookie, parseVia } from "./via.ts";

/** What is wrong with it; for a request it is answered 400 with these words. */
export type Fault = string | undefined;

// Fields that may occur once only (RFC 3261 §20, table 2; RFC 4475 §3.3.8).
const single = new Set([
  "from",
  "to",
  "call-id",
  "cseq",
  "max-forwards",
  "content-type",
  "content-disposition",
  "expires",
  "subject",
  "date",
]);

const number32 = (text: string): boolean => /^[0-9]{1,10}$/.test(text) && Number(text) <= 0xffff_ffff;

/** Checks a request; a fault is answered 400. */
export function checkRequest(request: SipRequest): Fault {
  const uri = parseUri(request.uri);
  if (!uri.ok) return "Malformed Request-URI";
  if (isSip(uri.value) && uri.value.headers !== undefined) return "Headers in the Request-URI";
  const fault = checkCommon(request);
  if (fault !== undefined) return fault;
  if (request.cseq?.method !== request.method) return "CSeq of another method";
  const forwards = request.first("max-forwards");
  if (forwards !== undefined && (!number32(forwards) || Number(forwards) > 255))
    return "Malformed Max-Forwards";
  const branch = request.via === undefined ? undefined : branchOf(request.via);
  if (branch !== undefined && branch.toLowerCase() === magicCookie.toLowerCase()) return "Empty branch";
  return checkContacts(request);
}

/** Checks a response; one with a fault is dropped. */
export function checkResponse(response: SipResponse): Fault {
  return checkCommon(response);
}

function checkCommon(message: SipMessage): Fault {
  const seen = new Set<string>();
  for (const { key } of message.fields) {
    if (seen.has(key) && single.has(key)) return `Second ${key}`;
    seen.add(key);
  }
  for (const key of ["via", "from", "to", "call-id", "cseq"]) if (!seen.has(key)) return `No ${key}`;
  if (message.from === undefined) return "Malformed From";
  if (message.to === undefined) return "Malformed To";
  if (message.cseq === undefined) return "Malformed CSeq";
  if (!/^[\x21-\x7e]+$/.test(message.callId ?? "")) return "Malformed Call-ID";
  if (!message.list("via").every((value) => parseVia(value).ok)) return "Malformed Via";
  const expires = message.first("expires");
  if (expires !== undefined && !number32(expires)) return "Malformed Expires";
  const type = message.first("content-type");
  if (type !== undefined && !/^[^\s/;]+\s*\/\s*[^\s/;]+\s*(;|$)/.test(type)) return "Malformed Content-Type";
  return undefined;
}

function checkContacts(request: SipRequest): Fault {
  for (const value of request.list("contact")) {
    if (value === "*") continue;
    const contact = parseNameAddr(value);
    if (!contact.ok) return "Malformed Contact";
    const expires = param(contact.value.params, "expires");
    if (expires !== undefined && !number32(expires)) return "Malformed expires in Contact";
    const q = param(contact.value.params, "q");
    if (q !== undefined && !/^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(q))
      return "Malformed q in Contact";
  }
  return undefined;
}

/** The option tags of a field such as Require; malformed ones are left out. */
export const optionTags = (message: SipMessage, key: string): string[] => message.list(key).filter(isToken);
