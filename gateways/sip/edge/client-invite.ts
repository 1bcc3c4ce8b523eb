// One INVITE of ours: drives the client machine, acknowledges refusals, cancels (RFC 3261 §9.1, §17.1.1).
import { type Driver, drive } from "#bus-schemas/service/drive.ts";
import type { Log } from "#bus-schemas/service/service.ts";
import type { Wheel } from "#bus-schemas/service/wheel.ts";
import {
  type InviteClientInput,
  type InviteClientOutput,
  type InviteClientState,
  newInviteClient,
  stepInviteClient,
} from "../session/invite-client.ts";
import { noBody, SipRequest, type SipResponse } from "../wire/message.ts";
import { field, print } from "../wire/print.ts";
import type { InviteHandlers, Inviting } from "./serving.ts";
import type { Target } from "./transport-types.ts";

export interface ClientInviteParts {
  readonly wheel: Wheel;
  readonly log: Log;
  readonly send: (bytes: Buffer, target: Target) => Promise<string | undefined>;
  /** Sends CANCEL; its own answer concerns nobody. */
  readonly request: (request: SipRequest, target: Target) => Promise<unknown>;
  readonly over: () => void;
}

export class ClientInvite implements Inviting {
  readonly #request: SipRequest;
  readonly #target: Target;
  readonly #handlers: InviteHandlers;
  readonly #parts: ClientInviteParts;
  readonly #driver: Driver<InviteClientState, InviteClientInput>;
  #heard: SipResponse | undefined;
  #cancelled = false;
  #settled = false;

  constructor(request: SipRequest, target: Target, handlers: InviteHandlers, parts: ClientInviteParts) {
    this.#request = request;
    this.#target = target;
    this.#handlers = handlers;
    this.#parts = parts;
    this.#driver = drive<InviteClientState, InviteClientInput, InviteClientOutput>({
      state: newInviteClient(target.transport !== "udp"),
      step: (state, input) => {
        const step = stepInviteClient(state, input);
        if (step[0].phase === "terminated") parts.over();
        return step;
      },
      perform: (output) => this.#perform(output),
      wheel: parts.wheel,
      failed: (error) => {
        parts.over();
        parts.log.error({ error }, "INVITE client transaction failed");
        this.#refused("transport");
      },
    });
    this.#driver.input({ kind: "begin" });
  }

  hear(response: SipResponse): void {
    this.#heard = response;
    this.#driver.input({ kind: "response", status: response.status });
  }

  /** Its connection is gone. */
  fail(): void {
    this.#driver.input({ kind: "transport-failed" });
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    if (this.#driver.state.phase === "proceeding") this.#sendCancel();
  }

  #perform(output: Exclude<InviteClientOutput, { do: "start-timer" | "stop-timer" }>): void {
    switch (output.do) {
      case "send":
        this.#parts.send(print(this.#request), this.#target).catch(() => this.fail());
        return;
      case "ack":
        if (this.#heard !== undefined)
          // One that is lost is asked for again by the response's repetition.
          this.#parts
            .send(print(refusalAck(this.#request, this.#heard)), this.#target)
            .catch(() => undefined);
        return;
      case "pass-up":
        return this.#passUp();
      case "give-up":
        return this.#refused(output.why);
    }
  }

  #passUp(): void {
    const response = this.#heard;
    if (response === undefined) return;
    if (response.status < 200) {
      if (this.#cancelled) this.#sendCancel();
      this.#handlers.provisional?.(response);
    } else if (response.status < 300) this.#handlers.accepted(response);
    else this.#refused(response);
  }

  #refused(end: SipResponse | "timeout" | "transport"): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#handlers.refused(end);
  }

  #cancelSent = false;
  #sendCancel(): void {
    if (this.#cancelSent) return;
    this.#cancelSent = true;
    void this.#parts.request(
      hopRequest(this.#request, "CANCEL", this.#request.first("to") ?? ""),
      this.#target,
    );
  }
}

const refusalAck = (request: SipRequest, response: SipResponse): SipRequest =>
  hopRequest(request, "ACK", response.first("to") ?? "");

/** ACK of a refusal, and CANCEL: the way and the names of their INVITE (RFC 3261 §9.1, §17.1.1.3). */
function hopRequest(invite: SipRequest, method: "ACK" | "CANCEL", to: string): SipRequest {
  const kept = invite.fields.filter(({ key }) =>
    ["via", "max-forwards", "from", "call-id", "route"].includes(key),
  );
  const cseq = field("cseq", `${invite.cseq?.number ?? 1} ${method}`);
  return new SipRequest(method, invite.uri, [...kept, field("to", to), cseq], noBody);
}
