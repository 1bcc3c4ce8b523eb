// Stanzas that came in: to the courier, or answered at once. A stanza may be forgotten by the server when this is done.
import { BusFull, BusTimeout } from "#bus-schemas/bus/port.ts";
import type { Acceptance, Courier, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { Counter, Service } from "#bus-schemas/service/service.ts";
import { type AnswerView, answerIq, answerPresence, presenceOf } from "../translate/answers.ts";
import { errorReply } from "../translate/errors.ts";
import { type Heard, messageToBus, type View } from "../translate/to-bus.ts";
import type { Element } from "../wire/element.ts";
import type { Component } from "./component.ts";
import type { Memory } from "./memory.ts";

/** Between two tries to store a stanza that the bus did not confirm. */
const retryMs = 500;

const carrier = "xmpp";

export interface Inbound {
  /** Resolves when the stanza is held by the bus or answered; never rejects. */
  take(component: Component, stanza: Element, transportId: string, excess: string | undefined): Promise<void>;
  /** The server has begun anew: what its users knew of our people is said again (EDGES: after a new stream). */
  rebuild(component: Component): void;
}

export interface InboundOptions {
  readonly service: Service;
  /** Open whenever a stream runs. */
  readonly courier: () => Courier;
  readonly memory: Memory;
  readonly version: string;
  /** Whether a domain is one of our components. */
  readonly ours: (domain: string) => boolean;
}

/** Nothing is opened yet; `take` is the door. */
export const openInbound = (options: InboundOptions): Inbound => new InboundStanzas(options);

class InboundStanzas implements Inbound {
  readonly #service: Service;
  readonly #courier: () => Courier;
  readonly #memory: Memory;
  readonly #version: string;
  readonly #view: View;
  readonly #count: Counter;

  constructor({ service, courier, memory, version, ours }: InboundOptions) {
    this.#service = service;
    this.#courier = courier;
    this.#memory = memory;
    this.#version = version;
    this.#view = {
      behind: (address) => service.directory.behind(carrier, address),
      sentTo: memory.sentTo,
      ours,
    };
    this.#count = service.metrics.counter(
      "xmpp_stanzas_total",
      "Stanzas that came in, by kind and what became of them",
    );
  }

  async take(
    component: Component,
    stanza: Element,
    transportId: string,
    excess: string | undefined,
  ): Promise<void> {
    const kind = stanza.name;
    if (excess !== undefined) {
      this.#count.add(1, { kind, end: "too-large" });
      this.#answer(component, errorReply(stanza, "too-large", excess));
      return;
    }
    try {
      this.#count.add(1, { kind, end: await this.#takeOne(component, stanza, transportId) });
    } catch (error) {
      // The bus cannot take it now: the sender tries again later.
      const busy = error instanceof BusFull || error instanceof BusTimeout;
      this.#service.log.error(
        { domain: component.domain, error: String(error) },
        "a stanza could not be stored",
      );
      this.#count.add(1, { kind, end: "failed" });
      this.#answer(component, errorReply(stanza, busy ? "rate-limited" : "internal"));
    }
  }

  rebuild(component: Component): void {
    for (const { of, watcher } of this.#memory.watchers.values()) {
      if (of.endsWith(`@${component.name}`)) component.send(presenceOf(of, watcher));
    }
  }

  async #takeOne(component: Component, stanza: Element, transportId: string): Promise<string> {
    switch (stanza.name) {
      case "message":
        return this.#onMessage(component, stanza, transportId);
      case "iq":
        return this.#answer(component, answerIq(stanza, this.#answerView(component)))
          ? "answered"
          : "dropped";
      case "presence":
        return this.#onPresence(component, stanza);
      default:
        return "dropped";
    }
  }

  #onPresence(component: Component, stanza: Element): string {
    const { from = "", to = "", type } = stanza.attrs;
    const answers = answerPresence(stanza, this.#answerView(component));
    for (const answer of answers) this.#answer(component, answer);
    const [of = "", watcher = ""] = [to, from].map((jid) => jid.split("/")[0]);
    const watches = answers.some((answer) => answer.attrs.type === undefined);
    if (watches) this.#memory.watchers.set(`${watcher} ${of}`, { of, watcher });
    else if (type !== undefined) this.#memory.watchers.delete(`${watcher} ${of}`);
    return answers.length > 0 ? "answered" : "dropped";
  }

  async #onMessage(component: Component, stanza: Element, transportId: string): Promise<string> {
    const ends: string[] = [];
    for (const heard of messageToBus(stanza, this.#view))
      ends.push(await this.#onHeard(component, stanza, transportId, heard));
    return ends.join("+");
  }

  async #onHeard(component: Component, stanza: Element, transportId: string, heard: Heard): Promise<string> {
    switch (heard.kind) {
      case "message": {
        const acceptance = await this.#accept(component, heard.draft, stanza.attrs.from ?? "", transportId);
        if (acceptance.accepted) return acceptance.duplicate ? "duplicate" : "accepted";
        this.#answer(component, errorReply(stanza, acceptance.reason, acceptance.text));
        return "refused";
      }
      case "report":
        await this.#courier().report(heard.draft);
        return "report";
      case "error":
        if (component.refuse(heard.id, stanza)) return "refusal";
        if (!heard.draft) return "dropped";
        await this.#courier().report(heard.draft);
        return "bounce";
      case "refused":
        this.#answer(component, errorReply(stanza, heard.reason, heard.text));
        return "refused";
      case "dropped":
        return "dropped";
    }
  }

  // After a time-out nobody knows whether it was stored. An acknowledged stream can wait: it is tried again under the same
  // id, and the server keeps the stanza. On a plain one the sender is told, who may then send it twice.
  async #accept(
    component: Component,
    draft: MessageDraft,
    source: string,
    transportId: string,
  ): Promise<Acceptance> {
    for (;;) {
      try {
        return await this.#courier().accept(draft, { source, transportId });
      } catch (error) {
        if (!(error instanceof BusTimeout) || component.status !== "acked") throw error;
        // About to end: left unacknowledged, so that the server gives it to the next holder of the stream.
        if (this.#service.signal.aborted) return await new Promise<never>(() => undefined);
        this.#service.log.warn({ domain: component.domain }, "the bus did not confirm in time: trying again");
        await this.#service.clock.sleep(retryMs);
      }
    }
  }

  #answer(component: Component, stanza: Element | undefined): boolean {
    return stanza !== undefined && component.send(stanza);
  }

  #answerView(component: Component): AnswerView {
    const { directory } = this.#service;
    return {
      domain: component.name,
      version: this.#version,
      known: (to) => {
        const person = directory.behind(carrier, to);
        const routed = directory.route(person, { carrier, assurance: "server" });
        return routed.ok ? { display: directory.account(routed.to)?.display } : undefined;
      },
    };
  }
}
