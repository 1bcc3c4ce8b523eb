// The other instances of this gateway: asking them to offer a message to their tabs, and passing events on to theirs.
import { z } from "zod";
import type { Bus, Reader } from "#bus-schemas/bus/port.ts";
import { instanceSubject } from "#bus-schemas/subject.ts";
import type { AccountFrame, MessageFrame } from "../wire/event.ts";

// What travels between instances of one version of this program; the frame is passed on as it is.
const Ask = z.object({
  ask: z.enum(["offer", "tell"]),
  key: z.string(),
  frame: z.record(z.string(), z.unknown()),
});

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decode = (data: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
};

// How much longer than the browser's time the other instance may take to answer.
const marginMs = 1000;
const tellTimeoutMs = 2000;

export interface Peers {
  /** True when a browser of that instance has acknowledged the message. */
  offer(instance: string, key: string, frame: MessageFrame, ackTimeoutMs: number): Promise<boolean>;
  /** True when that instance has written the event to a browser. */
  tell(instance: string, key: string, frame: AccountFrame): Promise<boolean>;
}

export interface PeerHandlers {
  offer(key: string, frame: MessageFrame): Promise<boolean>;
  tell(key: string, frame: AccountFrame): boolean;
}

/** The asking side. An instance that does not answer has not taken anything. */
export function openPeers(bus: Bus): Peers {
  const ask = async (instance: string, data: unknown, timeoutMs: number): Promise<boolean> => {
    const answer = await bus.ask(instanceSubject(instance, "web"), encode(data), timeoutMs);
    return answer !== undefined && decode(answer) === true;
  };
  return {
    offer: (instance, key, frame, ackTimeoutMs) =>
      ask(instance, { ask: "offer", key, frame }, ackTimeoutMs + marginMs),
    tell: (instance, key, frame) => ask(instance, { ask: "tell", key, frame }, tellTimeoutMs),
  };
}

/** The answering side. */
export const answerPeers = (bus: Bus, instance: string, handlers: PeerHandlers): Reader =>
  bus.listen(instanceSubject(instance, "web"), (live) => {
    const asked = Ask.safeParse(decode(live.data));
    if (!asked.success) return;
    const { ask, key, frame } = asked.data;
    if (ask === "tell") {
      live.answer(encode(handlers.tell(key, frame as unknown as AccountFrame)));
      return;
    }
    void handlers.offer(key, frame as unknown as MessageFrame).then((taken) => live.answer(encode(taken)));
  });
