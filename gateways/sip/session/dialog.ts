// Dialogs: who is in it, which way its requests go, which numbers they have (RFC 3261 §12).
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import type { Field, SipRequest, SipResponse } from "../wire/message.ts";
import { parseNameAddr, printNameAddr, tagOf } from "../wire/name-addr.ts";
import { param } from "../wire/params.ts";
import { field } from "../wire/print.ts";
import { isSip, parseUri, printUri } from "../wire/uri.ts";

/** All of it is plain data: it is stored, so that another process can go on with it. */
export interface Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** As they stand in From and To, without tags. */
  readonly local: string;
  readonly remote: string;
  /** The number of our last request; 0 when there was none. */
  readonly localCseq: number;
  /** The number of the peer's last request; undefined when there was none. */
  readonly remoteCseq?: number | undefined;
  /** URIs, nearest first. */
  readonly routes: readonly string[];
  /** The peer's Contact URI. */
  readonly target: string;
}

/** Record-Routes in one dialog; more are refused. */
const mostRoutes = 32;

/** Under which name a dialog is found again: all three are the peer's and ours, in the view of this side (§12). */
export const dialogKey = (callId: string, localTag: string, remoteTag: string): string =>
  `${callId}\n${localTag}\n${remoteTag}`;

/** The dialog that a request to us belongs to; undefined when it names none. */
export function keyOfRequest(request: SipRequest): string | undefined {
  const local = request.to && tagOf(request.to);
  if (local === undefined || request.callId === undefined) return undefined;
  // A From without a tag is of the time before tags (§12.1.1).
  return dialogKey(request.callId, local, (request.from && tagOf(request.from)) ?? "");
}

/** The URI of the one Contact of a message. Errors: none, several, malformed, no sip URI. */
export function contactOf(message: SipRequest | SipResponse): Result<string> {
  const values = message.list("contact");
  const contact = values.length === 1 ? parseNameAddr(values[0] ?? "") : undefined;
  if (!contact?.ok) return bad("not one Contact");
  if (!isSip(contact.value.uri) || contact.value.uri.scheme !== "sip")
    return bad("Contact of another scheme");
  return ok(printUri({ ...contact.value.uri, headers: undefined }));
}

function routesOf(message: SipRequest | SipResponse): Result<string[]> {
  const routes = message.list("record-route").map(parseNameAddr);
  if (routes.length > mostRoutes) return bad("too many Record-Routes");
  const uris = routes.flatMap((route) => (route.ok ? [printUri(route.value.uri)] : []));
  return uris.length === routes.length ? ok(uris) : bad("malformed Record-Route");
}

const party = (message: SipRequest | SipResponse, key: "from" | "to"): string => {
  const name = message[key];
  return name === undefined
    ? ""
    : printNameAddr({ ...name, params: name.params.filter(([each]) => each !== "tag") });
};

/** The dialog that our 2xx to this request makes (§12.1.1). Errors: no Contact, malformed routes. */
export function answeredDialog(request: SipRequest, localTag: string): Result<Dialog> {
  const target = contactOf(request);
  if (!target.ok) return target;
  const routes = routesOf(request);
  if (!routes.ok) return routes;
  return ok({
    callId: request.callId ?? "",
    localTag,
    remoteTag: (request.from && tagOf(request.from)) ?? "",
    local: party(request, "to"),
    remote: party(request, "from"),
    localCseq: 0,
    remoteCseq: request.cseq?.number,
    routes: routes.value,
    target: target.value,
  });
}

/** The dialog that a 2xx to our request makes (§12.1.2). Errors: no To tag, no Contact, malformed routes. */
export function askedDialog(request: SipRequest, response: SipResponse): Result<Dialog> {
  const target = contactOf(response);
  if (!target.ok) return target;
  const routes = routesOf(response);
  if (!routes.ok) return routes;
  return ok({
    callId: request.callId ?? "",
    localTag: (request.from && tagOf(request.from)) ?? "",
    remoteTag: (response.to && tagOf(response.to)) ?? "",
    local: party(request, "from"),
    remote: party(response, "to"),
    localCseq: request.cseq?.number ?? 1,
    routes: routes.value.reverse(),
    target: target.value,
  });
}

/** The fields that a response owes to the way its request came (§12.1.1). */
export const recordRoutes = (request: SipRequest): Field[] =>
  request.fields.filter(({ key }) => key === "record-route");

/** A request of the peer in this dialog: the dialog after it, or false for one that is out of order and answered 500 (§12.2.2). */
export function received(dialog: Dialog, request: SipRequest): Dialog | false {
  const number = request.cseq?.number ?? 0;
  if (dialog.remoteCseq !== undefined && number <= dialog.remoteCseq) return false;
  const contact = targetRefreshes.has(request.method) ? contactOf(request) : undefined;
  return { ...dialog, remoteCseq: number, ...(contact?.ok ? { target: contact.value } : {}) };
}

const targetRefreshes: ReadonlySet<string> = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"]);

/** A request of ours, as far as the dialog says: all but Via and what it is about. */
export interface InDialog {
  readonly dialog: Dialog;
  readonly uri: string;
  readonly fields: readonly Field[];
  /** The URI to whose host it goes. */
  readonly nextHop: string;
}

/** The next request of ours (§12.2.1.1). ACK has the number of its INVITE: give it as `cseq`. */
export function requestIn(dialog: Dialog, method: string, cseq = dialog.localCseq + 1): InDialog {
  const [first] = dialog.routes;
  const strict = first !== undefined && !isLoose(first);
  const uri = strict ? first : dialog.target;
  const routes = strict ? [...dialog.routes.slice(1), dialog.target] : dialog.routes;
  return {
    dialog: { ...dialog, localCseq: Math.max(cseq, dialog.localCseq) },
    uri,
    nextHop: first ?? dialog.target,
    fields: [
      field("max-forwards", "70"),
      ...routes.map((route) => field("route", `<${route}>`)),
      field("from", `${dialog.local};tag=${dialog.localTag}`),
      field("to", `${dialog.remote}${dialog.remoteTag === "" ? "" : `;tag=${dialog.remoteTag}`}`),
      field("call-id", dialog.callId),
      field("cseq", `${cseq} ${method}`),
    ],
  };
}

function isLoose(route: string): boolean {
  const uri = parseUri(route);
  return uri.ok && isSip(uri.value) && param(uri.value.params, "lr") !== undefined;
}
