// Gives a message to the courier, as patiently as the stream allows.
import { BusTimeout } from "#bus-schemas/bus/port.ts";
import type { Acceptance, Arrival, Courier, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import type { Component } from "./component.ts";

/** Between two tries to store a stanza that the bus did not confirm. */
const retryMs = 500;

/**
 * After a time-out nobody knows whether it was stored. An acknowledged stream can wait: it is tried again under the same
 * id, and the server keeps the stanza. On a plain one the sender is told, who may then send it twice. Errors: as accept.
 */
export async function acceptPatiently(
  service: Service,
  courier: Courier,
  component: Component,
  draft: MessageDraft,
  arrival: Arrival,
): Promise<Acceptance> {
  for (;;) {
    try {
      return await courier.accept(draft, arrival);
    } catch (error) {
      if (!(error instanceof BusTimeout) || component.status !== "acked") throw error;
      // About to end: left unacknowledged, so that the server gives it to the next holder of the stream.
      if (service.signal.aborted) return await new Promise<never>(() => undefined);
      service.log.warn({ domain: component.domain }, "the bus did not confirm in time: trying again");
      await service.clock.sleep(retryMs);
    }
  }
}
