// Stanzas that came in: to the courier, or answered at once. A stanza may be forgotten by the server when this is done.
import type { Address } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import { BusFull, BusTimeout } from "#bus-schemas/bus/port.ts";
import type { Acceptance, Courier, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { RoomAnswer } from "#bus-schemas/events/room-command.ts";
import type { Counter, Service } from "#bus-schemas/service/service.ts";
import { type AnswerView, answerIq, answerPresence, presenceOf } from "../translate/answers.ts";
import { errorReply } from "../translate/errors.ts";
import { refuse, roomError } from "../translate/rooms/errors.ts";
import { roomJid } from "../translate/rooms/names.ts";
import { directInvitation, type Invitation } from "../translate/rooms/to-room.ts";
import { type Heard, messageToBus, type View } from "../translate/to-bus.ts";
import type { Element } from "../wire/element.ts";
import { acceptPatiently } from "./accept.ts";
import type { Component } from "./component.ts";
import type { Memory } from "./memory.ts";

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
  /** Passes an invitation on into a room of ours; undefined if it is no such room. */
  readonly invite: (
    from: Address,
    room: Address,
    to: Address,
    reason: string | undefined,
    transportId: string,
  ) => Promise<RoomAnswer | undefined>;
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
  readonly #invite: InboundOptions["invite"];

  constructor({ service, courier, memory, version, ours, invite }: InboundOptions) {
    this.#invite = invite;
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

  /** A direct invitation into a room of ours (XEP-0249) is the room's to deliver; into any other it is only words. */
  async #onInvitation(
    component: Component,
    stanza: Element,
    invitation: Invitation,
    transportId: string,
  ): Promise<string | undefined> {
    const from = fromJid(stanza.attrs.from ?? "");
    const to = fromJid(stanza.attrs.to ?? "");
    if (!from.ok || !to.ok || this.#view.ours(from.value.domain)) return undefined;
    const { room, reason } = invitation;
    const answer = await this.#invite(from.value, room, this.#view.behind(to.value), reason, transportId);
    if (answer?.ok === false)
      this.#answer(component, refuse(stanza, roomError(answer.reason, roomJid(room), answer.text)));
    return answer && (answer.ok ? "invited" : "refused");
  }

  async #onMessage(component: Component, stanza: Element, transportId: string): Promise<string> {
    // Nothing is waited for but where there is one: an error must be known before the barrier behind it.
    const invitation = stanza.attrs.type === "error" ? undefined : directInvitation(stanza);
    const invited = invitation && (await this.#onInvitation(component, stanza, invitation, transportId));
    if (invited !== undefined) return invited;
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

  #accept(
    component: Component,
    draft: MessageDraft,
    source: string,
    transportId: string,
  ): Promise<Acceptance> {
    return acceptPatiently(this.#service, this.#courier(), component, draft, { source, transportId });
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
