// Writes what many are shown: printed once, addressed to each, in pieces, behind the barriers of one component stream.
import type { Out, Recipient } from "../translate/rooms/stage.ts";
import { type Element, ns } from "../wire/element.ts";
import { print, printAttribute } from "../wire/print.ts";

export const limits = {
  /** Characters of one piece: what is handed to the stream at a time. */
  piece: 256 * 1024,
  /** Characters handed out and not yet taken by the server, all rooms of a domain together; above it rooms wait. */
  waiting: 4 * 1024 * 1024,
} as const;

/** Where the pieces go; true when the server has taken it, false when it came back. */
export type Hand = (id: string, text: string) => Promise<boolean>;

interface Printed {
  readonly head: string;
  readonly tail: string;
}

export class Writer {
  readonly #hand: Hand;
  readonly #printed = new WeakMap<Element, Printed>();
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
    let piece: string[] = [];
    let length = 0;
    const flush = async (): Promise<void> => {
      if (length === 0) return;
      const text = piece.join("");
      piece = [];
      length = 0;
      await this.#room();
      ends.push(this.#send(text));
    };
    for (const { stanza, to } of outs) {
      const { head, tail } = this.#print(stanza);
      for (const recipient of to) {
        const text = head + this.#address(recipient) + tail;
        piece.push(text);
        length += text.length;
        if (length >= limits.piece) await flush();
      }
    }
    await flush();
    return { taken: Promise.all(ends).then((all) => all.every((taken) => taken)) };
  }

  async #room(): Promise<void> {
    while (this.#waiting >= limits.waiting) await new Promise<void>((go) => this.#waiters.push(go));
  }

  #send(text: string): Promise<boolean> {
    this.#waiting += text.length;
    this.#count += 1;
    return this.#hand(`rooms ${this.#count}`, text).finally(() => {
      this.#waiting -= text.length;
      for (const go of this.#waiters.splice(0)) go();
    });
  }

  #print(stanza: Element): Printed {
    const known = this.#printed.get(stanza);
    if (known) return known;
    const text = print(stanza, ns.component);
    const at = stanza.name.length + 1;
    const printed = { head: text.slice(0, at), tail: text.slice(at) };
    this.#printed.set(stanza, printed);
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
