// What the domain of the rooms answers: that it is a service for rooms, and which there are: XEP-0045 §6.2, §6.3; XEP-0059.
import type { RoomSummary } from "#bus-schemas/events/room-command.ts";
import { capsHash, infoElement } from "../../session/caps.ts";
import { type Element, element, ns } from "../../wire/element.ts";
import { capsNode } from "../disco.ts";
import { pageElement, readPage } from "./form.ts";
import { roomJid } from "./names.ts";
import { serviceInfo } from "./room-info.ts";

/** Rooms on one page at most; who asks for no page gets the first so many. */
const mostItems = 200;

/** The service's disco#info, or undefined for a node that it has not. */
export const serviceDisco = (node: string | undefined): Element | undefined =>
  node === undefined || node === "" || node === `${capsNode}#${capsHash(serviceInfo)}`
    ? infoElement(serviceInfo, node)
    : undefined;

/** The list of rooms, those that want to be in it, in the order of their names. */
export function roomList(query: Element, rooms: readonly RoomSummary[]): Element {
  const all = rooms
    .filter(({ listed }) => listed)
    .map((one) => ({ ...one, jid: roomJid(one.room) }))
    .sort((a, b) => (a.jid < b.jid ? -1 : a.jid > b.jid ? 1 : 0));
  const { max, before, after } = readPage(query);
  const size = Math.min(max ?? mostItems, mostItems);
  const start =
    before !== undefined
      ? Math.max(0, (before === "" ? all.length : place(all, before)) - size)
      : after === undefined
        ? 0
        : place(all, `${after}\u0000`);
  const end =
    before !== undefined && before !== "" ? Math.min(start + size, place(all, before)) : start + size;
  const page = all.slice(start, end);
  return element(
    "query",
    ns.discoItems,
    {},
    ...page.map(({ jid, title }) =>
      element("item", ns.discoItems, { jid, name: title ?? jid.split("@")[0] }),
    ),
    pageElement(
      page.map(({ jid }) => jid),
      all.length,
      start,
    ),
  );
}

/** How many come before this name. */
const place = (all: readonly { readonly jid: string }[], jid: string): number =>
  all.filter((one) => one.jid < jid).length;
