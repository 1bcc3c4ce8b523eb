// Session timers: how long a call stands without being refreshed, and who refreshes it (RFC 4028). Pure.
import type { Field, SipRequest, SipResponse } from "../wire/message.ts";
import { param, parseParams } from "../wire/params.ts";
import { field } from "../wire/print.ts";

/** Below this nobody may ask (§4), seconds. */
export const leastSeconds = 90;

export interface SessionTimer {
  readonly seconds: number;
  readonly refresher: "us" | "peer";
}

export type Negotiated =
  | { readonly is: "too-brief"; readonly fields: readonly Field[] }
  | { readonly is: "agreed"; readonly timer: SessionTimer; readonly fields: readonly Field[] };

function expiresOf(
  message: SipRequest | SipResponse,
): { seconds: number; refresher: string | undefined } | undefined {
  const match = /^\s*(\d{1,9})\s*(;.*)?$/.exec(message.first("session-expires") ?? "");
  if (!match?.[1]) return undefined;
  const params = parseParams(match[2] ?? "");
  return { seconds: Number(match[1]), refresher: params && param(params, "refresher")?.toLowerCase() };
}

/** What we answer to an INVITE: at most `usual` seconds; the caller refreshes if he can (§9). */
export function answerTimer(request: SipRequest, usual: number): Negotiated {
  const peerKnows = request.list("supported").some((tag) => tag.toLowerCase() === "timer");
  const asked = expiresOf(request);
  if (asked !== undefined && asked.seconds < leastSeconds)
    return { is: "too-brief", fields: [field("min-se", String(leastSeconds))] };
  const least = Math.max(leastSeconds, Number(/^\s*(\d{1,9})/.exec(request.first("min-se") ?? "")?.[1] ?? 0));
  const seconds = Math.max(Math.min(asked?.seconds ?? usual, Math.max(usual, least)), least);
  const peer = peerKnows && asked?.refresher !== "uas";
  const fields = [field("session-expires", `${seconds};refresher=${peer ? "uac" : "uas"}`)];
  return {
    is: "agreed",
    timer: { seconds, refresher: peer ? "peer" : "us" },
    fields: peerKnows ? [...fields, field("require", "timer")] : fields,
  };
}

/** What an INVITE of ours asks for. */
export const askTimer = (seconds: number): readonly Field[] => [
  field("supported", "timer"),
  field("session-expires", `${seconds};refresher=uac`),
  field("min-se", String(leastSeconds)),
];

/** What the answer to it says; who does not know timers is refreshed by us (§7.2). */
export function agreedTimer(response: SipResponse, seconds: number): SessionTimer {
  const said = expiresOf(response);
  return { seconds: said?.seconds ?? seconds, refresher: said?.refresher === "uas" ? "peer" : "us" };
}

/** When something has to be done, milliseconds from the last refresh: we refresh at half, or hang up shortly before the end (§10). */
export const dueMs = ({ seconds, refresher }: SessionTimer): number =>
  refresher === "us" ? seconds * 500 : (seconds - Math.min(32, seconds / 3)) * 1000;
