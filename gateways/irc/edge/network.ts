// One network: its service nick, its puppets, its courier. What the courier asks for is done here.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { Address, bareKey, printAddress } from "#bus-schemas/address.ts";
import type { Attempt, Courier, Delivery, Gateway } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { root, slotOf } from "#bus-schemas/subject.ts";
import type { Network } from "../config.ts";
import { hereNote } from "../translate/notes.ts";
import { told } from "../translate/tell.ts";
import { foldName } from "../wire/isupport.ts";
import { message } from "../wire/message.ts";
import { isNick } from "../wire/nick.ts";
import { serverOf } from "./connection.ts";
import { Inbox } from "./inbox.ts";
import { Memory } from "./memory.ts";
import { Puppets } from "./puppets.ts";
import { ServiceNick } from "./service-nick.ts";
import { Turnstile } from "./turnstile.ts";

export const networkLimits = {
  /** How long a report waits for a connection before the courier keeps it. */
  tellMs: 10_000,
} as const;

/** Asks whoever owns the person's slot to bring him on the network. */
const Bring = z.object({ address: Address, nick: z.string().max(64) });

/** Opens one network on a ready service; resolves when its courier runs. Registers its own end. */
export async function openNetwork(service: Service, name: string, network: Network): Promise<void> {
  const carrier = `irc-${name}`;
  const { bus, clock, metrics } = service;
  const log = service.log.child({ network: name });
  const epoch = `${clock.now().toString(36)}${randomBytes(6).toString("hex")}`;
  const metric = `irc_${name.replaceAll("-", "_")}`;
  const lines = metrics.counter(
    `${metric}_lines_total`,
    "lines from IRC, by what became of them: accepted, refused, flood, failed",
  );
  const notices = metrics.counter(
    `${metric}_dropped_notices_total`,
    "notices to IRC that were dropped because too many waited",
  );
  const { memory, stop: stopMemory } = await Memory.open(await bus.bucket(carrier), log);
  await memory.forgetOld(clock.now());

  let open: Courier | undefined;
  const courier = (): Courier => {
    if (open === undefined) throw new Error("the courier is not open yet");
    return open;
  };
  const inbox = new Inbox({ carrier, network, clock, log, courier, lines });
  const seat = {
    clock,
    log,
    network,
    server: serverOf(network),
    turnstile: new Turnstile(clock, network.connectEvery),
    onDroppedNotice: () => notices.add(1),
  };
  let notes = 0;
  const serviceAddress = { local: network.serviceNick, domain: network.domain };
  const tellPerson = (to: Address, text: string): void => {
    const from = { ...serviceAddress, assurance: "server" as const };
    const arrival = { source: `${carrier}:`, transportId: `${epoch}.note.${++notes}` };
    courier()
      .accept({ from, to, kind: "notice", text }, arrival)
      .then(
        (answer) =>
          answer.accepted || log.debug({ reason: answer.reason }, "a note to one of our people was refused"),
        (error: unknown) =>
          log.warn({ error: String(error) }, "a note to one of our people was not taken by the bus"),
      );
  };
  const available = (person: Address): void => open?.available(person);
  const puppets = new Puppets({ ...seat, name, epoch, inbox, memory, tellPerson, available });
  const subject = `${root}.irc.${name}.bring`;
  const bring = (address: Address, nick: string): void =>
    bus.emit(subject, Buffer.from(JSON.stringify({ address, nick })));
  const health = (well: boolean, why?: string): void => service.health(carrier, well, why);
  const serviceNick = new ServiceNick({ ...seat, name, carrier, epoch, inbox, memory, bring, health });
  metrics.gauge(`${metric}_puppets`, "people of ours logged in to this network here", () => puppets.ready);

  const bringing = bus.listen(subject, ({ data }) => bringHere(data, puppets, service.signal));
  open = await service.courier(
    { carrier, slotBy: "sender", share: "spread", writeAhead: true },
    gatewayOf({ network, memory, puppets, serviceNick, clock, serviceSlot: slotOf(bareKey(serviceAddress)) }),
  );
  serviceNick.opened();
  service.onStop(`IRC network ${name}`, async () => {
    await Promise.all([bringing.stop(), stopMemory()]);
    await inbox.drained();
    serviceNick.close();
    await puppets.close();
  });
}

function bringHere(data: Uint8Array, puppets: Puppets, signal: AbortSignal): void {
  // Written by another instance of this gateway alone (`bring` above), hence always JSON.
  const asked = Bring.safeParse(JSON.parse(Buffer.from(data).toString("utf8")));
  if (!asked.success || !puppets.owns(asked.data.address)) return;
  const { address, nick } = asked.data;
  const bring = async (): Promise<void> => {
    await puppets.resumed();
    const puppet = puppets.obtain(address);
    puppet?.remember(nick);
    const link = await puppet?.ready(networkLimits.tellMs, signal);
    link?.say(message("NOTICE", [nick, hereNote(printAddress(address), link.nick)]));
  };
  // Never rejects: neither of the two waits does.
  void bring();
}

interface Hands {
  readonly network: Network;
  readonly memory: Memory;
  readonly puppets: Puppets;
  readonly serviceNick: ServiceNick;
  readonly serviceSlot: number;
}

function gatewayOf(hands: Hands & { clock: Service["clock"] }): Gateway {
  return {
    deliver: (event, attempt) => deliver(hands, event, attempt),
    tell: (event, attempt) => tell(hands, event, attempt),
    owns: (slots) => {
      hands.puppets.take(slots);
      hands.serviceNick.own(slots.has(hands.serviceSlot));
    },
  };
}

async function deliver(hands: Hands, event: MessageEvent, attempt: Attempt): Promise<Delivery> {
  const { memory, puppets, network } = hands;
  // `attempt.again` says nothing here: what may have been written is never offered again (writeAhead), only the rest is.
  const nick = event.to.local;
  if (!isNick(nick)) return { end: "refused", reason: "unknown-user", text: "not a nick" };
  const folded = foldName(nick, "rfc1459");
  if (folded === foldName(network.serviceNick, "rfc1459"))
    return { end: "refused", reason: "not-supported", text: "the service nick answers on IRC only" };
  if (puppets.isOurs(nick))
    return { end: "refused", reason: "loop", text: "that nick is one of our own people" };
  const blocked = memory.blocked(folded);
  if (blocked.includes("*") || blocked.includes(bareKey(event.from)))
    return { end: "refused", reason: "blocked" };
  await puppets.resumed();
  const puppet = puppets.obtain({ local: event.from.local, domain: event.from.domain });
  if (puppet === undefined)
    return {
      end: "refused",
      reason: "policy",
      text: `the network takes ${network.maxPuppets} people of ours`,
    };
  return puppet.deliver(event, attempt);
}

/** By the puppet of the one for whom the message was, who is the one that the sender wrote to. */
async function tell(
  hands: Hands,
  event: OutcomeEvent,
  attempt: Attempt,
): Promise<"told" | "away" | "dropped"> {
  const text = told(event);
  const nick = event.to.local;
  if (text === undefined || !isNick(nick)) return "dropped";
  // Our own notes to people have no sender who waits for news; nobody of this network has a puppet on it.
  const { serviceNick, domain } = hands.network;
  if (nick === serviceNick || event.from.domain === domain) return "dropped";
  await hands.puppets.resumed();
  const puppet = hands.puppets.obtain({ local: event.from.local, domain: event.from.domain });
  const link =
    puppet?.link ?? hands.serviceNick.link ?? (await puppet?.ready(networkLimits.tellMs, attempt.signal));
  if (link === undefined) return "away";
  const sent = await link.submit([message("NOTICE", [nick, text])], nick, attempt.signal);
  switch (sent.end) {
    case "taken":
    case "unknown":
      return "told";
    case "failed":
      return "dropped";
    case "unwritten":
      return "away";
  }
}
