// What one session has received: unfinished messages, ids already seen, and the answer to every chunk (RFC 4975 §7.3).
import {
  type ByteRange,
  type FailureReport,
  type Flag,
  failureReport,
  isIdent,
  parseByteRange,
  type RequestHead,
  successReport,
} from "../../wire/msrp/head.ts";
import { msrpLimits } from "../../wire/msrp/limits.ts";
import { Assembly } from "./assembly.ts";

/** What the session takes. */
export interface InboxTerms {
  readonly acceptTypes: readonly string[];
  readonly maxSize: number;
}

/** A whole message. */
export interface Received {
  readonly messageId: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly successReport: boolean;
  readonly failureReport: FailureReport;
  readonly repeated: boolean;
}

/** `answer`: the chunk's response, as Failure-Report lets it. `message`: it is whole, and its owner answers the last chunk. */
export type InboxEnd =
  | {
      readonly do: "answer";
      readonly status: number;
      readonly comment: string;
      readonly wanted: FailureReport;
    }
  | { readonly do: "message"; readonly message: Received };

interface Unfinished {
  readonly assembly: Assembly;
  readonly contentType: string;
  readonly successReport: boolean;
  readonly failureReport: FailureReport;
  /** The caller's time of its last chunk. */
  touched: number;
}

interface Chunk {
  readonly id: string;
  readonly range: ByteRange;
  readonly message: Unfinished;
}

const whole: ByteRange = { start: 1, end: undefined, total: undefined };

/** The inbox of one session. Chunks of one connection come one after the other, so that one is open at most. */
export class Inbox {
  readonly #terms: InboxTerms;
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #known = new Set<string>();
  #chunk: Chunk | undefined;
  #refusal: InboxEnd | undefined;

  constructor(terms: InboxTerms) {
    this.#terms = terms;
  }

  /** Whether a message waits for more chunks. */
  get waiting(): boolean {
    return this.#unfinished.size > 0;
  }

  /** The head of a SEND. What is refused is refused at its end; until then its body is passed over. */
  begin(head: RequestHead, now: number): void {
    this.#chunk = undefined;
    this.#refusal = this.#judge(head, now);
  }

  #judge(head: RequestHead, now: number): InboxEnd | undefined {
    const wanted = failureReport(head) ?? "yes";
    const refuse = (status: number, comment: string): InboxEnd => ({ do: "answer", status, comment, wanted });
    const id = head.fields.get("message-id");
    const range = parseRange(head);
    const success = successReport(head);
    if (head.fault !== undefined) return refuse(400, head.fault);
    if (id === undefined || !isIdent(id)) return refuse(400, "Malformed Message-ID");
    if (range === undefined) return refuse(400, "Malformed Byte-Range");
    if (success === undefined || failureReport(head) === undefined)
      return refuse(400, "Malformed report wish");
    // Without a body it only says that the sender is there (RFC 4975 §5.4).
    if (head.contentType === undefined) return refuse(200, "OK");
    if (!accepts(this.#terms.acceptTypes, head.contentType)) return refuse(415, "Unsupported type");
    const message = this.#unfinished.get(id) ?? {
      assembly: new Assembly(this.#terms.maxSize),
      contentType: head.contentType,
      successReport: success,
      failureReport: wanted,
      touched: now,
    };
    if (!this.#unfinished.has(id)) {
      if (this.#unfinished.size >= msrpLimits.unfinishedMessages)
        return refuse(413, "Too many unfinished messages");
      this.#unfinished.set(id, message);
    }
    const refused = message.assembly.begin(range);
    if (refused !== undefined) {
      this.#unfinished.delete(id);
      return refuse(refused, "Too large");
    }
    message.touched = now;
    this.#chunk = { id, range, message };
    return undefined;
  }

  /** A piece of its body. */
  data(bytes: Buffer): void {
    this.#chunk?.message.assembly.data(bytes);
  }

  /** Its end. */
  end(flag: Flag): InboxEnd {
    const [chunk, refusal] = [this.#chunk, this.#refusal];
    this.#chunk = undefined;
    this.#refusal = undefined;
    if (refusal !== undefined || chunk === undefined)
      return refusal ?? { do: "answer", status: 400, comment: "No chunk", wanted: "yes" };
    const { id, message } = chunk;
    const answer = (status: number, comment: string): InboxEnd => ({
      do: "answer",
      status,
      comment,
      wanted: message.failureReport,
    });
    const end = message.assembly.end(flag, chunk.range);
    if (end === "more") {
      if (this.#held() <= msrpLimits.unfinishedShare * this.#terms.maxSize) return answer(200, "OK");
      this.#unfinished.delete(id);
      return answer(413, "Too much unfinished");
    }
    this.#unfinished.delete(id);
    if (end === "aborted") return answer(200, "OK");
    if (typeof end === "number") return answer(end, end === 413 ? "Too large" : "Byte-Range does not fit");
    const { contentType, successReport, failureReport } = message;
    const repeated = this.#known.has(id);
    this.#remember(id);
    return {
      do: "message",
      message: { messageId: id, contentType, body: end.body, successReport, failureReport, repeated },
    };
  }

  /** Forgets messages without news since `before`; returns their ids with who wants to hear of it. */
  forget(before: number): { messageId: string; wanted: FailureReport }[] {
    const old = [...this.#unfinished].filter(
      ([, message]) => message.touched < before && message !== this.#chunk?.message,
    );
    for (const [id] of old) this.#unfinished.delete(id);
    return old.map(([messageId, message]) => ({ messageId, wanted: message.failureReport }));
  }

  #held(): number {
    let sum = 0;
    for (const { assembly } of this.#unfinished.values()) sum += assembly.held;
    return sum;
  }

  #remember(id: string): void {
    this.#known.delete(id);
    this.#known.add(id);
    if (this.#known.size <= msrpLimits.knownIds) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      break;
    }
  }
}

function parseRange(head: RequestHead): ByteRange | undefined {
  const text = head.fields.get("byte-range");
  return text === undefined ? whole : parseByteRange(text);
}

/** Whether a type is in an a=accept-types list (RFC 4975 §8.6): `*`, `text/*`, `text/plain`; parameters do not count. */
export function accepts(types: readonly string[], contentType: string): boolean {
  const semicolon = contentType.indexOf(";");
  const type = (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  if (!/^[^\s/]+\/[^\s/]+$/.test(type)) return false;
  const main = `${type.slice(0, type.indexOf("/"))}/*`;
  return types.some((one) => one === "*" || one.toLowerCase() === type || one.toLowerCase() === main);
}
