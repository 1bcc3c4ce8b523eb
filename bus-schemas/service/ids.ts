// Ids that an edge makes: time-ordered ones for things, and the names of instances. Event ids are hashes: ../ids.ts.
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { bad, ok, type Result } from "../result.ts";
import type { Clock } from "./service.ts";

/** Makes ids that sort by the time of their making: 9 characters of milliseconds, 5 of a count, 16 at random. */
export function openIds(clock: Clock): () => string {
  let lastMs = 0;
  let count = 0;
  return () => {
    const now = clock.now();
    // The count goes on when the clock stands or steps back, so ids of one process never fall behind earlier ones.
    if (now > lastMs) {
      lastMs = now;
      count = 0;
    } else count += 1;
    const stamp = lastMs.toString(36).padStart(9, "0");
    return `${stamp}${count.toString(36).padStart(5, "0")}${randomBytes(8).toString("hex")}`;
  };
}

/** The longest instance name: it is a token of NATS subjects and a part of a SIP Via branch. */
export const longestInstanceName = 63;

/**
 * The name of this instance: the one that was asked for, or `<service>-<host>-<pid>`. A name that stays the same over
 * restarts (sip-1) lets the process that comes back continue what it had under way. One token: a-z, 0-9 and hyphens.
 */
export function instanceName(service: string, asked: string | undefined): Result<string> {
  if (asked === undefined) {
    const host = hostname()
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-");
    const tail = `-${process.pid}`;
    return ok(`${service}-${host}`.slice(0, longestInstanceName - tail.length).replace(/-+$/, "") + tail);
  }
  if (!/^[a-z0-9][a-z0-9-]*$/.test(asked) || asked.length > longestInstanceName)
    return bad(
      `the instance name "${asked}" must be a-z, 0-9 and hyphens, at most ${longestInstanceName} characters`,
    );
  return ok(asked);
}
