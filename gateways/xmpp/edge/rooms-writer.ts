// Writes what many are shown: printed once, addressed by the server itself if it can (`<fan/>` of urn:parley:ack:0), else here;
// in pieces, behind the barriers of one component stream.
import type { Out, Recipient } from "../translate/rooms/stage.ts";
import { type Element, element, ns } from "../wire/element.ts";
import { print, printAttribute } from "../wire/print.ts";
import type { Printed } from "./outbox.ts";

export const limits = {
  /** Characters of one piece, each copy counted: what is handed to the stream at a time. */
  piece: 256 * 1024,
  /** Names in one fan: the server does nothing else while it works through them. */
  fan: 500,
  /** Below so many names copies are as cheap. */
  fewest: 3,
  /** Characters handed out and not yet taken by the server, all rooms of a domain together; above it rooms wait. */
  waiting: 4 * 1024 * 1024,
} as const;

/** Where the pieces go; true when the server has taken it, false when it came back. */
export type Hand = (id: string, text: Printed) => Promise<boolean>;

/** A stanza without `to`, which is put between. */
interface Halves {
  readonly head: string;
  readonly tail: string;
}

/** One stanza and some of those to whom it goes. */
interface Part {
  readonly stanza: Element;
  readonly to: readonly Recipient[];
}

export class Writer {
  readonly #hand: Hand;
  readonly #halves = new WeakMap<Element, Halves>();
  readonly #addressed = new WeakMap<Recipient, string>();
  readonly #waiters: (() => void)[] = [];
  #waiting = 0;
  #count = 0;

  constructor(hand: Hand) {
    this.#hand = hand;
  }

  /** Characters on their way. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Hands it over in its order, waiting where too much is under way already. Resolves when all is handed over, with a promise
   * of whether the server has taken it.
   */
  async write(outs: readonly Out[]): Promise<{ readonly taken: Promise<boolean> }> {
    const ends: Promise<boolean>[] = [];
    let parts: Part[] = [];
    let length = 0;
    const flush = async (): Promise<void> => {
      if (length === 0) return;
      const [piece, size] = [parts, length];
      parts = [];
      length = 0;
      await this.#room();
      ends.push(this.#send(piece, size));
    };
    for (const { stanza, to } of outs) {
      const { head, tail } = this.#print(stanza);
      const most = Math.max(1, Math.min(limits.fan, Math.floor(limits.piece / (head.length + tail.length))));
      for (let at = 0; at < to.length; at += most) {
        const some = to.length <= most ? to : to.slice(at, at + most);
        parts.push({ stanza, to: some });
        for (const recipient of some) length += head.length + this.#address(recipient).length + tail.length;
        if (length >= limits.piece) await flush();
      }
    }
    await flush();
    return { taken: Promise.all(ends).then((all) => all.every((taken) => taken)) };
  }

  async #room(): Promise<void> {
    while (this.#waiting >= limits.waiting) await new Promise<void>((go) => this.#waiters.push(go));
  }

  #send(parts: readonly Part[], size: number): Promise<boolean> {
    this.#waiting += size;
    this.#count += 1;
    const plain = (): string => parts.map((part) => this.#copies(part)).join("");
    return this.#hand(`rooms ${this.#count}`, {
      fan: () => parts.map((part) => this.#fan(part)).join(""),
      plain,
    }).finally(() => {
      this.#waiting -= size;
      for (const go of this.#waiters.splice(0)) go();
    });
  }

  #copies({ stanza, to }: Part): string {
    const { head, tail } = this.#print(stanza);
    let text = "";
    for (const recipient of to) text += head + this.#address(recipient) + tail;
    return text;
  }

  #fan(part: Part): string {
    if (part.to.length < limits.fewest) return this.#copies(part);
    const names = part.to.map(({ jid }) => jid).join("\n");
    return print(element("fan", ns.ack, {}, part.stanza, element("to", ns.ack, {}, names)), ns.component);
  }

  #print(stanza: Element): Halves {
    const known = this.#halves.get(stanza);
    if (known) return known;
    const text = print(stanza, ns.component);
    const at = stanza.name.length + 1;
    const printed = { head: text.slice(0, at), tail: text.slice(at) };
    this.#halves.set(stanza, printed);
    return printed;
  }

  #address(recipient: Recipient): string {
    const known = this.#addressed.get(recipient);
    if (known !== undefined) return known;
    const text = printAttribute("to", recipient.jid);
    this.#addressed.set(recipient, text);
    return text;
  }
}
