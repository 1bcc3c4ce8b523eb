// One network: its service nick, its puppets, its courier. What the courier asks for is done here.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { Address, bareKey, printAddress } from "#bus-schemas/address.ts";
import { isChannel } from "#bus-schemas/addresses/nick.ts";
import type { Attempt, Courier, Delivery, Gateway } from "#bus-schemas/delivery/courier.ts";
import { leaseOf } from "#bus-schemas/delivery/open.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { openRooms, roomsCarrier } from "#bus-schemas/rooms/open.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import { publishCapabilities } from "#bus-schemas/rooms/publish-capabilities.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { root, slotOf } from "#bus-schemas/subject.ts";
import type { Network } from "../config.ts";
import { failureText, reasonOf } from "../translate/errors.ts";
import { fromBus } from "../translate/from-bus.ts";
import { factsOf, published } from "../translate/leg-capabilities.ts";
import { hereNote } from "../translate/notes.ts";
import { told } from "../translate/tell.ts";
import { foldName } from "../wire/isupport.ts";
import { message } from "../wire/message.ts";
import { isNick } from "../wire/nick.ts";
import { serverOf } from "./connection.ts";
import { Inbox } from "./inbox.ts";
import { Legs } from "./legs.ts";
import type { Link } from "./link.ts";
import { Memory } from "./memory.ts";
import { OwnNicks } from "./own-nicks.ts";
import { Puppets } from "./puppets.ts";
import { Relay } from "./relay.ts";
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
  const bucket = await bus.bucket(carrier);
  const { memory, stop: stopMemory } = await Memory.open(bucket, log);
  await memory.forgetOld(clock.now());

  let open: Courier | undefined;
  const courier = (): Courier => {
    if (open === undefined) throw new Error("the courier is not open yet");
    return open;
  };
  const own = await OwnNicks.open({ bucket, bus, clock, log, name, courier });
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
  const withdraw = (nick: string): void => own.withdraw(nick);
  const legs = Promise.withResolvers<Legs>();
  const hosted = Promise.withResolvers<Rooms>();
  await publishCapabilities(service, published(carrier), "if-new");
  const puppets = new Puppets({
    ...seat,
    name,
    epoch,
    inbox,
    memory,
    tellPerson,
    available,
    withdraw,
    announce: (nick, person) => own.announce(nick, bareKey(person)),
    onInvite: (person, by, channel) => void invite(legs.promise, person, by, channel),
  });
  const relay = new Relay({ ...seat, name, epoch, inbox, withdraw, announce: (nick) => own.announce(nick) });
  const subject = `${root}.irc.${name}.bring`;
  const bring = (address: Address, nick: string): void =>
    bus.emit(subject, Buffer.from(JSON.stringify({ address, nick })));
  const health = (well: boolean, why?: string): void => service.health(carrier, well, why);
  const serviceNick = new ServiceNick({
    ...seat,
    name,
    carrier,
    epoch,
    inbox,
    memory,
    bring,
    health,
    legOf: async (channel) => (await legs.promise).of(channel),
    capabilities: async (room) => (await hosted.promise).capabilities(room),
    knows: ({ caps, isupport }) => {
      publishCapabilities(service, published(carrier, factsOf(caps, isupport))).catch((error: unknown) =>
        log.warn({ error: String(error) }, "what the server can was not published"),
      );
    },
  });
  metrics.gauge(`${metric}_puppets`, "people of ours logged in to this network here", () => puppets.ready);

  const bringing = bus.listen(subject, ({ data }) => bringHere(data, puppets, service.signal));
  open = await service.courier(
    { carrier, slotBy: "sender", share: "spread", writeAhead: true },
    gatewayOf({
      network,
      memory,
      puppets,
      relay,
      serviceNick,
      legs: legs.promise,
      own,
      rooms: ({ domain }) => service.directory.domainsOf(roomsCarrier).includes(domain),
      serviceSlot: slotOf(bareKey(serviceAddress)),
    }),
  );
  serviceNick.opened();
  own.opened();
  const rooms = await openRooms(service, carrier);
  hosted.resolve(rooms);
  const lease = await leaseOf(service);
  const parts = { service, clock, log, carrier, network, bucket, courier, rooms, lease, relay, puppets, own };
  const opened = await Legs.open({ ...parts, lines });
  legs.resolve(opened);
  service.onStop(`IRC network ${name}`, async () => {
    await Promise.all([bringing.stop(), stopMemory()]);
    await inbox.drained();
    await opened.close();
    serviceNick.close();
    relay.close();
    await puppets.close();
    await own.stop();
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

/** Somebody asks one of our people into a channel: it is the room behind it that he is invited to. */
async function invite(legs: Promise<Legs>, person: Address, by: string, channel: string): Promise<void> {
  const leg = (await legs).of(channel);
  if (leg?.hears(by)) await leg.invite(by, person);
}

interface Hands {
  readonly network: Network;
  readonly memory: Memory;
  readonly puppets: Puppets;
  readonly relay: Relay;
  readonly legs: Promise<Legs>;
  readonly own: OwnNicks;
  /** Whether this is a room's address. */
  readonly rooms: (address: Address) => boolean;
  readonly serviceNick: ServiceNick;
  readonly serviceSlot: number;
}

function gatewayOf(hands: Hands): Gateway {
  return {
    deliver: (event, attempt) => deliver(hands, event, attempt),
    tell: (event, attempt) => tell(hands, event, attempt),
    owns: (slots) => {
      hands.puppets.take(slots);
      void hands.puppets.resumed().then(async () => (await hands.legs).sync());
      hands.serviceNick.own(slots.has(hands.serviceSlot));
    },
  };
}

async function deliver(hands: Hands, event: MessageEvent, attempt: Attempt): Promise<Delivery> {
  const { memory, puppets, network } = hands;
  // `attempt.again` says nothing here: what may have been written is never offered again (writeAhead), only the rest is.
  const nick = event.to.local;
  if (isChannel(nick)) return (await hands.legs).deliver(event, attempt);
  if (!isNick(nick)) return { end: "refused", reason: "unknown-user", text: "not a nick" };
  if (hands.rooms(event.from)) return tellOfRoom(hands, event, attempt);
  if (event.room !== undefined && event.leg !== undefined && !(await hands.legs).whispers(event.leg))
    return { end: "refused", reason: "not-supported", text: "a bot passes nothing on in private" };
  const folded = foldName(nick, "rfc1459");
  if (folded === foldName(network.serviceNick, "rfc1459"))
    return { end: "refused", reason: "not-supported", text: "the service nick answers on IRC only" };
  if (puppets.isOurs(nick) || hands.own.has(nick))
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

/** What a room itself says to a nick, such as an invitation: it has no nick of its own, the bot speaks. */
async function tellOfRoom(hands: Hands, event: MessageEvent, attempt: Attempt): Promise<Delivery> {
  const { relay, serviceNick, network } = hands;
  const nick = event.to.local;
  const channel = event.invitation && (await hands.legs).channelOf(event.invitation.room);
  const link = relay.link ?? serviceNick.link;
  if (link === undefined) return { end: "away" };
  const text = channel === undefined ? event.text : `${event.text}: here it is ${channel}`;
  const drawn = fromBus(
    { ...event, kind: "notice", text },
    { mask: link.mask, target: nick, maxLines: network.maxLines },
  );
  if (!drawn.ok) return { end: "refused", reason: drawn.reason, text: drawn.text };
  if (channel !== undefined) link.say(message("INVITE", [nick, channel]));
  const sent = await link.submit(drawn.lines, nick, attempt.signal);
  switch (sent.end) {
    case "taken":
      return { end: "handed" };
    case "failed":
      return { end: "refused", reason: reasonOf(sent.failure), text: failureText(sent.failure) };
    case "unknown":
      return { end: "uncertain" };
    case "unwritten":
      return { end: "away" };
  }
}

/** Who tells it: a room has no nick, the bot in its channel tells what became of a line there. */
async function teller(hands: Hands, event: OutcomeEvent, attempt: Attempt): Promise<Link | undefined> {
  const { puppets, relay, serviceNick, rooms } = hands;
  if (rooms(event.from)) return relay.link ?? serviceNick.link;
  const puppet = puppets.obtain({ local: event.from.local, domain: event.from.domain });
  return puppet?.link ?? serviceNick.link ?? (await puppet?.ready(networkLimits.tellMs, attempt.signal));
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
  const link = await teller(hands, event, attempt);
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
