// What an actor of any protocol does in a play: says, hears, leaves. The actors share no code with the gateways.

/** What became of saying something, as far as the actor's own server answered. */
export interface Sent {
  /** The actor's own id of the message, where his protocol has one. */
  readonly id: string;
  /** `taken`: his server accepted it. `refused`: it said no at once. `unknown`: his protocol does not say. */
  readonly answer: "taken" | "refused" | "unknown";
  /** The protocol's own words: a status, a condition, a numeric. */
  readonly detail?: string;
}

export interface Heard {
  /** `room`: said in the room that he is in. `report`: a failure or receipt about a message that this actor sent. */
  readonly kind: "message" | "room" | "report";
  /** Who spoke, as this actor's protocol shows him. */
  readonly from: string;
  readonly text: string;
  /** The id under which it came; of a report: the actor's own id of the message that it is about, if it says so. */
  readonly id?: string;
  /** Of a report: `failed`, `delivered`, `displayed`, or what the protocol calls it. */
  readonly outcome?: string;
  /** Milliseconds, from performance.now(). */
  readonly at: number;
}

export type Match = string | RegExp | ((heard: Heard) => boolean);

export interface Actor {
  /** `local@domain`, under which others reach him. */
  readonly address: string;
  say(to: string, text: string): Promise<Sent>;
  /** Enters a room, or the channel that is one with it; resolves when he is in. */
  enter(room: string): Promise<void>;
  /** Says something in the room that he is in. */
  speak(text: string): Promise<void>;
  /**
   * The first thing heard, from the beginning on, that matches and has not been given to an earlier call. A text matches
   * as part of the text. Rejects after `timeoutMs`.
   */
  heard(match: Match, timeoutMs: number): Promise<Heard>;
  /** Everything heard so far, in order. */
  readonly ear: readonly Heard[];
  close(): Promise<void>;
}

/** Collects what an actor hears, and wakes those who wait for it. */
export class Ear {
  readonly all: Heard[] = [];
  readonly #given = new Set<Heard>();
  readonly #waiting = new Set<(heard: Heard) => boolean>();

  hear(heard: Omit<Heard, "at">): void {
    const whole = { ...heard, at: performance.now() };
    this.all.push(whole);
    for (const offer of this.#waiting)
      if (offer(whole)) {
        this.#given.add(whole);
        return;
      }
  }

  heard(who: string, match: Match, timeoutMs: number): Promise<Heard> {
    const fits = matcher(match);
    const there = this.all.find((one) => !this.#given.has(one) && fits(one));
    if (there) {
      this.#given.add(there);
      return Promise.resolve(there);
    }
    return new Promise((resolve, reject) => {
      const offer = (heard: Heard): boolean => {
        if (!fits(heard)) return false;
        clearTimeout(late);
        this.#waiting.delete(offer);
        resolve(heard);
        return true;
      };
      const late = setTimeout(() => {
        this.#waiting.delete(offer);
        reject(new Error(`${who} did not hear ${String(match)} within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.add(offer);
    });
  }
}

function matcher(match: Match): (heard: Heard) => boolean {
  if (typeof match === "function") return match;
  if (typeof match === "string") return (heard) => heard.text.includes(match);
  return (heard) => match.test(heard.text);
}
