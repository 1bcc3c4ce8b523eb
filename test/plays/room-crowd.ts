// A crowd in a room: people of four protocols who do this and that, or speak one line after the other, and the account of what they
// said and what each of them was shown of it.
import { setTimeout as sleep } from "node:timers/promises";
import type { Done, Entry, Protocol, RoomActor } from "#test/cast/room-actor.ts";

/** Numbers that look random and are the same in every run. */
export function dice(seed: number): (sides: number) => number {
  let state = seed * 7_919 + 17;
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % sides;
  };
}

export interface Said {
  readonly text: string;
  readonly answer: Done;
  readonly at: number;
}

/** Somebody who acts, one thing after the other, and remembers what he was told of it. */
export class Person {
  readonly actor: RoomActor;
  /** Begins all that he says; his nick may be another. */
  readonly name: string;
  readonly said: Said[] = [];
  readonly refused: string[] = [];
  readonly #roll: (sides: number) => number;
  #count = 0;

  constructor(actor: RoomActor, name: string, seed: number) {
    this.actor = actor;
    this.name = name;
    this.#roll = dice(seed);
  }

  async enters(): Promise<void> {
    this.#note("joins", await this.actor.joins(this.name));
  }

  /** Random things until that moment (`Date.now()`), with pauses of at most `pauseMs`. */
  async acts(until: number, pauseMs: number): Promise<void> {
    while (Date.now() < until) {
      const what = this.#roll(14);
      if (!this.actor.inside) await this.enters();
      else if (what === 0) this.#note("leaves", await this.actor.leaves());
      else if (what === 1) this.#note("renames", await this.actor.renames(`${this.name}-${this.#roll(100)}`));
      else if (what === 2 && this.actor.protocol !== "irc")
        this.#note("topics", await this.actor.topics(`${this.name} ${this.#roll(1_000)} for a subject`));
      else await this.says();
      await sleep(this.#roll(pauseMs));
    }
  }

  /** Speaks so many times, in about equal pauses. */
  async speaks(count: number, pauseMs: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const from = Date.now();
      await this.says();
      await sleep(Math.max(0, pauseMs - (Date.now() - from)));
    }
  }

  async says(): Promise<void> {
    this.#count += 1;
    const text = `${this.name} says ${this.#count}`;
    const at = performance.now();
    const answer = await this.actor.says(text);
    this.said.push({ text, answer, at });
    this.#note("says", answer);
  }

  #note(what: string, { answer, code }: Done): void {
    if (answer !== "done") this.refused.push(`${this.name} ${what}: ${answer} ${code ?? ""}`);
  }
}

const isCrowd = ({ kind, to, text }: Entry): boolean =>
  kind === "said" && to === undefined && / says \d+$/.test(text);

/** What this one was shown of the crowd's words as they were said, oldest first; history that he was told is not in it. */
export const heardLive = (actor: RoomActor): readonly Entry[] =>
  actor.transcript.filter((entry) => isCrowd(entry) && entry.old !== true);

/** What was said, as the room's history tells it. */
export const toldAsHistory = async (actor: RoomActor): Promise<readonly Entry[]> =>
  (await actor.history()).filter(isCrowd);

const speakerOf = (text: string): string => text.split(" ", 1)[0] ?? "";
const numberOf = (text: string): number => Number(text.split(" ").at(-1));

/** Texts that are there more than once. */
export function twice(texts: readonly string[]): string[] {
  const seen = new Set<string>();
  return texts.filter((text) => seen.size === seen.add(text).size);
}

/** Lines of a speaker that came after a later one of his. */
export function disordered(texts: readonly string[]): string[] {
  const last = new Map<string, number>();
  return texts.filter((text) => {
    const [who, number] = [speakerOf(text), numberOf(text)];
    const before = last.get(who) ?? 0;
    last.set(who, Math.max(before, number));
    return number < before;
  });
}

/** The first two that stand in another order here than in the room. */
export function outOfOrder(texts: readonly string[], order: readonly string[]): string | undefined {
  const place = new Map(order.map((text, index) => [text, index]));
  for (let index = 1; index < texts.length; index += 1) {
    const [one = "", other = ""] = [texts[index - 1], texts[index]];
    if ((place.get(one) ?? -1) > (place.get(other) ?? Number.POSITIVE_INFINITY)) return `${one} < ${other}`;
  }
  return undefined;
}

/** Protocols whose people see the room's own order; a channel has one of its own. */
export const isNative = (protocol: Protocol): boolean => protocol !== "irc";

/** Nicks on this one's roster. */
export const nicksOf = ({ roster }: RoomActor): string[] => [...roster.keys()].sort();
