// The channels that one connection is to be in: joins them, comes back, and says where it stands (session/membership.ts).
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { type Input, type Membership, notThere, type Place, step } from "../session/membership.ts";
import { isJoinError } from "../translate/room-errors.ts";
import { foldName } from "../wire/isupport.ts";
import { type Message, message, param } from "../wire/message.ts";
import { parseSource } from "../wire/source.ts";
import type { Link } from "./link.ts";

export interface AttendanceParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Makes the nick known in the house; must have happened before it enters a channel. */
  readonly announce: (nick: string) => Promise<void>;
}

interface Attended {
  readonly channel: string;
  readonly changed: (place: Place) => void;
  state: Membership;
  reason: string;
  cancel: (() => void) | undefined;
  readonly waiting: Set<() => void>;
}

const fold = (channel: string): string => foldName(channel, "rfc1459");

export class Attendance {
  readonly #parts: AttendanceParts;
  readonly #channels = new Map<string, Attended>();
  #link: Link | undefined;
  /** The connection whose nick the house knows. */
  #known: Link | undefined;

  constructor(parts: AttendanceParts) {
    this.#parts = parts;
  }

  /** Whether there is a channel to be in. */
  get isWanted(): boolean {
    return [...this.#channels.values()].some(({ state }) => state.wanted);
  }

  place(channel: string): Place {
    return this.#channels.get(fold(channel))?.state.place ?? notThere.place;
  }

  wants(channel: string): boolean {
    return this.#channels.get(fold(channel))?.state.wanted ?? false;
  }

  /** From now on in this channel; `changed` is called whenever its place is another. */
  want(channel: string, changed: (place: Place) => void): void {
    const key = fold(channel);
    const known = this.#channels.get(key);
    if (known?.state.wanted) return;
    const attended: Attended = {
      channel,
      changed,
      state: { ...notThere, connected: this.#known !== undefined && this.#known === this.#link },
      reason: "",
      cancel: undefined,
      waiting: new Set(),
    };
    this.#channels.set(key, attended);
    this.#step(attended, { kind: "want" });
    if (this.#link !== undefined) this.#announce(this.#link);
  }

  unwant(channel: string, reason: string): void {
    const attended = this.#channels.get(fold(channel));
    if (attended === undefined) return;
    attended.reason = reason;
    this.#step(attended, { kind: "unwant" });
    this.#channels.delete(fold(channel));
    for (const wake of [...attended.waiting]) wake();
  }

  /** The person acts: what keeps him out is tried again. */
  act(channel: string): void {
    const attended = this.#channels.get(fold(channel));
    if (attended !== undefined) this.#step(attended, { kind: "act" });
  }

  /** Waits until it is in, refused or kicked, at most `timeoutMs`. */
  settled(channel: string, timeoutMs: number, signal: AbortSignal): Promise<Place> {
    const attended = this.#channels.get(fold(channel));
    const place = this.place(channel);
    if (attended === undefined || (place.at !== "joining" && place.at !== "out") || signal.aborted)
      return Promise.resolve(place);
    return new Promise((resolve) => {
      const answer = (): void => {
        if (attended.state.place.at === "joining" && this.#channels.get(fold(channel)) === attended) return;
        give();
      };
      const give = (): void => {
        attended.waiting.delete(answer);
        cancel();
        signal.removeEventListener("abort", give);
        resolve(attended.state.place);
      };
      const cancel = this.#parts.clock.after(timeoutMs, give);
      signal.addEventListener("abort", give, { once: true });
      attended.waiting.add(answer);
    });
  }

  onReady(link: Link): void {
    this.#link = link;
    if (this.isWanted) this.#announce(link);
  }

  onLost(): void {
    this.#link = undefined;
    this.#known = undefined;
    for (const attended of this.#channels.values()) this.#step(attended, { kind: "lost" });
  }

  #announce(link: Link): void {
    if (this.#known === link) return;
    void this.#parts.announce(link.nick).then(() => {
      if (this.#link !== link || this.#known === link) return;
      this.#known = link;
      for (const attended of [...this.#channels.values()]) this.#step(attended, { kind: "connected" });
    });
  }

  onLine(link: Link, line: Message): void {
    const ours = link.fold(parseSource(line.source ?? "").nick) === link.fold(link.nick);
    switch (line.command) {
      case "JOIN":
        return ours ? this.#take(param(line, 0), { kind: "entered" }) : undefined;
      case "PART":
        return ours ? this.#take(param(line, 0), { kind: "left" }) : undefined;
      case "KICK":
        return link.fold(param(line, 1)) === link.fold(link.nick)
          ? this.#take(param(line, 0), {
              kind: "kicked",
              by: parseSource(line.source ?? "").nick,
              text: param(line, 2),
            })
          : undefined;
      case "INVITE":
        return this.#take(param(line, 1), { kind: "invited" });
      case "442":
        return this.#take(param(line, 1), { kind: "left" });
      default:
        if (isJoinError(line.command))
          this.#take(param(line, 1), {
            kind: "refused",
            code: line.command,
            text: param(line, line.params.length - 1),
          });
    }
  }

  #take(channel: string, input: Input): void {
    const attended = this.#channels.get(fold(channel));
    if (attended !== undefined) this.#step(attended, input);
  }

  #step(attended: Attended, input: Input): void {
    const [state, outputs] = step(attended.state, input);
    attended.state = state;
    for (const output of outputs)
      switch (output.do) {
        case "join":
          this.#link?.say(message("JOIN", [attended.channel]));
          break;
        case "part":
          this.#link?.say(
            message("PART", [attended.channel, ...(attended.reason === "" ? [] : [attended.reason])]),
          );
          break;
        case "start-timer":
          attended.cancel?.();
          attended.cancel = this.#parts.clock.after(output.ms, () => this.#step(attended, { kind: "timer" }));
          break;
        case "stop-timer":
          attended.cancel?.();
          attended.cancel = undefined;
          break;
        case "changed":
          attended.changed(state.place);
          for (const wake of [...attended.waiting]) wake();
          break;
      }
  }

  /** Forgets everything; the connection is gone or about to go. */
  close(): void {
    for (const attended of this.#channels.values()) {
      attended.cancel?.();
      for (const wake of [...attended.waiting]) wake();
    }
    this.#channels.clear();
  }
}
