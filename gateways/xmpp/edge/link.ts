// All our domains on one XMPP server, under one claim: the edge between their streams and the courier.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import { BusFull, BusTimeout } from "#bus-schemas/bus/port.ts";
import type { Attempt, Courier, Delivery, Gateway } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import type { XmppConfig } from "../config.ts";
import { type AnswerView, answerIq, answerPresence } from "../translate/answers.ts";
import { errorReply, readError } from "../translate/errors.ts";
import { messageFromBus, outcomeFromBus } from "../translate/from-bus.ts";
import { type Heard, messageToBus, type View } from "../translate/to-bus.ts";
import type { Element } from "../wire/element.ts";
import { Component } from "./component.ts";
import { recall } from "./recall.ts";

export const limits = {
  /** People whose messages went back to their mailboxes while a stream was down, told to the courier when it is up. */
  waitingPeople: 10_000,
  /** Messages whose far id is remembered, so that a correction finds what it corrects. */
  shown: 10_000,
} as const;

const carrier = "xmpp";

export interface Link {
  readonly components: readonly Component[];
  close(): Promise<void>;
}

/** Opens the courier; the streams open when this instance holds the claim, and close at once when it does not. */
export async function openLink(service: Service, config: XmppConfig): Promise<Link> {
  const link = new XmppLink(service, config);
  await link.open();
  return link;
}

class XmppLink implements Link, Gateway {
  readonly #service: Service;
  readonly #components = new Map<string, Component>();
  readonly #waiting = new Map<string, Map<string, Address>>();
  readonly #shown = recall<string>(limits.shown);
  readonly #sentTo = recall<Address>(limits.shown);
  readonly #view: View;
  readonly #counts;
  #courier: Courier | undefined;

  constructor(service: Service, config: XmppConfig) {
    this.#service = service;
    const { metrics, clock, log, directory } = service;
    this.#counts = {
      stanzas: metrics.counter("xmpp_stanzas_total", "Stanzas that came in, by kind and what became of them"),
      handed: metrics.counter("xmpp_handovers_total", "Stanzas written with a barrier, by their end"),
    };
    this.#view = {
      behind: (address) => directory.behind(carrier, address),
      sentTo: (id) => this.#sentTo.get(id),
    };
    const epoch = `${service.instance}-${clock.now().toString(36)}`;
    for (const domain of config.domains ?? directory.facesOf(carrier)) {
      const on = {
        stanza: (component: Component, stanza: Element, transportId: string) =>
          this.#onStanza(component, stanza, transportId),
        status: (component: Component) => this.#onStatus(component),
      };
      const { host, port, secret, ack } = config;
      const child = log.child({ domain });
      this.#components.set(
        domain,
        new Component({
          domain,
          host,
          port,
          secret,
          ack,
          maxStanzaLength: config.maxStanza,
          epoch,
          clock,
          log: child,
          on,
        }),
      );
    }
    metrics.gauge("xmpp_outbox_stanzas", "Stanzas not yet taken by the XMPP server", () =>
      this.components.reduce((sum, component) => sum + component.pending, 0),
    );
  }

  get components(): readonly Component[] {
    return [...this.#components.values()];
  }

  async open(): Promise<void> {
    this.#courier = await this.#service.courier(
      { carrier, slotBy: "recipient", share: "whole", writeAhead: false },
      this,
    );
  }

  async close(): Promise<void> {
    // First the courier, which needs the streams to finish what is under way.
    await this.#courier?.close(5_000);
    for (const component of this.components) component.stop();
  }

  owns(slots: ReadonlySet<number>): void {
    for (const component of this.components) {
      if (slots.size > 0) component.start();
      else component.stop();
    }
  }

  async deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    const { directory, clock, trail, log } = this.#service;
    const faces = {
      faceOn: (address: Address) => directory.faceOn(carrier, address),
      shownAs: (message: MessageEvent) => this.#shown.get(shownKey(message, message.correctionOf ?? "")),
    };
    const made = messageFromBus(event, faces, clock.now());
    if (!made.ok) return { end: "refused", reason: "unknown-user", text: made.error };
    const { domain, id, stanza } = made.value;
    const component = this.#components.get(domain);
    if (!component) {
      log.error({ domain }, "no component for the domain of a sender");
      return { end: "refused", reason: "internal", text: `${domain} is not connected to XMPP` };
    }
    if (attempt.signal.aborted) return { end: "away" };
    if (event.origin.messageId !== undefined) this.#shown.set(shownKey(event, event.origin.messageId), id);
    this.#sentTo.set(id, event.to);
    const handed = await component.hand(id, stanza);
    this.#counts.handed.add(1, { end: handed.end });
    trail.note(event.id, `xmpp ${handed.end}`, { domain });
    if (handed.end === "taken") return { end: "handed" };
    if (handed.end === "refused") {
      const { reason, text } = readError(handed.error);
      return { end: "refused", reason, ...(text === undefined ? {} : { text }) };
    }
    // Also when it was written: the next time it carries the same id, by which the receiver knows it again.
    this.#wait(domain, event.to);
    return { end: "away" };
  }

  async tell(event: OutcomeEvent, attempt: Attempt): Promise<"told" | "away" | "dropped"> {
    const { directory } = this.#service;
    const made = outcomeFromBus(event, { faceOn: (address) => directory.faceOn(carrier, address) });
    if (made === undefined || !made.ok) return "dropped";
    const { domain, id, stanza } = made.value;
    const component = this.#components.get(domain);
    if (!component) return "dropped";
    if (attempt.signal.aborted) return "away";
    const handed = await component.hand(id, stanza);
    this.#counts.handed.add(1, { end: handed.end });
    if (handed.end !== "untaken") return handed.end === "taken" ? "told" : "dropped";
    this.#wait(domain, event.to);
    return "away";
  }

  #wait(domain: string, address: Address): void {
    const people = this.#waiting.get(domain) ?? new Map<string, Address>();
    this.#waiting.set(domain, people);
    // Beyond the limit the courier's own repetition finds them, only later.
    if (people.size < limits.waitingPeople) people.set(bareKey(address), address);
  }

  #onStatus(component: Component): void {
    const { domain, status, why } = component;
    const well = status === "acked" || status === "plain" || status === "stopped";
    this.#service.health(`xmpp ${domain}`, well, why || (status === "stopped" ? "standing by" : undefined));
    this.#service.log.info({ domain, status, why }, "component status");
    if (!component.running) return;
    const people = this.#waiting.get(domain);
    this.#waiting.delete(domain);
    for (const address of people?.values() ?? []) this.#courier?.available(address);
  }

  async #onStanza(component: Component, stanza: Element, transportId: string): Promise<void> {
    try {
      const end = await this.#take(component, stanza, transportId);
      this.#counts.stanzas.add(1, { kind: stanza.name, end });
    } catch (error) {
      // The bus cannot take it now: the sender tries again later.
      const busy = error instanceof BusFull || error instanceof BusTimeout;
      this.#service.log.error(
        { domain: component.domain, error: String(error) },
        "a stanza could not be stored",
      );
      this.#counts.stanzas.add(1, { kind: stanza.name, end: "failed" });
      this.#answer(component, errorReply(stanza, busy ? "rate-limited" : "internal"));
    }
  }

  async #take(component: Component, stanza: Element, transportId: string): Promise<string> {
    switch (stanza.name) {
      case "message":
        return this.#onMessage(component, stanza, transportId);
      case "iq":
        return this.#answer(component, answerIq(stanza, this.#answerView(component.domain)))
          ? "answered"
          : "dropped";
      case "presence": {
        const answers = answerPresence(stanza, this.#answerView(component.domain));
        for (const answer of answers) this.#answer(component, answer);
        return answers.length > 0 ? "answered" : "dropped";
      }
      default:
        return "dropped";
    }
  }

  async #onMessage(component: Component, stanza: Element, transportId: string): Promise<string> {
    const courier = this.#courier;
    if (!courier) throw new Error("the courier is not open");
    const ends: string[] = [];
    for (const heard of messageToBus(stanza, this.#view)) {
      ends.push(await this.#onHeard(courier, component, stanza, transportId, heard));
    }
    return ends.join("+");
  }

  async #onHeard(
    courier: Courier,
    component: Component,
    stanza: Element,
    transportId: string,
    heard: Heard,
  ): Promise<string> {
    switch (heard.kind) {
      case "message": {
        const source = stanza.attrs.from ?? "";
        const acceptance = await courier.accept(heard.draft, { source, transportId });
        if (acceptance.accepted) return acceptance.duplicate ? "duplicate" : "accepted";
        this.#answer(component, errorReply(stanza, acceptance.reason, acceptance.text));
        return "refused";
      }
      case "report":
        await courier.report(heard.draft);
        return "report";
      case "error":
        if (component.refuse(heard.id, stanza)) return "refusal";
        if (!heard.draft) return "dropped";
        await courier.report(heard.draft);
        return "bounce";
      case "refused":
        this.#answer(component, errorReply(stanza, heard.reason, heard.text));
        return "refused";
      case "dropped":
        return "dropped";
    }
  }

  #answer(component: Component, stanza: Element | undefined): boolean {
    return stanza !== undefined && component.send(stanza);
  }

  #answerView(domain: string): AnswerView {
    const { directory } = this.#service;
    return {
      domain,
      version: "0.1",
      known: (to) => {
        const person = directory.behind(carrier, to);
        const routed = directory.route(person, { carrier, assurance: "server" });
        return routed.ok ? { display: directory.account(routed.to)?.display } : undefined;
      },
    };
  }
}

const shownKey = (event: MessageEvent, messageId: string): string =>
  `${event.origin.carrier} ${bareKey(event.from)} ${bareKey(event.to)} ${messageId}`;
