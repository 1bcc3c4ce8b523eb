// Which of our requests wait for an answer by which connection: its end fails them at once (RFC 3261 §17.1.4).

/** What is told to a request whose connection is gone. */
type Fail = () => void;

export class Awaited {
  readonly #byFlow = new Map<string, Set<Fail>>();

  /** From now on the end of `flow` calls `fail`, once; the answer takes that back. */
  add(flow: string, fail: Fail): () => void {
    const waiting = this.#byFlow.get(flow) ?? new Set();
    this.#byFlow.set(flow, waiting.add(fail));
    return () => {
      waiting.delete(fail);
      if (waiting.size === 0 && this.#byFlow.get(flow) === waiting) this.#byFlow.delete(flow);
    };
  }

  /** The connection is gone. */
  fail(flow: string): void {
    const waiting = this.#byFlow.get(flow) ?? [];
    this.#byFlow.delete(flow);
    for (const fail of waiting) fail();
  }
}
