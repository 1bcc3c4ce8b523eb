// What our room says in a conference elsewhere: by the speaker's own session, in his own name (RFC 7701 §6, RFC 7702 §6.2).
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { printCpim } from "../../wire/cpim.ts";
import { isComposingType, printIsComposing } from "../../wire/is-composing.ts";
import { oneLine } from "../text.ts";

/** A quotation is cut to so many characters. */
const quoted = 60;

/** The id of what our room says: that of its event, the same when it is said again. */
export const idOf = (event: MessageEvent): string => event.room?.event ?? event.id;

/** To whom alone it is said there: people of a leg are addressed under it (crowd.ts). */
export const whisperedTo = (event: MessageEvent): string | undefined =>
  event.to.device === undefined ? undefined : event.to.local;

const display = (name: string | undefined): string =>
  name === undefined ? "" : `"${oneLine(name).replace(/["\\]/g, "\\$&")}" `;

/** The message/cpim of one message; `fromUri` must be the one in From of his INVITE (RFC 7701 §6.1). */
export function focusLetter(
  event: MessageEvent,
  uris: { readonly from: string; readonly to: string; readonly nick: string | undefined },
): Buffer {
  const headers: [string, string][] = [
    ["From", `${display(uris.nick)}<${uris.from}>`],
    ["To", `<${uris.to}>`],
    ["DateTime", new Date(event.written ?? event.time).toISOString()],
    ["NS", "imdn <urn:ietf:params:imdn>"],
    ["imdn.Message-ID", idOf(event)],
  ];
  const mime: [string, string][] = [
    ["Content-Type", "text/plain;charset=UTF-8"],
    ...(event.language === undefined ? [] : [["Content-Language", event.language] as [string, string]]),
  ];
  return printCpim(headers, mime, Buffer.from(spoken(event), "utf8"));
}

function spoken({ replyTo, action, correctionOf, text }: MessageEvent): string {
  const excerpt = replyTo?.excerpt && oneLine(replyTo.excerpt);
  const short = excerpt && excerpt.length > quoted ? `${[...excerpt].slice(0, quoted).join("")}…` : excerpt;
  const before = short ? `> ${replyTo?.nick === undefined ? "" : `${replyTo.nick}: `}${short}\n` : "";
  return `${before}${action ? "/me " : ""}${correctionOf === undefined ? "" : "* "}${text}`;
}

/** That somebody of ours writes, or no longer. */
export function focusTyping(
  uris: { readonly from: string; readonly to: string },
  active: boolean,
  nowMs: number,
): Buffer {
  const headers: [string, string][] = [
    ["From", `<${uris.from}>`],
    ["To", `<${uris.to}>`],
    ["DateTime", new Date(nowMs).toISOString()],
  ];
  const content = printIsComposing({ state: active ? "active" : "idle", refresh: 90 });
  return printCpim(headers, [["Content-Type", isComposingType]], content);
}
