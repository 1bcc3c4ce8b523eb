// What becomes of what people say and do in a room, on each carrier: the tables that gateways publish, and those that concern one
// room put together. Pure.
import { z } from "zod";
import { type Address, printAddress } from "../address.ts";
import { Carrier } from "../events/message.ts";
import type { RoomChangeKind, RoomMessage } from "../events/room.ts";
import type { RoomView } from "./view.ts";

/** How one thing fares on a carrier; a reason is needed wherever something is lost. `refused`: who tries it is told that it cannot be. */
export type Fate =
  | { readonly is: "carried"; readonly as?: string }
  | { readonly is: "reduced"; readonly how: string }
  | { readonly is: "dropped" | "refused"; readonly why: string };

/** What can be in something said, each of which fares in its own way. */
export type SaidPart = Exclude<keyof RoomMessage, "from" | "leg" | "origin">;

/** Everything that can be done in a room: what happens in it, what something said can have in it, and typing. */
export type Deed = Exclude<RoomChangeKind, "said"> | `said.${SaidPart}` | "typing";

/** A total table: a new kind of event, or a new part of what is said, does not compile until every gateway has decided. */
export type DeedTable = Readonly<Record<Deed, Fate>>;

/** One row as it is published. */
const PublishedFate = z.object({
  is: z.enum(["carried", "reduced", "dropped", "refused"]),
  /** How, or why not. */
  how: z.string().max(500).optional(),
});
export type PublishedFate = z.infer<typeof PublishedFate>;

// Read tolerantly: another version may know other deeds, or not yet these.
const PublishedTable = z.record(z.string().max(64), PublishedFate);
type PublishedTable = z.infer<typeof PublishedTable>;
const Facts = z.record(z.string().max(64), z.union([z.string().max(200), z.number(), z.boolean()]));
export type Facts = z.infer<typeof Facts>;

/** What a gateway says of one carrier: KV bucket `capabilities`, key: the carrier. Changes only by adding. */
export const CarrierCapabilities = z.object({
  carrier: Carrier,
  /** What people who are in a room by this carrier meet; absent where nobody can be. */
  people: PublishedTable.optional(),
  /** What people of a channel meet that is a leg of a room, by the leg's mode. */
  legs: z.record(z.string().max(32), PublishedTable).optional(),
  /** What is known of the server there. */
  facts: Facts.optional(),
});
export type CarrierCapabilities = z.infer<typeof CarrierCapabilities>;

/** A leg, as far as it matters here: part of what conference-svc publishes. */
export const LegLine = z.object({
  room: z.object({ local: z.string(), domain: z.string() }),
  carrier: z.string(),
  leg: z.string(),
  mode: z.string().default("puppets"),
  mirror: z.string().optional(),
});
export type LegLine = z.infer<typeof LegLine>;

/** One way in which people meet the room: a protocol by which some are in it, or a leg. */
export interface Way {
  readonly carrier: string;
  readonly leg?: string;
  readonly mode?: string;
  /** Which of the leg's people the room shows. */
  readonly mirror?: string;
  /** How many participants meet it in this way now. */
  readonly participants: number;
  /** By deed; empty where the carrier's gateway has not said. */
  readonly fates: PublishedTable;
  readonly facts?: Facts;
}

export interface RoomCapabilities {
  readonly room: Address;
  readonly ways: readonly Way[];
}

/** What each deed is called for people; undefined for what is the house's own affair. */
export const deedWords = {
  "said.text": "text",
  "said.action": "actions (/me)",
  "said.kind": "notices",
  "said.spans": "formatting",
  "said.corrects": "corrections",
  "said.repliesTo": "answers",
  "said.to": "private messages",
  "said.thread": "threads",
  "said.language": "the language of a text",
  "said.written": "when a text was written",
  reacted: "reactions",
  retracted: "taking back",
  typing: "typing",
  subject: "the subject",
  joined: "who comes",
  left: "who goes",
  renamed: "nicks",
  status: "away and busy",
  role: "voice and moderators",
  affiliation: "members and bans",
  invited: "invitations",
  declined: "declined invitations",
  configured: "settings",
  notice: "notes of the room",
  destroyed: "the end of the room",
  roster: "many who come or go at once",
  owner: undefined,
  created: undefined,
  endpoint: undefined,
  "endpoint-gone": undefined,
  rekeyed: undefined,
} as const satisfies Record<Deed, string | undefined>;

/** What is published of a table. */
export const publishedTable = (table: DeedTable): PublishedTable =>
  Object.fromEntries(Object.entries(table).map(([deed, fate]) => [deed, publishedFate(fate)]));

function publishedFate(fate: Fate): PublishedFate {
  const how = "why" in fate ? fate.why : "how" in fate ? fate.how : fate.as;
  return { is: fate.is, ...(how !== undefined && { how }) };
}

/** A total table from a gateway's rows about events, its rows about what is said, and typing. */
export function deedTable(
  changes: Readonly<Record<RoomChangeKind, Fate>>,
  said: Readonly<Record<SaidPart, Fate>>,
  typing: Fate,
): DeedTable {
  const { said: _inParts, ...others } = changes;
  const parts = Object.entries(said).map(([part, fate]) => [`said.${part}`, fate]);
  return { ...others, ...(Object.fromEntries(parts) as Record<`said.${SaidPart}`, Fate>), typing };
}

/**
 * What becomes of what is said and done in this room as it is now: by each carrier through which somebody is in it, and on each of its
 * legs (`legs`, and those from which people are in the room).
 */
export function capabilitiesOf(
  view: RoomView,
  legs: readonly LegLine[],
  tables: ReadonlyMap<string, CarrierCapabilities>,
): RoomCapabilities {
  const members = new Map<string, number>();
  const mirrored = new Map<string, number>();
  const count = (into: Map<string, number>, key: string): void =>
    void into.set(key, (into.get(key) ?? 0) + 1);
  for (const { endpoints, leg } of view.participants.values()) {
    for (const carrier of new Set(endpoints.map((one) => one.carrier))) count(members, carrier);
    if (leg !== undefined) count(mirrored, leg);
  }
  const known = new Map(legs.map((leg) => [leg.leg, leg]));
  for (const leg of mirrored.keys()) if (!known.has(leg)) known.set(leg, unpublished(view.room, leg));
  const people = [...members].map(([carrier, participants]): Way => {
    const table = tables.get(carrier);
    return way({ carrier, participants }, view, table, table?.people);
  });
  const places = [...known.values()].map(({ carrier, leg, mode, mirror }): Way => {
    const table = tables.get(carrier);
    const participants = mirrored.get(leg) ?? 0;
    const head = { carrier, leg, mode, ...(mirror !== undefined && { mirror }), participants };
    return way(head, view, table, table?.legs?.[mode] ?? table?.legs?.puppets);
  });
  const byName = (a: Way, b: Way): number => nameOf(a).localeCompare(nameOf(b), "en");
  return { room: view.room, ways: [...people.sort(byName), ...places.sort(byName)] };
}

const unpublished = (room: Address, leg: string): LegLine => ({
  room,
  carrier: leg.split("/", 1)[0] ?? leg,
  leg,
  mode: "puppets",
});

function way(
  head: Omit<Way, "fates" | "facts">,
  { config }: RoomView,
  table: CarrierCapabilities | undefined,
  fates: PublishedTable | undefined,
): Way {
  const silent: PublishedFate = { is: "refused", how: "this room takes no private messages" };
  return {
    ...head,
    fates: {
      ...fates,
      ...(fates !== undefined && config?.privateMessages === "nobody" && { "said.to": silent }),
    },
    ...(table?.facts && { facts: table.facts }),
  };
}

/** What a way is called: its leg, else its carrier. */
export const nameOf = ({ carrier, leg }: Pick<Way, "carrier" | "leg">): string => leg ?? carrier;

const fateOrder = ["carried", "reduced", "dropped", "refused"] as const;

/** The deeds of a way by what becomes of them, in words for people. */
export function wordsByFate({ fates }: Way): Readonly<Record<PublishedFate["is"], readonly string[]>> {
  const of = (is: PublishedFate["is"]): string[] =>
    Object.entries(deedWords).flatMap(([deed, words]) =>
      words !== undefined && fates[deed]?.is === is ? [words] : [],
    );
  return { carried: of("carried"), reduced: of("reduced"), dropped: of("dropped"), refused: of("refused") };
}

/**
 * Lines for people. Without `about` the deeds of each way by what becomes of them; with it what becomes of those whose name has that
 * word in it, and how or why.
 */
export function capabilityLines({ room, ways }: RoomCapabilities, about = ""): string[] {
  if (ways.length === 0) return [`${printAddress(room)} has nobody in it, and no channel elsewhere.`];
  return ways.flatMap((one) => {
    const name = `${nameOf(one)}${one.mode === "bot" ? " (a bot relays)" : ""}`;
    if (Object.keys(one.fates).length === 0) return [`${name}: nothing is known of it yet`];
    if (about !== "") return linesAbout(name, one, about.toLowerCase());
    const words = wordsByFate(one);
    return fateOrder.flatMap((is) =>
      words[is].length === 0 ? [] : [`${name}, ${is}: ${words[is].join(", ")}`],
    );
  });
}

const linesAbout = (name: string, { fates }: Way, about: string): string[] =>
  Object.entries(deedWords).flatMap(([deed, words]) => {
    const fate = fates[deed];
    if (fate === undefined || words?.toLowerCase().includes(about) !== true) return [];
    return [`${name}, ${words}: ${fate.is}${fate.how === undefined ? "" : `: ${fate.how}`}`];
  });
