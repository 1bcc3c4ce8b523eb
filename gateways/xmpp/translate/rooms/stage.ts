// What the people of a room who are on XMPP have been shown of it so far, and to whom each thing is addressed.
import { toJid } from "#bus-schemas/addresses/jid.ts";
import type { Participant, RoomChange, RoomConfig, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Element } from "../../wire/element.ts";

/** One device on XMPP that is in the room. */
export interface Recipient {
  /** Its endpoint in the room. */
  readonly id: string;
  /** Its person. */
  readonly key: string;
  readonly jid: string;
}

/** One stanza for several: made and printed once, then addressed to each. */
export interface Out {
  readonly stanza: Element;
  readonly to: readonly Recipient[];
}

/** The room as it has been shown. Participants are never changed in place, only replaced. */
export interface Stage {
  readonly participants: Map<string, Participant>;
  /** The devices that have got the whole picture, by endpoint. */
  readonly audience: Map<string, Recipient>;
  config: RoomConfig | undefined;
  /** Those who have just been struck from a list and will be put out for it. */
  readonly struck: Set<string>;
  /** The number of the last event shown. */
  number: number;
}

/** Nobody has been shown anything. */
export const emptyStage = (): Stage => ({
  participants: new Map(),
  audience: new Map(),
  struck: new Set(),
  config: undefined,
  number: 0,
});

/** His devices on XMPP. */
export function recipientsOf(participant: Participant): Recipient[] {
  return participant.endpoints.flatMap(({ id, carrier, address }) => {
    if (carrier !== "xmpp") return [];
    const jid = toJid(address);
    return jid.ok ? [{ id, key: participant.key, jid: jid.value }] : [];
  });
}

/** The audience by what each may see of a participant: his own devices, those who see real addresses, the rest. */
export function split(
  stage: Stage,
  view: RoomView,
  key: string,
): { readonly own: Recipient[]; readonly open: Recipient[]; readonly closed: Recipient[] } {
  const parts = { own: [] as Recipient[], open: [] as Recipient[], closed: [] as Recipient[] };
  for (const one of stage.audience.values()) {
    if (one.key === key) parts.own.push(one);
    else if (seesAddresses(stage, view, one.key)) parts.open.push(one);
    else parts.closed.push(one);
  }
  return parts;
}

/** Whether this participant may see the others' real addresses (XEP-0045 §4.2, non-anonymous and semi-anonymous rooms). */
export function seesAddresses(stage: Stage, view: RoomView, key: string): boolean {
  if ((view.config ?? stage.config)?.openAddresses === true) return true;
  return (view.participants.get(key) ?? stage.participants.get(key))?.role === "moderator";
}

/** The stage after everything in the view has been shown to those who have got the picture. */
export function follow(stage: Stage, view: RoomView): void {
  stage.participants.clear();
  stage.struck.clear();
  for (const [key, participant] of view.participants) stage.participants.set(key, participant);
  for (const id of [...stage.audience.keys()]) if (!view.endpoints.has(id)) stage.audience.delete(id);
  stage.config = view.config;
  stage.number = view.number;
}

/** The stage after this event has been shown. True if the roster is another than before. */
export function advance(stage: Stage, { change }: RoomEvent, view: RoomView): boolean {
  stage.config = view.config;
  stage.number = view.number;
  if (change.kind === "destroyed") {
    follow(stage, view);
    return true;
  }
  if (change.kind === "endpoint-gone") stage.audience.delete(change.endpoint);
  const keys = changedKeys(change);
  for (const key of keys) step(stage, view, key);
  if (change.kind === "affiliation" && change.key !== undefined) stage.struck.add(change.key);
  else if (change.kind !== "left") stage.struck.clear();
  return keys.length > 0;
}

function step(stage: Stage, view: RoomView, key: string): void {
  const participant = view.participants.get(key);
  if (participant !== undefined) {
    stage.participants.set(key, participant);
    return;
  }
  stage.participants.delete(key);
  for (const one of [...stage.audience.values()]) if (one.key === key) stage.audience.delete(one.id);
}

function changedKeys(change: RoomChange): string[] {
  switch (change.kind) {
    case "joined":
      return [change.participant.key];
    case "left":
      return [change.gone.key];
    case "roster":
      return [...change.gone, ...change.joined].map(({ key }) => key);
    case "rekeyed":
      return [change.key, change.to];
    case "affiliation":
      return change.key === undefined ? [] : [change.key];
    case "endpoint":
    case "endpoint-gone":
    case "renamed":
    case "status":
    case "role":
      return [change.key];
    default:
      return [];
  }
}
