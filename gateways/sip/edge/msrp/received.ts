// A whole message in its owner's hands, until it is answered (RFC 4975 §7.1.2, §7.2).
import type { Received } from "../../session/msrp/inbox.ts";
import type { FailureReport } from "../../wire/msrp/head.ts";
import type { MsrpMessage } from "./port.ts";

/** What becomes of answers: the response to the last chunk, or a REPORT. */
export interface Answering {
  respond(status: number, comment: string | undefined): void;
  report(status: number, comment: string | undefined): void;
  /** It is answered, now or because nobody did in time. */
  over(): void;
}

export class ReceivedMessage implements MsrpMessage {
  readonly messageId: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly successReport: boolean;
  readonly failureReport: FailureReport;
  readonly repeated: boolean;
  readonly #answering: Answering;
  #responded = false;
  #reported = false;

  constructor(received: Received, answering: Answering) {
    this.messageId = received.messageId;
    this.contentType = received.contentType;
    this.body = received.body;
    this.successReport = received.successReport;
    this.failureReport = received.failureReport;
    this.repeated = received.repeated;
    this.#answering = answering;
  }

  get answered(): boolean {
    return this.#responded;
  }

  answer(status: number, comment?: string): void {
    const well = status < 300;
    if (!this.#responded) {
      this.#responded = true;
      this.#answering.over();
      if (this.failureReport === "yes" || (this.failureReport === "partial" && !well))
        this.#answering.respond(status, comment);
      if (!well) this.#reported = true;
    } else if (!well && !this.#reported && this.failureReport !== "no") {
      this.#reported = true;
      this.#answering.report(status, comment);
    }
    if (well && this.successReport && !this.#reported) {
      this.#reported = true;
      this.#answering.report(status, comment);
    }
  }

  /** Nobody answered in time: the sender must not take it for lost, but what becomes of it can still be reported. */
  late(): void {
    if (this.#responded) return;
    this.#responded = true;
    this.#answering.over();
    if (this.failureReport === "yes") this.#answering.respond(200, undefined);
  }
}
