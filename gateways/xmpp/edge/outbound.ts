// Messages and reports of the bus on their way out: written behind a barrier, or back to the courier.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { Attempt, Courier, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { readError } from "../translate/errors.ts";
import { messageFromBus, type Outgoing, outcomeFromBus } from "../translate/from-bus.ts";
import type { Component } from "./component.ts";
import type { Memory } from "./memory.ts";
import type { Handed } from "./outbox.ts";

export const limits = {
  /** People whose messages went back while a stream was down, named to the courier when it is up; per domain. */
  waitingPeople: 10_000,
} as const;

const carrier = "xmpp";

export interface Outbound {
  deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery>;
  tell(event: OutcomeEvent, attempt: Attempt): Promise<"told" | "away" | "dropped">;
  /** The stream of this domain runs again: whoever waited for it can be reached. */
  wake(domain: string, courier: Courier): void;
}

export function openOutbound(
  service: Service,
  component: (domain: string) => Component | undefined,
  memory: Memory,
): Outbound {
  const { directory, clock, trail, log, metrics } = service;
  const count = metrics.counter("xmpp_handovers_total", "Stanzas written with a barrier, by their end");
  const waiting = new Map<string, Map<string, Address>>();
  const faceOn = (address: Address): Address => directory.faceOn(carrier, address);

  const wait = (domain: string, address: Address): void => {
    const people = waiting.get(domain) ?? new Map<string, Address>();
    waiting.set(domain, people);
    // Beyond the limit the courier's own repetition finds them, only later.
    if (people.size < limits.waitingPeople) people.set(bareKey(address), address);
  };
  const hand = async (one: Outgoing, by: Component, to: Address): Promise<Handed> => {
    const handed = await by.hand(one.id, one.stanza);
    count.add(1, { end: handed.end });
    if (handed.end === "untaken") wait(one.domain, to);
    return handed;
  };
  return {
    async deliver(event, attempt) {
      const made = messageFromBus(event, { faceOn, shownAs: memory.shownAs }, clock.now());
      if (!made.ok) return { end: "refused", reason: "unknown-user", text: made.error };
      const by = component(made.value.domain);
      if (!by) {
        log.error({ domain: made.value.domain }, "no component for the domain of a sender");
        return { end: "refused", reason: "internal", text: `${made.value.domain} is not connected to XMPP` };
      }
      if (attempt.signal.aborted) return { end: "away" };
      memory.sent(event, made.value.id);
      const handed = await hand(made.value, by, event.to);
      trail.note(event.id, `xmpp ${handed.end}`, { domain: made.value.domain });
      if (handed.end === "taken") return { end: "handed" };
      // Also when it was written: the next time it carries the same id, by which the receiver knows it again.
      if (handed.end === "untaken") return { end: "away" };
      const { reason, text } = readError(handed.error);
      return { end: "refused", reason, ...(text === undefined ? {} : { text }) };
    },
    async tell(event, attempt) {
      const made = outcomeFromBus(event, { faceOn });
      const by = made?.ok ? component(made.value.domain) : undefined;
      if (!made?.ok || !by) return "dropped";
      if (attempt.signal.aborted) return "away";
      const handed = await hand(made.value, by, event.to);
      return handed.end === "taken" ? "told" : handed.end === "untaken" ? "away" : "dropped";
    },
    wake(domain, courier) {
      const people = waiting.get(domain);
      waiting.delete(domain);
      for (const address of people?.values() ?? []) courier.available(address);
    },
  };
}
