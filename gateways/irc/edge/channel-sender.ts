// Says one message in a channel over one connection: waits for the connection and for the channel, writes, waits for the barrier.
import type { Delivery } from "#bus-schemas/delivery/courier.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import type { Place } from "../session/membership.ts";
import { failureText, reasonOf } from "../translate/errors.ts";
import type { Lines, View } from "../translate/from-bus.ts";
import type { Attendance } from "./attendance.ts";
import type { Link } from "./link.ts";

export const channelSenderLimits = {
  /** How long a message waits for the connection; then it goes to the mailbox. */
  readyMs: 25_000,
  /** How long it waits then for the channel. */
  enterMs: 8_000,
  /** How long it may take altogether: below the courier's 40 s. */
  deliverMs: 36_000,
} as const;

export interface Speaking {
  readonly clock: Clock;
  readonly maxLines: number;
  readonly ready: (timeoutMs: number, signal: AbortSignal) => Promise<Link | undefined>;
  readonly attendance: Attendance;
}

/** What became of it; `msgid`: what the server calls it; `outside`: the connection stands and is not let into the channel. */
export type Passed =
  | (Delivery & { readonly msgid?: string | undefined })
  | { readonly end: "outside"; readonly place: Place };

/** Hands the lines over; a server that says that we are not in the channel after all has taken none: then once more. */
export async function passed(
  speaking: Speaking,
  channel: string,
  draw: (view: View) => Lines,
  given: AbortSignal,
): Promise<Passed> {
  const overdue = new AbortController();
  const cancel = speaking.clock.after(channelSenderLimits.deliverMs, () => overdue.abort());
  const signal = AbortSignal.any([given, overdue.signal]);
  const until = speaking.clock.monotonic() + channelSenderLimits.readyMs;
  try {
    for (let tries = 0; ; tries++) {
      const left = until - speaking.clock.monotonic();
      const link = left > 0 ? await speaking.ready(left, signal) : undefined;
      if (link === undefined) return { end: "away" };
      const place = await speaking.attendance.settled(channel, channelSenderLimits.enterMs, signal);
      if (place.at === "kicked" || place.at === "refused") return { end: "outside", place };
      if (place.at !== "in") {
        if (tries < 3 && !signal.aborted && place.at === "out") continue;
        return { end: "away" };
      }
      const done = await written(
        link,
        channel,
        draw({
          mask: link.mask,
          target: channel,
          maxLines: speaking.maxLines,
          tags: link.caps.has("message-tags"),
        }),
        signal,
      );
      if (done === "again" && tries < 3) continue;
      return done === "again" ? { end: "away" } : done;
    }
  } finally {
    cancel();
  }
}

async function written(
  link: Link,
  channel: string,
  drawn: Lines,
  signal: AbortSignal,
): Promise<Exclude<Passed, { end: "outside" }> | "again"> {
  if (!drawn.ok) return { end: "refused", reason: drawn.reason, text: drawn.text };
  const sent = await link.submit(drawn.lines, channel, signal);
  switch (sent.end) {
    case "taken":
      return { end: "handed", msgid: sent.msgid };
    case "failed":
      if (sent.failure.code === "442" || sent.failure.code === "403") return "again";
      return { end: "refused", reason: reasonOf(sent.failure), text: failureText(sent.failure) };
    case "unknown":
      return { end: "uncertain", text: "the connection broke before the server had confirmed it" };
    case "unwritten":
      return signal.aborted ? { end: "away" } : "again";
  }
}
