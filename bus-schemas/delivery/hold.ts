// Holding a response (`sip.holdResponse`): for a moment the sender's edge waits for the message's end, and answers with it.
// The wait is live, not stored; if it is over, the end goes the durable way.
import { z } from "zod";
import type { MessageEvent } from "../events/message.ts";
import { Reason } from "../reason.ts";
import type { Service } from "../service/service.ts";
import { instanceSubject } from "../subject.ts";
import type { Settled } from "./courier.ts";
import type { Ending } from "./item.ts";

/** The header that says where the sender's edge waits, and how long: `<subject> <milliseconds>`. */
export const holdHeader = "Parley-Hold";

/** How long the far instance waits to hear whether the sender's edge has used the answer. */
const usedMs = 300;

const Said = z.object({
  id: z.string(),
  outcome: z.enum(["handed", "refused", "expired", "uncertain"]),
  reason: Reason.optional(),
  text: z.string().optional(),
});

/** Tells a waiting edge the end. True if it has told its sender, so that no report need follow. */
export async function answerHold(
  service: Service,
  item: { readonly headers: Readonly<Record<string, string>>; readonly readAt: number },
  event: MessageEvent,
  ending: Ending,
): Promise<boolean> {
  const [subject, milliseconds] = (item.headers[holdHeader] ?? "").split(" ");
  if (!subject || service.clock.monotonic() - item.readAt > Number(milliseconds)) return false;
  const said = { id: event.id, outcome: ending.end, ...("reason" in ending && { reason: ending.reason }) };
  const bytes = Buffer.from(JSON.stringify(said));
  if (ending.end === "handed") {
    service.bus.emit(subject, bytes);
    return !event.receipts.handed && !(ending.delivered && event.receipts.delivered);
  }
  const answer = await service.bus.ask(subject, bytes, usedMs);
  return answer !== undefined && Buffer.from(answer).toString("utf8") === "told";
}

/** The edge's side: who waits for which message. */
export class Holds {
  readonly #service: Service;
  readonly #subject: string;
  readonly #waiting = new Map<string, (settled: Settled | undefined) => void>();

  constructor(service: Service, carrier: string) {
    this.#service = service;
    this.#subject = instanceSubject(service.instance, `hold.${carrier}`);
    const reader = service.bus.listen(this.#subject, (live) => {
      const said = readSaid(live.data);
      const waiting = said === undefined ? undefined : this.#waiting.get(said.id);
      // The resolved promise runs before the answer leaves this process: by then the response is on its way.
      if (said !== undefined) waiting?.(said);
      live.answer(Buffer.from(waiting === undefined ? "late" : "told"));
    });
    service.onStop(`holds of ${carrier}`, () => reader.stop());
  }

  /** Waits for the end of one message; ask for it before the message is stored. */
  wait(
    id: string,
    holdMs: number,
  ): { header: string; settled: Promise<Settled | undefined>; cancel: () => void } {
    let finish: (settled: Settled | undefined) => void = () => undefined;
    const settled = new Promise<Settled | undefined>((resolve) => {
      finish = resolve;
    });
    const done = (said: Settled | undefined): void => {
      cancelTimer();
      if (this.#waiting.get(id) === done) this.#waiting.delete(id);
      finish(said);
    };
    const cancelTimer = this.#service.clock.after(holdMs, () => done(undefined));
    this.#waiting.set(id, done);
    return { header: `${this.#subject} ${holdMs}`, settled, cancel: () => done(undefined) };
  }
}

function readSaid(bytes: Uint8Array): z.infer<typeof Said> | undefined {
  try {
    return Said.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return undefined; // Not from a Parley: answered "late", so that the end goes the durable way.
  }
}
