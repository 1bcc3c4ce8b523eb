// The table of a room's capabilities: a row for each way and deed, with the words; XEP-0128, XEP-0004 §3.4.
import { expect, test } from "vitest";
import type { Way } from "#bus-schemas/rooms/capabilities.ts";
import { child, type Element, elements, ns, text } from "../../wire/element.ts";
import { capabilitiesElement } from "./capabilities-form.ts";

const room = { local: "lobby", domain: "rooms.example" };
const irc: Way = {
  ...{ carrier: "irc-demo", leg: "irc-demo/#lobby", mode: "puppets", participants: 3 },
  fates: {
    retracted: { is: "dropped", how: "cannot be unsaid" },
    "said.text": { is: "carried" },
    owner: { is: "dropped", how: "the house's" },
    "of-a-newer-version": { is: "refused" },
  },
};

const cells = (item: Element): Record<string, string> =>
  Object.fromEntries(
    elements(item).map((field) => [field.attrs.var ?? "", elements(field).map(text).join()]),
  );

const table = (ways: readonly Way[]): { head: string[]; items: Record<string, string>[]; type: string } => {
  const query = capabilitiesElement({ room, ways });
  expect(query.attrs.node).toBe(ns.capabilities);
  const x = child(query, "x", ns.forms);
  if (x === undefined) throw new Error("no form");
  const [type, reported, ...items] = elements(x);
  return {
    type: type === undefined ? "" : elements(type).map(text).join(),
    head: elements(reported ?? x).map((field) => field.attrs.var ?? ""),
    items: items.map(cells),
  };
};

test("rows have the columns that are reported; what is the house's own affair has none", () => {
  const { type, head, items } = table([irc]);
  expect(type).toBe("urn:parley:room:capabilities");
  expect(head).toEqual(["way", "participants", "deed", "name", "fate", "how"]);
  const start = { way: "irc-demo/#lobby", participants: "3" };
  expect(items).toEqual([
    { ...start, deed: "retracted", name: "taking back", fate: "dropped", how: "cannot be unsaid" },
    { ...start, deed: "said.text", name: "text", fate: "carried" },
    { ...start, deed: "of-a-newer-version", name: "of-a-newer-version", fate: "refused" },
  ]);
});

test("a way of which nothing is known is a row all the same", () => {
  expect(table([{ carrier: "web", participants: 1, fates: {} }]).items).toEqual([
    { way: "web", participants: "1", fate: "unknown" },
  ]);
});
