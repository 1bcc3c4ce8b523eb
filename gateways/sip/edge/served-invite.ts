// One INVITE that we answer: drives the server machine, keeps the last response, hears of CANCEL and of a missing ACK
// (RFC 3261 §9.2, §17.2.1).
import { type Driver, drive } from "#bus-schemas/service/drive.ts";
import type { Log } from "#bus-schemas/service/service.ts";
import {
  type InviteServerInput,
  type InviteServerOutput,
  type InviteServerState,
  newInviteServer,
  stepInviteServer,
} from "../session/invite-server.ts";
import { type Answer, respond } from "../session/respond.ts";
import type { SipRequest } from "../wire/message.ts";
import { print } from "../wire/print.ts";
import type { ServedParts } from "./served.ts";
import type { Serving } from "./serving.ts";
import type { Source } from "./transport-types.ts";

export class ServedInvite implements Serving {
  readonly key: string;
  readonly merge: string | undefined;
  onCancel: () => void = () => undefined;
  onUnacknowledged: () => void = () => undefined;
  readonly #driver: Driver<InviteServerState, InviteServerInput>;
  readonly #parts: ServedParts & { readonly log: Log };
  #source: Source;
  /** Until it is answered for good. */
  #request: SipRequest | undefined;
  #last: Buffer | undefined;

  constructor(
    keys: { key: string; merge: string | undefined },
    request: SipRequest,
    source: Source,
    parts: ServedParts & { readonly log: Log },
  ) {
    this.key = keys.key;
    this.merge = keys.merge;
    this.#parts = parts;
    this.#source = source;
    this.#request = request;
    this.#driver = drive<InviteServerState, InviteServerInput, InviteServerOutput>({
      state: newInviteServer(source.transport !== "udp"),
      step: (state, input) => {
        const step = stepInviteServer(state, input);
        if (step[0].phase === "terminated") parts.over(this);
        return step;
      },
      perform: (output) => this.#perform(output.do),
      wheel: parts.wheel,
      failed: (error) => {
        parts.over(this);
        parts.log.error({ error }, "INVITE server transaction failed");
      },
    });
    this.#driver.input({ kind: "begin" });
  }

  answer(given: Answer): boolean {
    if (this.#request === undefined) return false;
    this.#last = print(respond(this.#request, given));
    if (given.status >= 200) this.#request = undefined;
    this.#driver.input({ kind: "respond", status: given.status });
    return true;
  }

  acknowledged(): void {
    this.#driver.input({ kind: "acknowledged" });
  }

  /** The caller has given up: 487, if it is not answered yet. */
  cancel(): void {
    if (this.answer({ status: 487 })) this.onCancel();
  }

  /** The same request again, or the ACK of a refusal. Over TCP by another connection: the answer goes by the new one. */
  again(source: Source, method: string): void {
    if (source.transport === "tcp") this.#source = source;
    this.#driver.input({ kind: method === "ACK" ? "ack" : "retransmission" });
  }

  #perform(what: "send" | "send-100" | "unacknowledged"): void {
    if (what === "unacknowledged") return this.onUnacknowledged();
    if (what === "send-100" && this.#request !== undefined)
      this.#last = print(respond(this.#request, { status: 100 }));
    if (this.#last !== undefined) this.#parts.reply(this.#last, this.#source);
  }
}
