// Prints the vocabulary tables of bus-schemas/README.md from the code. Run it to bring the README up to date.
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { Address, Party } from "#bus-schemas/address.ts";
import { eventBytes } from "#bus-schemas/codec.ts";
import { Event } from "#bus-schemas/event.ts";
import { limits, Span } from "#bus-schemas/events/message.ts";
import { roomReasons, roomReasonText } from "#bus-schemas/events/room-command.ts";
import { reasons, reasonText } from "#bus-schemas/reason.ts";
import { type Deed, type DeedTable, deedWords, type Fate } from "#bus-schemas/rooms/capabilities.ts";
import * as subject from "#bus-schemas/subject.ts";
import { byBot, byPuppets } from "../../gateways/irc/translate/leg-capabilities.ts";
import { deedsInRooms as onSip } from "../../gateways/sip/translate/capabilities.ts";
import { deedsElsewhere as inConferences } from "../../gateways/sip/translate/legs/capabilities.ts";
import { deedsInRoom as onWeb } from "../../gateways/webrtc/translate/capabilities.ts";
import { deedsInRoom as onXmpp } from "../../gateways/xmpp/translate/capabilities.ts";
import { deedsElsewhere as inForeignRooms } from "../../gateways/xmpp/translate/legs/capabilities.ts";

/** The README whose tables stand between `<!-- printed -->` and `<!-- end of printed -->`. */
export const readme = new URL("../../bus-schemas/README.md", import.meta.url);

type JsonSchema = { [key: string]: unknown };

/** The README with its printed part renewed. */
export function renewed(text: string): string {
  const pattern = /(<!-- printed[^>]*-->\n)[\s\S]*?(<!-- end of printed -->)/;
  if (!pattern.test(text)) throw new Error("the README has no printed part");
  return text.replace(pattern, (_whole, start: string, end: string) => `${start}\n${tables()}\n${end}`);
}

function tables(): string {
  const addresses = docsIn("address.ts");
  const message = docsIn("events/message.ts");
  const outcome = docsIn("events/outcome.ts");
  const docsOf = (type: string): Docs => (type === "message.sent" ? message : outcome);
  return [
    fieldTable("Address", Address, addresses),
    fieldTable("Party", Party, addresses),
    ...Event.options.map((schema) =>
      fieldTable(schema.shape.type.value, schema, docsOf(schema.shape.type.value)),
    ),
    fieldTable("Span", Span, message),
    reasonTable(),
    deedTableOf("What people in a room meet of it", { SIP: onSip, XMPP: onXmpp, web: onWeb }),
    deedTableOf("What the legs of a room are shown of it", {
      "IRC channel, mode `puppets`": byPuppets(undefined),
      "IRC channel, mode `bot`": byBot,
      "XMPP room elsewhere": inForeignRooms,
      "SIP conference elsewhere": inConferences,
    }),
    roomReasonTable(),
    subjectTable(),
    limitTable(),
  ].join("\n");
}

const table = (title: string, head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [`### ${title}`, "", row(head), row(head.map(() => "---")), ...rows.map(row), ""].join("\n");

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

function fieldTable(title: string, schema: z.ZodObject, docs: Docs): string {
  const json: JsonSchema = z.toJSONSchema(schema, { io: "output", reused: "inline" });
  const properties = json.properties as Record<string, JsonSchema>;
  const required = new Set(json.required as string[] | undefined);
  const rows = Object.entries(properties).map(([name, property]) => [
    `\`${name}\`${required.has(name) ? "" : "?"}`,
    typeName(property),
    docs.get(name) ?? "",
  ]);
  return table(`\`${title}\``, ["field", "type", "meaning"], rows);
}

function typeName(schema: JsonSchema): string {
  if ("const" in schema) return `\`${String(schema.const)}\``;
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => `\`${String(value)}\``).join(" ");
  if (schema.type === "array") return `list of ${typeName(schema.items as JsonSchema)}`;
  if (schema.type !== "object") return String(schema.type);
  const keys = Object.keys((schema.properties ?? {}) as object);
  if (keys.includes("local")) return keys.includes("assurance") ? "Party" : "Address";
  if (keys.includes("style")) return "Span";
  return `{ ${keys.join(", ")} }`;
}

type Docs = ReadonlyMap<string, string>;

/** Field -> the sentence written above it in the source. */
function docsIn(file: string): Docs {
  const source = readFileSync(new URL(`../../bus-schemas/${file}`, import.meta.url), "utf8");
  const found = source.matchAll(/\/\*\*([^*]*(?:\*(?!\/)[^*]*)*)\*\/\s+(\w+):/g);
  const clean = (text: string): string => text.replace(/\s*\n\s*\*?\s*/g, " ").trim();
  return new Map([...found].map(([, doc, name]) => [name ?? "", clean(doc ?? "")]));
}

const reasonTable = (): string =>
  table(
    "Reasons",
    ["reason", "what a person is told"],
    reasons.map((reason) => [`\`${reason}\``, reasonText[reason]]),
  );

/** What becomes of everything done in a room, in each of some ways. */
function deedTableOf(title: string, ways: Readonly<Record<string, DeedTable>>): string {
  const deeds = Object.keys(deedWords) as Deed[];
  return table(
    title,
    ["what is done", ...Object.keys(ways)],
    deeds.map((deed) => [deedName(deed), ...Object.values(ways).map((fates) => fateWords(fates[deed]))]),
  );
}

function deedName(deed: Deed): string {
  const words = deedWords[deed];
  return words === undefined ? `\`${deed}\`` : `${words}: \`${deed}\``;
}

function fateWords(fate: Fate): string {
  const how = "why" in fate ? fate.why : "how" in fate ? fate.how : fate.as;
  return how === undefined ? fate.is : `${fate.is}: ${how}`;
}

const roomReasonTable = (): string =>
  table(
    "Why a room refuses",
    ["reason", "what a person is told"],
    roomReasons.map((reason) => [`\`${reason}\``, roomReasonText[reason]]),
  );

function subjectTable(): string {
  const rows = [
    [
      "messages, one stream per carrier",
      subject.messageSubject("<carrier>", "*"),
      subject.streams.message("<carrier>"),
    ],
    [
      "outcomes on their way back",
      subject.outcomeSubject("<carrier>", "*"),
      subject.streams.outcome("<carrier>"),
    ],
    ["mailboxes", subject.mailboxSubject("<carrier>", "*", "<queue>"), subject.streams.mailbox("<carrier>")],
    ["ledgers", subject.ledgerSubject("<carrier>", "<instance>"), subject.streams.ledger],
    ["one instance, live", subject.instanceSubject("<instance>", "<what>"), ""],
  ];
  return table(
    "Subjects",
    ["what", "subject (`*`: the slot)", "stream"],
    rows.map(([what, name, stream]) => [what ?? "", `\`${name}\``, stream ? `\`${stream}\`` : "not stored"]),
  );
}

const limitTable = (): string =>
  table(
    "Limits",
    ["limit", "value", "beyond it"],
    [
      ["text of a message", `${limits.textBytes} bytes`, "refused: `too-large`"],
      ["passages through gateways", String(limits.hops), "refused: `loop`"],
      ["one event as bytes", `${eventBytes}`, "our fault: not written; not read"],
      ["slots of a carrier", String(subject.slotCount), "fixed for the life of its stream"],
    ],
  );

if (import.meta.main) writeFileSync(readme, renewed(readFileSync(readme, "utf8")));
