// What a new holder of the stream shows to those who were there before it: the difference between what they have seen and
// how the room is now. What was said meanwhile comes from the log under its own ids.
import type { Participant } from "#bus-schemas/events/room.ts";
import { element, ns } from "../../wire/element.ts";
import { absent, present, type Sight } from "./from-event.ts";
import { unavailable } from "./presence.ts";
import { type Out, type Recipient, recipientsOf } from "./stage.ts";

/** Presence that was missed. The stage is what was shown; after it, `follow` it. */
export function missedPresence(sight: Sight): Out[] {
  const { stage, view } = sight;
  const expelled = farewells(sight);
  const rest = { ...stage, audience: new Map([...stage.audience].filter(([id]) => view.endpoints.has(id))) };
  const now: Sight = { ...sight, stage: rest };
  // All that goes first: a nick that is free again may have been taken by somebody else meanwhile.
  const gone = [...stage.participants.values()].flatMap((before): Out[] => {
    const after = view.participants.get(before.key);
    if (after === undefined) return absent(now, { participant: before });
    if (after.nick === before.nick) return [];
    return absent(now, { participant: before, newNick: after.nick }, ["303"]);
  });
  const changed = [...view.participants.values()]
    .filter((after) => !sameLook(stage.participants.get(after.key), after))
    .flatMap(({ key }) => present(now, key));
  return [...expelled, ...gone, ...changed];
}

/** Those who have not been shown the room although they are in it. */
export const newcomers = ({ stage, view }: Sight): Recipient[] =>
  [...view.participants.values()].flatMap(recipientsOf).filter(({ id }) => !stage.audience.has(id));

const sameLook = (a: Participant | undefined, b: Participant): boolean =>
  a !== undefined &&
  a.nick === b.nick &&
  a.role === b.role &&
  a.affiliation === b.affiliation &&
  a.status?.show === b.status?.show &&
  a.status?.text === b.status?.text;

/** Devices that are in the room no longer learn it themselves; why is not known any more. */
function farewells({ stage, view, world }: Sight): Out[] {
  const destroy = view.exists ? undefined : element("destroy", ns.mucUser);
  return [...stage.audience.values()].flatMap((device): Out[] => {
    const participant = stage.participants.get(device.key);
    if (view.endpoints.has(device.id) || participant === undefined) return [];
    const gone = { participant, open: false, codes: ["110"] as const, ...(destroy && { destroy }) };
    return [{ stanza: unavailable(view.room, gone, world), to: [device] }];
  });
}
