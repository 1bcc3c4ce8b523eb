// One domain of ours on the XMPP server: keeps its stream, numbers what comes in, and knows of all that goes out whether
// the server took it: XEP-0114, urn:parley:ack:0.
import { toUnicodeDomain } from "#bus-schemas/addresses/domain.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { type AckState, arrived, hold, openAcks } from "../session/acks.ts";
import { type BarrierInput, openBarrier, step as stepBarrier } from "../session/barrier.ts";
import type { Ending, Inbound } from "../session/stream.ts";
import { type Element, element, ns } from "../wire/element.ts";
import { print } from "../wire/print.ts";
import { type ComponentSocket, openSocket } from "./socket.ts";

export const limits = {
  /** Stanzas taken from the stream and not yet held by the bus; above it reading pauses. */
  unheld: 1_000,
  /** Stanzas written or to be written that the server has not taken; above it new ones are turned away. */
  outbox: 20_000,
  /** A message that the server has not taken by then goes back: the courier waits 40 s. */
  takeMs: 35_000,
  /** A barrier that is not answered: the stream is dead. */
  barrierMs: 20_000,
  /** A quiet stream is tried so often. */
  quietMs: 30_000,
  /** First and longest pause before connecting again: the server is near, and people wait. */
  reconnectMs: { first: 100, most: 2_000 },
  /** Pause after another holder has taken the domain. */
  conflictMs: 10_000,
} as const;

/** What became of a stanza that was handed over with a barrier. `untaken`: nobody took it, or nobody knows. */
export type Handed =
  | { readonly end: "taken" }
  | { readonly end: "refused"; readonly error: Element }
  | { readonly end: "untaken"; readonly written: boolean };

export type ComponentStatus =
  | "stopped"
  | "connecting"
  | "acked"
  | "plain"
  | "conflict"
  | "refused"
  | "no-module";

export interface ComponentOptions {
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly ack: "auto" | "require" | "off";
  readonly maxStanzaLength: number;
  /** Names the streams of this process in ids; unique for every start of it. */
  readonly epoch: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly on: {
    /**
     * A stanza came; `excess`: over a limit, to be refused. Resolves when the server may forget it; never rejects.
     */
    stanza(
      component: Component,
      stanza: Element,
      transportId: string,
      excess: string | undefined,
    ): Promise<void>;
    status(component: Component): void;
  };
}

interface Pending {
  readonly id: string;
  readonly text: string;
  readonly since: number;
  readonly settle: (handed: Handed) => void;
  written: boolean;
}

export class Component {
  readonly domain: string;
  /** The domain as XMPP writes it: U-labels (RFC 7622 §3.2). */
  readonly name: string;
  readonly #options: ComponentOptions;
  readonly #outbox = new Map<string, Pending>();
  #status: ComponentStatus = "stopped";
  #why = "";
  #socket: ComponentSocket | undefined;
  #generation = 0;
  #inbound: Inbound | undefined;
  #acks: AckState = openAcks(0);
  #queue: string | undefined;
  #plainOnly = false;
  #paused = false;
  #ackDue = false;
  #ackedTo = 0;
  #unreadable = 0;
  #barrier = openBarrier;
  #barrierAt = 0;
  #reconnectMs: number = limits.reconnectMs.first;
  #watching = false;
  #stopWatch: () => void = () => undefined;
  #stopReconnect: () => void = () => undefined;

  constructor(options: ComponentOptions) {
    this.domain = options.domain;
    this.name = toUnicodeDomain(options.domain);
    this.#options = options;
  }

  get status(): ComponentStatus {
    return this.#status;
  }

  /** Why the status is what it is, for health. */
  get why(): string {
    return this.#why;
  }

  get running(): boolean {
    return this.#status === "acked" || this.#status === "plain";
  }

  /** Whether the stream under way goes on where an earlier one of this process ended. */
  get resumed(): boolean {
    return this.#inbound?.mode === "acked" && this.#inbound.resumed;
  }

  /** Handed out and not yet taken. */
  get pending(): number {
    return this.#outbox.size;
  }

  start(): void {
    if (this.#status !== "stopped") return;
    this.#reconnectMs = limits.reconnectMs.first;
    this.#connect();
    if (!this.#watching) this.#watch();
  }

  /** Leaves the domain at once, so that the next holder finds it free; what is not taken goes back to the courier. */
  stop(): void {
    this.#stopWatch();
    this.#watching = false;
    this.#stopReconnect();
    if (this.#status === "stopped") return this.#giveBack();
    this.#generation += 1;
    this.#flushAck();
    this.#socket?.close();
    this.#lost();
    this.#inbound = undefined;
    this.#setStatus("stopped", "");
    this.#giveBack();
  }

  #giveBack(): void {
    for (const { id, written } of [...this.#outbox.values()]) this.#settle(id, { end: "untaken", written });
  }

  /**
   * Writes a stanza, now or when the stream runs, and resolves when the server has taken it. `id` is the stanza's id; never
   * two at once with one id. The courier may hand over a moment before it says that the streams are to open.
   */
  hand(id: string, stanza: Element): Promise<Handed> {
    if (this.#outbox.size >= limits.outbox || this.#outbox.has(id))
      return Promise.resolve({ end: "untaken", written: false });
    if (!this.#watching) this.#watch();
    return new Promise((settle) => {
      const text = print(stanza, ns.component);
      const pending: Pending = { id, text, since: this.#options.clock.monotonic(), settle, written: false };
      this.#outbox.set(id, pending);
      if (this.running) this.#write(pending);
    });
  }

  /** Writes an answer that needs no confirmation: if the stream breaks, the question comes again. */
  send(stanza: Element): boolean {
    return this.#socket !== undefined && this.running && this.#socket.write(print(stanza, ns.component));
  }

  /** An error stanza came: true if it was for something not yet taken, which is thereby refused. */
  refuse(id: string, error: Element): boolean {
    if (!this.#outbox.has(id)) return false;
    this.#drive({ kind: "error", id });
    this.#settle(id, { end: "refused", error });
    return true;
  }

  #connect(): void {
    const { clock, log, on: _, ...rest } = this.#options;
    this.#generation += 1;
    const generation = this.#generation;
    const mine = (): boolean => generation === this.#generation;
    const ack = this.#plainOnly ? "off" : rest.ack;
    const resume = this.#queue === undefined ? undefined : { queue: this.#queue, h: this.#acks.held };
    this.#setStatus("connecting", this.#why || "connecting");
    this.#socket = openSocket({
      ...rest,
      domain: this.name,
      ack,
      resume,
      clock,
      log,
      on: {
        running: (inbound) => mine() && this.#onRunning(inbound),
        stanza: (stanza, excess) => mine() && this.#onStanza(stanza, excess, generation),
        barrierAnswered: (token) => mine() && this.#drive({ kind: "answered", token }),
        ended: (why, text) => mine() && this.#onEnded(why, text),
      },
    });
  }

  #onRunning(inbound: Inbound): void {
    this.#inbound = inbound;
    this.#reconnectMs = limits.reconnectMs.first;
    this.#paused = false;
    if (inbound.mode === "acked") {
      this.#queue = inbound.queue;
      this.#acks = openAcks(inbound.h);
      this.#ackedTo = inbound.h;
    } else {
      this.#queue = undefined;
      this.#acks = openAcks(0);
    }
    this.#setStatus(inbound.mode, inbound.mode === "plain" ? "inbound best effort" : "");
    // What nobody is known to have taken goes out again, in its order, under the same ids.
    for (const pending of this.#outbox.values()) this.#write(pending);
  }

  // A stanza that we cannot read would come again for ever, and stop the domain. The second time it is passed over; it can
  // only be one that the server itself should not have let through.
  #passOver(): void {
    const { log, domain } = this.#options;
    const unreadable = this.#acks.received + 1;
    if (this.#unreadable === unreadable && this.#acks.held === this.#acks.received) {
      log.error({ domain, number: unreadable }, "an unreadable stanza was passed over");
      this.#acks = { received: unreadable, held: unreadable, ahead: new Set() };
    }
    this.#unreadable = unreadable;
  }

  #onEnded(why: Ending, text: string): void {
    const { clock, log, domain } = this.#options;
    if (why === "fault" && this.#inbound?.mode === "acked") this.#passOver();
    this.#lost();
    const status = why === "conflict" || why === "refused" || why === "no-module" ? why : "connecting";
    if (why === "no-module" && this.#options.ack === "auto" && !this.#plainOnly) {
      this.#plainOnly = true;
      log.warn({ domain }, "the XMPP server lacks mod_parley_ack: inbound best effort");
      this.#connect();
      return;
    }
    // The next time the server may have got the module.
    this.#plainOnly = false;
    // Whoever took the domain from us has the newer claim: come back slowly, if at all.
    const againMs = why === "conflict" ? limits.conflictMs : this.#reconnectMs;
    log.warn({ domain, why, text, againMs }, "component stream ended");
    this.#setStatus(status, text || why);
    this.#stopReconnect = clock.after(againMs, () => this.#connect());
    this.#reconnectMs = Math.min(this.#reconnectMs * 2, limits.reconnectMs.most);
  }

  #lost(): void {
    this.#socket = undefined;
    this.#drive({ kind: "lost" });
  }

  #onStanza(stanza: Element, excess: string | undefined, generation: number): void {
    this.#acks = arrived(this.#acks);
    const n = this.#acks.received;
    // Our own ping came round: the barrier of a server without the module.
    if (
      stanza.attrs.from === this.name &&
      this.#barrier.token !== undefined &&
      stanza.attrs.id === this.#barrier.token
    ) {
      this.#drive({ kind: "answered", token: this.#barrier.token });
      this.#held(n);
      return;
    }
    const stream =
      this.#inbound?.mode === "acked" ? this.#inbound.queue : `${this.#options.epoch}-${generation}`;
    void this.#options.on.stanza(this, stanza, `${stream}:${n}`, excess).then(() => {
      if (generation === this.#generation) this.#held(n);
    });
    if (!this.#paused && this.#acks.received - this.#acks.held > limits.unheld) this.#pause(true);
  }

  #held(n: number): void {
    this.#acks = hold(this.#acks, n);
    if (this.#paused && this.#acks.received - this.#acks.held < limits.unheld / 2) this.#pause(false);
    if (this.#inbound?.mode !== "acked" || this.#ackDue) return;
    this.#ackDue = true;
    setImmediate(() => this.#flushAck());
  }

  #flushAck(): void {
    this.#ackDue = false;
    if (this.#inbound?.mode !== "acked" || this.#acks.held <= this.#ackedTo) return;
    const h = this.#acks.held;
    if (this.#socket?.write(print(element("a", ns.ack, { h: String(h) }), ns.component))) this.#ackedTo = h;
  }

  #pause(yes: boolean): void {
    this.#paused = yes;
    this.#socket?.pause(yes);
  }

  #write(pending: Pending): void {
    if (!this.#socket?.write(pending.text)) return;
    pending.written = true;
    this.#drive({ kind: "wrote", id: pending.id });
  }

  #drive(input: BarrierInput): void {
    const [next, outputs] = stepBarrier(this.#barrier, input);
    this.#barrier = next;
    for (const output of outputs) {
      if (output.do === "taken") for (const id of output.ids) this.#settle(id, { end: "taken" });
      else if (output.do === "send-barrier") {
        this.#barrierAt = this.#options.clock.monotonic();
        this.#socket?.write(print(this.#barrierElement(output.token), ns.component));
      }
    }
  }

  // Without the module we write to ourselves: the server routes it back behind all that it did before.
  #barrierElement(token: string): Element {
    if (this.#inbound?.mode === "acked") return element("r", ns.ack, { id: token });
    const attrs = { from: this.name, to: this.name, id: token, type: "get" };
    return element("iq", ns.component, attrs, element("ping", ns.ping));
  }

  #settle(id: string, handed: Handed): void {
    const pending = this.#outbox.get(id);
    this.#outbox.delete(id);
    pending?.settle(handed);
  }

  #watch(): void {
    const { clock } = this.#options;
    this.#watching = true;
    const tick = (): void => {
      const now = clock.monotonic();
      // While we do not read, no answer can be heard.
      if (this.#paused) this.#barrierAt = now;
      if (this.running && this.#barrier.token !== undefined && now - this.#barrierAt > limits.barrierMs)
        this.#socket?.close(true);
      else if (this.running && now - this.#barrierAt > limits.quietMs)
        this.#drive({ kind: "wrote", id: "quiet" });
      // The oldest come first.
      for (const pending of this.#outbox.values()) {
        if (now - pending.since < limits.takeMs) break;
        this.#settle(pending.id, { end: "untaken", written: pending.written });
      }
      this.#stopWatch = clock.after(2_500, tick);
    };
    this.#stopWatch = clock.after(2_500, tick);
  }

  #setStatus(status: ComponentStatus, why: string): void {
    const changed = status !== this.#status || why !== this.#why;
    this.#status = status;
    this.#why = why;
    if (changed) this.#options.on.status(this);
  }
}
