// The archive of a room: XEP-0313 §3 to §5, with tombstones of what was taken back (XEP-0424 §5.1).
import { bareKey } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomPage, RoomQuestion } from "#bus-schemas/events/room-command.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { type Element, element, type Node, ns } from "../../wire/element.ts";
import { parseStamp, printStamp } from "../stamp.ts";
import { fieldValue, formElement, pageElement, readForm, readPage } from "./form.ts";
import { actorJid, byResource, type RoomFaces, roomJid } from "./names.ts";
import { idElement, realJids, user } from "./presence.ts";
import { saidStanza, shownId } from "./said.ts";

/** Messages of one page: what is sent if nothing else is asked for, and at most. */
const pages = { usual: 50, most: 100 } as const;

type Question = Extract<RoomQuestion, { ask: "history" }>;

/** What a query asks of the room's owner; never for what was said in private (XEP-0313 §6.2). */
export function readQuery(query: Element, view: RoomView): Question | "bad-request" {
  const form = readForm(query);
  const page = readPage(query);
  const from = stamp(form && fieldValue(form, "start"));
  const until = stamp(form && fieldValue(form, "end"));
  const before = page.before || (form && fieldValue(form, "before-id"));
  const after = page.after || (form && fieldValue(form, "after-id"));
  const person = form && fieldValue(form, "with");
  const who = person === undefined ? undefined : readPerson(person, view);
  if (from === "bad" || until === "bad" || (person !== undefined && who === undefined)) return "bad-request";
  const last = page.before !== undefined;
  return {
    ask: "history",
    room: { local: view.room.local, domain: view.room.domain },
    max: Math.min(pages.most, Math.max(1, page.max ?? pages.usual)),
    ...(before ? { before } : {}),
    ...(after ? { after } : {}),
    ...(last && { last }),
    ...(from !== undefined && { from }),
    ...(until !== undefined && { until }),
    ...(who !== undefined && { with: who }),
  };
}

function stamp(text: string | undefined): number | undefined | "bad" {
  return text === undefined ? undefined : (parseStamp(text) ?? "bad");
}

function readPerson(text: string, view: RoomView): string | undefined {
  const jid = fromJid(text);
  if (!jid.ok) return undefined;
  const { device } = jid.value;
  const isHere = bareKey(jid.value) === bareKey(view.room);
  return isHere && device !== undefined ? (byResource(view, device)?.key ?? "") : bareKey(jid.value);
}

/** The messages of a page, each as a `<result/>` in a message of its own, without `to`. */
export function pageStanzas(
  page: RoomPage,
  view: RoomView,
  queryId: string | undefined,
  open: boolean,
  faces: RoomFaces,
): Element[] {
  const known = new Map([...view.recent, ...page.events].map((event) => [event.id, event]));
  const retractions = new Map(
    [...known.values()].flatMap((event) =>
      event.change.kind === "retracted" ? [[event.change.message, event] as const] : [],
    ),
  );
  const from = roomJid(view.room);
  return page.events.flatMap((event) => {
    const stanza = archived(event, retractions.get(event.id), known, open, view, faces);
    if (stanza === undefined) return [];
    const at = printStamp(event.time);
    const delay = element("delay", ns.delay, { stamp: at });
    const result = element(
      "result",
      ns.mam,
      { queryid: queryId, id: event.id },
      element("forwarded", ns.forward, {}, delay, stanza),
    );
    return [element("message", ns.component, { from }, result)];
  });
}

function archived(
  event: RoomEvent,
  retraction: RoomEvent | undefined,
  known: ReadonlyMap<string, RoomEvent>,
  open: boolean,
  view: RoomView,
  faces: RoomFaces,
): Element | undefined {
  if (retraction !== undefined) return tombstone(event, retraction, faces);
  const stanza = saidStanza(event, (id) => known.get(id), faces);
  if (stanza === undefined || !open || event.change.kind !== "said") return stanza && client(stanza);
  const author = view.participants.get(event.change.message.from.key ?? "");
  const jid = author && realJids(author, faces)[0];
  const item = jid === undefined ? [] : [user([element("item", ns.mucUser, { jid })])];
  return client({ ...stanza, children: [...stanza.children, ...item] });
}

// Inside a forward a message is in the clients' namespace (XEP-0297 §3.1).
const client = (stanza: Element): Element => ({
  ...stanza,
  xmlns: "jabber:client",
  children: stanza.children.map(
    (one): Node =>
      typeof one !== "string" && one.xmlns === ns.component ? { ...one, xmlns: "jabber:client" } : one,
  ),
});

function tombstone(event: RoomEvent, { change, id, time }: RoomEvent, faces: RoomFaces): Element | undefined {
  if (event.change.kind !== "said" || change.kind !== "retracted") return undefined;
  const { from } = event.change.message;
  const moderated = change.moderated
    ? [
        element(
          "moderated",
          ns.moderate,
          { by: actorJid(event.room, change.by) },
          idElement(event.room, change.by.key, faces),
        ),
        change.reason === undefined ? undefined : element("reason", ns.retract, {}, change.reason),
      ]
    : [];
  return element(
    "message",
    "jabber:client",
    { type: "groupchat", from: actorJid(event.room, from), id: shownId(event) },
    idElement(event.room, from.key, faces),
    element("retracted", ns.retract, { stamp: printStamp(time), id }, ...moderated),
  );
}

/** The end of a page. */
export const finElement = (page: RoomPage): Element =>
  element(
    "fin",
    ns.mam,
    { complete: page.complete ? "true" : undefined },
    pageElement(
      page.events.map(({ id }) => id),
      page.total,
    ),
  );

/** The form by which the archive may be asked (XEP-0313 §4.1.4). */
export const queryForm = (): Element =>
  element(
    "query",
    ns.mam,
    {},
    formElement("form", ns.mam, [
      { name: "with", type: "text-single", values: [] },
      { name: "start", type: "text-single", values: [] },
      { name: "end", type: "text-single", values: [] },
      { name: "before-id", type: "text-single", values: [] },
      { name: "after-id", type: "text-single", values: [] },
    ]),
  );

/** Where the archive begins and ends (XEP-0313 §5). */
export const metadata = (first: RoomEvent | undefined, last: RoomEvent | undefined): Element => {
  const end = (name: string, event: RoomEvent | undefined): Element | undefined =>
    event && element(name, ns.mam, { id: event.id, timestamp: printStamp(event.time) });
  return element("metadata", ns.mam, {}, end("start", first), end("end", last));
};
