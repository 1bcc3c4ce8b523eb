// The conference service: hosted rooms. It owns them by slot, decides what happens in them, and is the only writer of their logs.
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import { ensureRoomStream, openRooms, roomsCarrier } from "#bus-schemas/rooms/open.ts";
import { roomPlace } from "#bus-schemas/rooms/wire.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { RoomsConfig } from "./config.ts";
import { lookForAbsent } from "./edge/absent.ts";
import { openComplaints } from "./edge/complaints.ts";
import { openGateway } from "./edge/gateway.ts";
import { publishLegs } from "./edge/legs.ts";
import { openOutside } from "./edge/outside.ts";
import { Owner } from "./edge/owner.ts";
import { makePlan, policyOf } from "./edge/plan.ts";
import { establish } from "./edge/policy.ts";

/** Runs the rooms until the service is stopped. */
export async function main(service: Service): Promise<void> {
  const config = service.section("conference", RoomsConfig);
  const { bus, clock, log, metrics } = service;
  await ensureRoomStream(service);
  const bucket = await bus.bucket("rooms");
  let plan = makePlan(config, service.directory);
  const policy = policyOf(() => plan);

  let courier: Courier | undefined;
  const open = (): Courier => {
    if (courier === undefined) throw new Error("the courier is not open yet");
    return courier;
  };
  const rooms = await openRooms(service, roomsCarrier);
  const complain = openComplaints(clock, (room, speaker, text) =>
    rooms.command({
      room,
      from: { ...room, assurance: "server" },
      do: { kind: "notice", text, about: speaker },
    }),
  );
  const outside = openOutside({
    clock,
    log,
    signal: service.signal,
    courier: open,
    legsOf: (room) => plan.legsOf(room),
    failed: complain,
  });
  const events = metrics.counter("conference_events_total", "Events sequenced in rooms, by kind");
  const owner: Owner = new Owner({
    service,
    bucket,
    policy,
    heard: (event, view) => outside.act(event, view),
    sequenced: ({ change }) => events.add(1, { kind: change.kind }),
    acted: () => outside.settled(),
    tick: (room) => lookForAbsent(room, open(), clock.now(), plan.disconnectedFor),
    gained: async (slot) => {
      const here = plan.fixed.filter(({ room }) => roomPlace(room).slot === slot);
      await publishLegs(
        bucket,
        slot,
        here.flatMap((room) => room.legs),
      );
      for (const room of here) {
        const live = await owner.room(room.room);
        await live?.establish((view) => establish(room, policy, view), `config-${clock.now().toString(36)}`);
      }
    },
  });
  metrics.gauge("conference_rooms", "Rooms open in this process", () => owner.counts.rooms);
  metrics.gauge(
    "conference_participants",
    "People in the rooms open in this process",
    () => owner.counts.participants,
  );
  service.onStop("rooms", () => owner.close());
  courier = await service.courier(
    { carrier: roomsCarrier, slotBy: "recipient", share: "spread", writeAhead: false },
    openGateway(
      clock,
      () => owner,
      complain,
      (there) => plan.roomsOf(there),
    ),
  );
  service.onSection("conference", RoomsConfig, (next) => {
    plan = makePlan(next, service.directory);
    owner.renew();
  });
  service.health("rooms", true, `${plan.fixed.length} rooms configured`);
}
