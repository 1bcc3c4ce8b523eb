// What becomes of what is said and done in a room, as an extension of its disco#info: XEP-0128; a table as XEP-0004 §3.4 writes it.
import { deedWords, nameOf, type RoomCapabilities } from "#bus-schemas/rooms/capabilities.ts";
import { type Element, element, ns } from "../../wire/element.ts";

const columns = {
  way: "Where",
  participants: "People",
  deed: "What",
  name: "In words",
  fate: "Becomes",
  how: "How, or why not",
} as const;
type Column = keyof typeof columns;

/** The disco#info of the node `urn:parley:room:capabilities` of a room: a row for each way and deed, and one for a way not known yet. */
export function capabilitiesElement({ ways }: RoomCapabilities): Element {
  const rows = ways.flatMap((way) => {
    const start = { way: nameOf(way), participants: String(way.participants) };
    const known = Object.entries(way.fates).flatMap(([deed, { is, how }]) => {
      const name: string | undefined = Object.hasOwn(deedWords, deed)
        ? deedWords[deed as keyof typeof deedWords]
        : deed;
      return name === undefined ? [] : [row({ ...start, deed, name, fate: is, how })];
    });
    return known.length === 0 ? [row({ ...start, fate: "unknown" })] : known;
  });
  const type = element("value", ns.forms, {}, ns.capabilities);
  return element(
    "query",
    ns.discoInfo,
    { node: ns.capabilities },
    // XEP-0030 §3.1: whatever is asked is something, and says so.
    element("identity", ns.discoInfo, { category: "conference", type: "text" }),
    element("feature", ns.discoInfo, { var: ns.capabilities }),
    element(
      "x",
      ns.forms,
      { type: "result" },
      element("field", ns.forms, { var: "FORM_TYPE", type: "hidden" }, type),
      element("reported", ns.forms, {}, ...Object.entries(columns).map(heading)),
      ...rows,
    ),
  );
}

const heading = ([name, label]: [string, string]): Element =>
  element("field", ns.forms, { var: name, type: "text-single", label });

const row = (cells: Readonly<Partial<Record<Column, string | undefined>>>): Element =>
  element(
    "item",
    ns.forms,
    {},
    ...(Object.keys(columns) as Column[]).flatMap((name) => {
      const value = cells[name];
      return value === undefined
        ? []
        : [element("field", ns.forms, { var: name }, element("value", ns.forms, {}, value))];
    }),
  );
