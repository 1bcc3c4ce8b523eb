// One domain of ours on the XMPP server: keeps its stream, numbers what comes in, and knows of all that goes out whether
// the server took it: XEP-0114, urn:parley:ack:0.
import { toUnicodeDomain } from "#bus-schemas/addresses/domain.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { type AckState, arrived, hold, openAcks } from "../session/acks.ts";
import type { Ending, Inbound } from "../session/stream.ts";
import { type Element, element, ns } from "../wire/element.ts";
import { print } from "../wire/print.ts";
import { type Handed, Outbox, type Printed } from "./outbox.ts";
import { type ComponentSocket, openSocket } from "./socket.ts";

export const limits = {
  /** Stanzas taken from the stream and not yet held by the bus; above it reading pauses. */
  unheld: 1_000,
  /** First and longest pause before connecting again: the server is near, and people wait. */
  reconnectMs: { first: 100, most: 2_000 },
  /** Pause after another holder has taken the domain, or the server does not want us. */
  unwantedMs: 10_000,
  /** How often outbox and stream are looked after. */
  watchMs: 2_500,
} as const;

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

export class Component {
  readonly domain: string;
  /** The domain as XMPP writes it: U-labels (RFC 7622 §3.2). */
  readonly name: string;
  readonly #options: ComponentOptions;
  readonly #outbox: Outbox;
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
  #reconnectMs: number = limits.reconnectMs.first;
  #watching = false;
  #stopWatch: () => void = () => undefined;
  #stopReconnect: () => void = () => undefined;

  constructor(options: ComponentOptions) {
    this.domain = options.domain;
    this.name = toUnicodeDomain(options.domain);
    this.#options = options;
    this.#outbox = new Outbox({
      clock: options.clock,
      write: (text) => this.#socket?.write(text) ?? false,
      fans: () => this.#inbound?.mode === "acked" && this.#inbound.fans === true,
      barrier: (token) => this.#barrier(token),
    });
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

  /** The server's own name of what it keeps for us: another one after it was started anew; undefined without the module. */
  get queue(): string | undefined {
    return this.#inbound?.mode === "acked" ? this.#inbound.queue : undefined;
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
    if (this.#status === "stopped") return this.#outbox.giveBack();
    this.#generation += 1;
    this.#flushAck();
    this.#socket?.close();
    this.#lost();
    this.#inbound = undefined;
    this.#setStatus("stopped", "");
    this.#outbox.giveBack();
  }

  /**
   * Writes a stanza, now or when the stream runs, and resolves when the server has taken it. `id` is the stanza's id; never
   * two at once with one id. The courier may hand over a moment before it says that the streams are to open.
   */
  hand(id: string, stanza: Element): Promise<Handed> {
    if (!this.#watching) this.#watch();
    return this.#outbox.hand(id, stanza, this.running);
  }

  /** Writes what belongs together, as often as the stream breaks before the server has taken it. `id`: unique, no stanza's. */
  handText(id: string, text: Printed): Promise<Handed> {
    if (!this.#watching) this.#watch();
    return this.#outbox.handText(id, text, this.running);
  }

  /** Writes an answer that needs no confirmation: if the stream breaks, the question comes again. */
  send(stanza: Element): boolean {
    return this.#socket !== undefined && this.running && this.#socket.write(print(stanza, ns.component));
  }

  /** An error stanza came: true if it was for something not yet taken, which is thereby refused. */
  refuse(id: string, error: Element): boolean {
    return this.#outbox.refuse(id, error);
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
        barrierAnswered: (token) => mine() && this.#outbox.answered(token),
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
    this.#outbox.writeAll();
    this.#setStatus(inbound.mode, inbound.mode === "plain" ? "inbound best effort" : "");
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
    const unwanted = why === "conflict" || why === "refused";
    const againMs = unwanted ? limits.unwantedMs : this.#reconnectMs;
    log.warn({ domain, why, text, againMs }, "component stream ended");
    this.#setStatus(status, text || why);
    this.#stopReconnect = clock.after(againMs, () => this.#connect());
    this.#reconnectMs = Math.min(this.#reconnectMs * 2, limits.reconnectMs.most);
  }

  #lost(): void {
    this.#socket = undefined;
    this.#outbox.lost();
  }

  #onStanza(stanza: Element, excess: string | undefined, generation: number): void {
    this.#acks = arrived(this.#acks);
    const n = this.#acks.received;
    // Our own ping came round: the barrier of a server without the module.
    if (stanza.attrs.from === this.name && this.#outbox.answered(stanza.attrs.id)) return this.#held(n);
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

  // Without the module we write to ourselves: the server routes it back behind all that it did before.
  #barrier(token: string): Element {
    if (this.#inbound?.mode === "acked") return element("r", ns.ack, { id: token });
    const attrs = { from: this.name, to: this.name, id: token, type: "get" };
    return element("iq", ns.component, attrs, element("ping", ns.ping));
  }

  #watch(): void {
    this.#watching = true;
    this.#stopWatch = this.#options.clock.after(limits.watchMs, () => {
      this.#watch();
      if (this.#outbox.tick(this.running, this.#paused) === "dead") this.#socket?.close(true);
    });
  }

  #setStatus(status: ComponentStatus, why: string): void {
    const changed = status !== this.#status || why !== this.#why;
    this.#status = status;
    this.#why = why;
    if (changed) this.#options.on.status(this);
  }
}
