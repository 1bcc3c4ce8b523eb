// What happened in a room, as stanzas for those of its people who are on XMPP: XEP-0045 §7 to §10.
import type { Address } from "#bus-schemas/address.ts";
import { samePerson } from "#bus-schemas/address.ts";
import { toJid } from "#bus-schemas/addresses/jid.ts";
import type { RoomChange, RoomConfig, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { type Element, element, ns } from "../../wire/element.ts";
import { actorJid, type RoomFaces, roomJid } from "./names.ts";
import { finder, plainPresence } from "./picture.ts";
import { available, type Gone, type Shown, type StatusCode, unavailable, user } from "./presence.ts";
import { saidStanza } from "./said.ts";
import { type Out, type Recipient, recipientsOf, type Stage, split } from "./stage.ts";

type Change<K extends RoomChange["kind"]> = Extract<RoomChange, { kind: K }>;

/** What the edge lends to translation beside the faces. */
export interface RoomWorld extends RoomFaces {
  /** Whether this person is to be reached on XMPP when he is not in the room. */
  onXmpp(address: Address): boolean;
}

/** What is known around an event: `stage` is what was shown before, `view` how the room is after it. */
export interface Sight {
  readonly stage: Stage;
  readonly view: RoomView;
  readonly world: RoomWorld;
}
interface Scene extends Sight {
  readonly event: RoomEvent;
}

/** What of the event is shown, in order. A newcomer's own picture is not in it (picture.ts). */
export function fromEvent(scene: Scene): Out[] {
  const { event, stage } = scene;
  const { change } = event;
  switch (change.kind) {
    case "said":
      return said(scene, change);
    case "subject":
    case "retracted":
    case "reacted":
      return toAll(stage, saidStanza(event, finder(scene.view), scene.world));
    case "joined":
      return present(scene, change.participant.key);
    case "left":
      return left(scene, change.gone);
    case "renamed":
      return renamed(scene, change);
    case "status":
      return present(scene, change.key);
    case "role":
      return present(scene, change.key, { by: change.by, reason: change.reason });
    case "affiliation":
      return affiliation(scene, change);
    case "endpoint-gone":
      return endpointGone(scene, change);
    case "configured":
      return configured(scene, change.config);
    case "declined":
      return declined(scene, change);
    case "roster":
      return roster(scene, change);
    case "rekeyed":
      return present(scene, change.to);
    case "notice":
      return notice(scene, change.text, change.to);
    case "destroyed":
      return destroyed(scene, change);
    // A second device is shown the room, not the room the device. Invitations go to the invited as messages.
    case "endpoint":
    case "owner":
    case "created":
    case "invited":
      return [];
    default:
      return change satisfies never;
  }
}

const toAll = (stage: Stage, stanza: Element | undefined): Out[] =>
  stanza === undefined ? [] : [{ stanza, to: [...stage.audience.values()] }];

const devicesOf = (stage: Stage, key: string): Recipient[] =>
  [...stage.audience.values()].filter((one) => one.key === key);

function said({ event, stage, view, world }: Scene, { message }: Change<"said">): Out[] {
  const stanza = saidStanza(event, finder(view), world);
  const { to } = message;
  if (to === undefined) return toAll(stage, stanza);
  return stanza === undefined ? [] : [{ stanza, to: devicesOf(stage, to.key) }];
}

/** Shows an occupant as he is now; his own devices learn that it is they (110). */
export function present(
  { stage, view, world }: Sight,
  key: string,
  how: Pick<Shown, "by" | "reason"> = {},
): Out[] {
  const participant = view.participants.get(key);
  if (participant === undefined) return [];
  const plain = how.by === undefined && how.reason === undefined;
  const { own, open, closed } = split(stage, view, key);
  const show = (isOpen: boolean): Element =>
    plain
      ? plainPresence(view, participant, isOpen, world)
      : available(view.room, { participant, open: isOpen, ...how }, world);
  const self = available(view.room, { participant, open: true, codes: ["110"], ...how }, world);
  return [to(open, () => show(true)), to(closed, () => show(false)), to(own, () => self)].flat();
}

const to = (recipients: readonly Recipient[], make: () => Element): Out[] =>
  recipients.length === 0 ? [] : [{ stanza: make(), to: recipients }];

/** Shows that an occupant, or only a nick of his, is gone. */
export function absent(
  { stage, view, world }: Sight,
  gone: Omit<Gone, "open">,
  codes: readonly StatusCode[] = [],
): Out[] {
  const { own, open, closed } = split(stage, view, gone.participant.key);
  const show = (isOpen: boolean, isSelf: boolean): Element =>
    unavailable(view.room, { ...gone, open: isOpen, codes: isSelf ? ["110", ...codes] : codes }, world);
  return [
    to(open, () => show(true, false)),
    to(closed, () => show(false, false)),
    to(own, () => show(true, true)),
  ].flat();
}

const causes: Readonly<Record<Change<"left">["gone"]["cause"], readonly StatusCode[]>> = {
  left: [],
  lost: ["333"],
  kicked: ["307"],
  banned: ["301"],
  "not-a-member": ["321"],
  destroyed: [],
  netsplit: [],
  "leg-gone": [],
  shutdown: ["332"],
};

function left(scene: Scene, gone: Change<"left">["gone"]): Out[] {
  const participant = scene.stage.participants.get(gone.key);
  if (participant === undefined) return [];
  const { cause, by, reason } = gone;
  // Who was not struck from the list just now is put out because the room has become one for members only.
  const isStranger = cause === "not-a-member" && !scene.stage.struck.has(gone.key);
  const codes = isStranger ? (["322"] as const) : causes[cause];
  const affiliation =
    cause === "banned" ? "outcast" : cause === "not-a-member" ? "none" : participant.affiliation;
  // Who goes by himself says so in his own words; for others a reason is given.
  const isOwn = by === undefined && (cause === "left" || cause === "netsplit" || cause === "leg-gone");
  const said = isOwn ? { farewell: reason } : { by, reason };
  return absent(scene, { participant, affiliation, ...said }, codes);
}

function renamed(scene: Scene, change: Change<"renamed">): Out[] {
  const before = scene.stage.participants.get(change.key);
  if (before === undefined) return [];
  const old = absent(scene, { participant: before, newNick: change.nick }, ["303"]);
  return [...old, ...present(scene, change.key, {})];
}

function affiliation(scene: Scene, change: Change<"affiliation">): Out[] {
  const { key, by, reason } = change;
  // Who loses his place with it is shown as gone by the event that follows.
  const isOut =
    change.affiliation === "outcast" ||
    (change.affiliation === "none" && scene.view.config?.membersOnly === true);
  if (key !== undefined) {
    return isOut ? [] : present(scene, key, { by, reason });
  }
  return [...toldModerators(scene, change), ...toldInAbsence(scene, change)];
}

/** Those who see real addresses learn what has become of somebody who is not here (XEP-0045 §9.3, §9.4). */
function toldModerators(scene: Scene, { address, affiliation: is }: Change<"affiliation">): Out[] {
  const { stage, view, world, event } = scene;
  const jid = toJid(world.faceOn(address));
  if (!jid.ok || stage.audience.size === 0) return [];
  const item = element("item", ns.mucUser, { affiliation: is, role: "none", jid: jid.value });
  const { open } = split(stage, view, "");
  const attrs = { from: roomJid(event.room), id: event.id };
  return to(open, () => element("message", ns.component, attrs, user([item])));
}

/** He himself learns it, if it is not what he did, nor a ban (status 101). */
function toldInAbsence({ event, world }: Scene, change: Change<"affiliation">): Out[] {
  const { address, by } = change;
  const isOwnDoing = by?.address !== undefined && samePerson(by.address, address);
  if (isOwnDoing || change.affiliation === "outcast" || address.local === "*") return [];
  if (!world.onXmpp(address)) return [];
  const attrs = { from: roomJid(event.room), id: event.id };
  const item = element("item", ns.mucUser, { affiliation: change.affiliation, role: "none" });
  const code = element("status", ns.mucUser, { code: "101" });
  return to(outside(address), () => element("message", ns.component, attrs, user([item, code])));
}

/** Somebody who is not in the room. */
function outside(address: Address): Recipient[] {
  const jid = toJid({ local: address.local, domain: address.domain });
  return jid.ok ? [{ id: "", key: "", jid: jid.value }] : [];
}

function endpointGone({ stage, view, world, event }: Scene, change: Change<"endpoint-gone">): Out[] {
  const participant = view.participants.get(change.key);
  const device = stage.audience.get(change.endpoint);
  if (participant === undefined || device === undefined) return [];
  return to([device], () => unavailable(event.room, { participant, open: true, codes: ["110"] }, world));
}

function configured({ stage, event }: Scene, now: RoomConfig): Out[] {
  const before = stage.config;
  const codes: string[] = [];
  const wasLogged = (before?.history ?? 0) > 0;
  if (before?.openAddresses === false && now.openAddresses) codes.push("172");
  if (before?.openAddresses === true && !now.openAddresses) codes.push("173");
  if (!wasLogged && now.history > 0) codes.push("170");
  if (wasLogged && now.history === 0) codes.push("171");
  if (codes.length === 0) codes.push("104");
  const attrs = { from: roomJid(event.room), id: event.id, type: "groupchat" };
  return toAll(
    stage,
    element(
      "message",
      ns.component,
      attrs,
      user(codes.map((code) => element("status", ns.mucUser, { code }))),
    ),
  );
}

function declined({ stage, event, world }: Scene, change: Change<"declined">): Out[] {
  const { key, address } = change.to;
  const here = key === undefined ? [] : devicesOf(stage, key);
  const host = here.length > 0 || address === undefined || !world.onXmpp(address) ? here : outside(address);
  const from = toJid(world.faceOn(change.from));
  if (!from.ok) return [];
  const reason = change.reason === undefined ? [] : [element("reason", ns.mucUser, {}, change.reason)];
  const decline = element("decline", ns.mucUser, { from: from.value }, ...reason);
  const attrs = { from: roomJid(event.room), id: event.id };
  return to(host, () => element("message", ns.component, attrs, user([decline])));
}

function roster(scene: Scene, change: Change<"roster">): Out[] {
  const gone = change.gone.flatMap((one) => left(scene, one));
  const come = change.joined.flatMap(({ key }) => present(scene, key));
  const text = change.text === undefined ? [] : notice(scene, change.text, undefined);
  return [...text, ...gone, ...come];
}

function notice({ stage, event }: Scene, text: string, key: string | undefined): Out[] {
  const attrs = { from: roomJid(event.room), id: event.id, type: "groupchat" };
  const stanzaId = element("stanza-id", ns.ids, { by: roomJid(event.room), id: event.id });
  const stanza = element("message", ns.component, attrs, element("body", ns.component, {}, text), stanzaId);
  return key === undefined ? toAll(stage, stanza) : to(devicesOf(stage, key), () => stanza);
}

function destroyed({ stage, event, world }: Scene, change: Change<"destroyed">): Out[] {
  const alternate = change.alternate === undefined ? undefined : actorJid(change.alternate, undefined);
  const reason = change.reason === undefined ? [] : [element("reason", ns.mucUser, {}, change.reason)];
  const destroy = element("destroy", ns.mucUser, { jid: alternate }, ...reason);
  return [...stage.participants.values()].flatMap((participant) =>
    to(
      recipientsOf(participant).filter(({ id }) => stage.audience.has(id)),
      () =>
        unavailable(
          event.room,
          { participant, open: false, affiliation: "none", codes: ["110"], destroy },
          world,
        ),
    ),
  );
}
