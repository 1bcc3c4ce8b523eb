// One request that we answer: drives the server machine. Of an answered request only the answer is kept, for there may be
// hundreds of thousands at once; that is why this does not use service/drive.ts, which keeps more for each.
import type { Wheel, WheelTimer } from "#bus-schemas/service/wheel.ts";
import { type Answer, respond } from "../session/respond.ts";
import { newServer, type ServerInput, stepServer } from "../session/server-transaction.ts";
import type { SipRequest } from "../wire/message.ts";
import { print } from "../wire/print.ts";
import type { Source } from "./transport-types.ts";

export interface ServedParts {
  readonly wheel: Wheel;
  readonly reply: (bytes: Buffer, source: Source) => void;
  /** It is over: forget it. */
  readonly over: (served: { readonly key: string; readonly merge: string | undefined }) => void;
}

export class Served {
  readonly key: string;
  readonly merge: string | undefined;
  readonly #parts: ServedParts;
  #source: Source;
  #state;
  /** Until it is answered. */
  #request: SipRequest | undefined;
  #last: Buffer | undefined;
  /** Only one of the machine's two timers runs at a time. */
  #timer: WheelTimer | undefined;

  constructor(
    keys: { key: string; merge: string | undefined },
    request: SipRequest,
    source: Source,
    parts: ServedParts,
  ) {
    this.key = keys.key;
    this.merge = keys.merge;
    this.#source = source;
    this.#request = request;
    this.#parts = parts;
    this.#state = newServer(source.transport !== "udp");
  }

  /** Answers; a second time changes nothing. */
  answer(given: Answer): void {
    if (this.#request === undefined) return;
    this.#last = print(respond(this.#request, given));
    this.#request = undefined;
    this.input({ kind: "respond", status: given.status });
  }

  /** It came once more. Over TCP by another connection: its first one is lost to the sender, and the answer goes by the new one. */
  again(source: Source, _method: string): void {
    if (source.transport === "tcp") this.#source = source;
    this.input({ kind: "retransmission" });
  }

  input(input: ServerInput): void {
    const [state, outputs] = stepServer(this.#state, input);
    this.#state = state;
    for (const output of outputs) {
      if (output.do === "start-timer") this.#start(output.name, output.delayMs);
      else if (output.do === "stop-timer") this.#timer?.cancel();
      else this.#send(output.do === "send-100");
    }
    if (state.phase === "terminated") {
      this.#timer?.cancel();
      this.#parts.over(this);
    }
  }

  #start(name: string, delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.wheel.after(delayMs, () => this.input({ kind: "timer", name }));
  }

  #send(trying: boolean): void {
    if (trying && this.#request !== undefined) this.#last = print(respond(this.#request, { status: 100 }));
    if (this.#last !== undefined) this.#parts.reply(this.#last, this.#source);
  }
}
