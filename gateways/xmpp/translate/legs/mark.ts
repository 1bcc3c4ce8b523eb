// The mark in our occupants' presence: rooms pass it on to all, so that whichever of our connections hears it knows its own people
// again, before and beside occupant ids (XEP-0421). Made for one nick in one room: copied, it hides nobody but its copier.
import { createHmac } from "node:crypto";
import { child, type Element, element } from "../../wire/element.ts";

const xmlns = "urn:parley:occupant:0";

/** The mark of this house for the occupant of that nick. `secret`: the house's, the same for ever. */
export const markFor = (secret: string, room: string, nick: string): string =>
  createHmac("sha256", secret)
    .update(JSON.stringify([room, nick]))
    .digest("base64url");

/** As it stands in a presence. */
export const markElement = (mark: string): Element => element("occupant", xmlns, { mark });

/** The mark in a presence, if there is one. */
export function markOf(stanza: Element): string | undefined {
  const mark = child(stanza, "occupant", xmlns)?.attrs.mark;
  return mark === undefined || mark.length > 100 ? undefined : mark;
}
