// Lists of roles and affiliations: XEP-0045 §8, §9.
import type { Address } from "#bus-schemas/address.ts";
import { fromJid, parseJid, toJid } from "#bus-schemas/addresses/jid.ts";
import type { Affiliation, Role } from "#bus-schemas/events/room.ts";
import type { RoomDo, RoomReason } from "#bus-schemas/events/room-command.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { childText, type Element, element, elements, ns } from "../../wire/element.ts";
import { affiliationOfName, byResource, type RoomFaces, roleNames, roleOf, shownNick } from "./names.ts";
import { realJids } from "./presence.ts";

/** A list that is asked for. */
export type List = { readonly affiliation: Affiliation } | { readonly role: Role };

/** Which list a `muc#admin` get asks for. */
export function askedList(query: Element): List | undefined {
  const { affiliation = "", role = "" } = elements(query).find(({ name }) => name === "item")?.attrs ?? {};
  const rank = affiliationOfName(affiliation);
  if (rank !== undefined) return { affiliation: rank };
  const now = roleOf(role);
  return now === undefined ? undefined : { role: now };
}

/** The list. */
export function listElement(view: RoomView, list: List, faces: RoomFaces): Element {
  const items =
    "role" in list ? byRole(view, list.role, faces) : byAffiliation(view, list.affiliation, faces);
  return element("query", ns.mucAdmin, {}, ...items);
}

const byRole = (view: RoomView, role: Role, faces: RoomFaces): Element[] =>
  [...view.participants.values()]
    .filter((one) => one.role === role)
    .map((one) =>
      element("item", ns.mucAdmin, {
        affiliation: one.affiliation,
        role: roleNames[role],
        nick: shownNick(view.room, one),
        jid: realJids(one, faces)[0],
      }),
    );

const byAffiliation = (view: RoomView, affiliation: Affiliation, faces: RoomFaces): Element[] =>
  [...view.affiliations.values()]
    .filter((one) => one.affiliation === affiliation)
    .flatMap((one) => {
      const jid = listJid(one.address, faces);
      const reason = one.reason === undefined ? undefined : element("reason", ns.mucAdmin, {}, one.reason);
      return jid === undefined ? [] : [element("item", ns.mucAdmin, { affiliation, jid }, reason)];
    });

// A whole domain stands in the lists under the local part `*` (rooms/view.ts); on XMPP it is a JID without one.
function listJid(address: Address, faces: RoomFaces): string | undefined {
  if (address.local === "*") return address.domain;
  const jid = toJid(faces.faceOn(address));
  return jid.ok ? jid.value : undefined;
}

/** What a `muc#admin` set wants done, in order; changes of affiliation are one wish. `behind`: whom a JID is the face of. */
export function readChanges(
  query: Element,
  view: RoomView,
  behind: (address: Address) => Address,
): RoomDo[] | RoomReason | "bad-request" {
  const wishes: RoomDo[] = [];
  const changes: Extract<RoomDo, { kind: "affiliation" }>["changes"] = [];
  const items = elements(query).filter(({ name }) => name === "item");
  if (items.length === 0 || items.length > 100) return "bad-request";
  for (const item of items) {
    const reason = childText(item, "reason", ns.mucAdmin)?.trim().slice(0, 1_024);
    const said = reason ? { reason } : {};
    const { affiliation, role, nick } = item.attrs;
    if (affiliation !== undefined) {
      const rank = affiliationOfName(affiliation);
      const address = targetOf(item, view, behind);
      if (rank === undefined) return "bad-request";
      if (address === undefined) return "no-such-person";
      changes.push({ address, affiliation: rank, ...said });
      continue;
    }
    const target = nick === undefined ? undefined : byResource(view, nick);
    if (nick === undefined || role === undefined) return "bad-request";
    if (target === undefined) return "no-such-person";
    const aim = { key: target.key };
    const to = roleOf(role);
    if (role === "none") wishes.push({ kind: "kick", target: aim, ...said });
    else if (to === undefined) return "bad-request";
    else wishes.push({ kind: "role", target: aim, role: to, ...said });
  }
  if (changes.length > 0) wishes.push({ kind: "affiliation", changes });
  return wishes;
}

function targetOf(item: Element, view: RoomView, behind: (address: Address) => Address): Address | undefined {
  const { jid, nick } = item.attrs;
  if (jid === undefined) return nick === undefined ? undefined : byResource(view, nick)?.address;
  const address = fromJid(jid);
  if (address.ok) {
    const person = behind(address.value);
    return { local: person.local, domain: person.domain };
  }
  const domain = parseJid(jid);
  return domain.ok && domain.value.local === undefined
    ? { local: "*", domain: domain.value.domain }
    : undefined;
}
