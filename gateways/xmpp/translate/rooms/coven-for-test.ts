// The room of the examples of XEP-0045, as a view: three witches, each with one device.
import type { Participant, RoomChange, RoomConfig, RoomEvent } from "#bus-schemas/events/room.ts";
import { applyEvent, emptyView, type RoomView } from "#bus-schemas/rooms/view.ts";
import { type Element, ns } from "../../wire/element.ts";
import { print, printAttribute } from "../../wire/print.ts";
import type { RoomWorld } from "./from-event.ts";
import { emptyStage, follow, type Out, recipientsOf, type Stage } from "./stage.ts";

export const coven = { local: "coven", domain: "chat.shakespeare.lit" };
export const config: RoomConfig = {
  persistent: false,
  listed: true,
  membersOnly: false,
  moderated: false,
  openAddresses: false,
  subjectBy: "speakers",
  invitesBy: "everybody",
  privateMessages: "everybody",
  maxParticipants: 100,
  history: 100,
};
export const world: RoomWorld = {
  faceOn: (address) => address,
  secret: "secret",
  onXmpp: (address) => address.domain === "shakespeare.lit",
};

/** A witch with one device on XMPP. */
export const witch = (
  local: string,
  device: string,
  nick: string,
  rank: Partial<Participant> = {},
): Participant => ({
  key: `${local}@shakespeare.lit`,
  nick,
  address: { local, domain: "shakespeare.lit" },
  assurance: "server",
  role: "speaker",
  affiliation: "none",
  endpoints: [
    {
      id: `xmpp:${local}@shakespeare.lit/${device}`,
      carrier: "xmpp",
      address: { local, domain: "shakespeare.lit", device },
      state: "connected",
      since: 0,
    },
  ],
  joined: 0,
  ...rank,
});

export const first = witch("crone1", "desktop", "firstwitch", { role: "moderator", affiliation: "owner" });
export const second = witch("wiccarocks", "laptop", "secondwitch", {
  role: "moderator",
  affiliation: "admin",
});
export const third = witch("hag66", "pda", "thirdwitch", { affiliation: "member" });

/** The next event of the room. */
export const next = (
  view: RoomView,
  change: RoomChange,
  id = `event-${view.number + 1}`,
  time = 1_000,
): RoomEvent => ({
  id,
  type: "room.event",
  version: 1,
  room: view.room,
  epoch: view.epoch,
  number: view.number + 1,
  time,
  change,
});

/** The room with these in it. */
export function roomOf(
  people: readonly Participant[],
  part: Partial<RoomConfig> = {},
  room = coven,
): RoomView {
  const view = emptyView(room);
  applyEvent(view, next(view, { kind: "created", config: { ...config, ...part } }));
  for (const participant of people) applyEvent(view, next(view, { kind: "joined", participant }));
  return view;
}

/** A stage on which all of the room has been shown to all. */
export function shownTo(view: RoomView): Stage {
  const stage = emptyStage();
  for (const participant of view.participants.values())
    for (const one of recipientsOf(participant)) stage.audience.set(one.id, one);
  follow(stage, view);
  return stage;
}

/** What each gets, as text, in order. */
export const received = (outs: readonly Out[]): { to: string; text: string; stanza: Element }[] =>
  outs.flatMap(({ stanza, to }) =>
    to.map(({ jid }) => {
      const text = print(stanza, ns.component);
      const at = stanza.name.length + 1;
      return { to: jid, text: text.slice(0, at) + printAttribute("to", jid) + text.slice(at), stanza };
    }),
  );
