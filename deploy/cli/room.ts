// parley room: one hosted room, looked at and ruled by the operator, who acts as the room itself.
import { randomBytes } from "node:crypto";
import { type Address, printAddress } from "#bus-schemas/address.ts";
import type { Participant, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomCommand, RoomDo, RoomPage } from "#bus-schemas/events/room-command.ts";
import { roomReasonText } from "#bus-schemas/events/room-command.ts";
import type { RoomSnapshot } from "#bus-schemas/rooms/view.ts";
import { pack, RoomReply, type RoomRequest, roomPlace, unpack } from "#bus-schemas/rooms/wire.ts";
import { addressText } from "#bus-schemas/service/config-values.ts";
import { type House, openHouse } from "./house.ts";
import { plain, table } from "./table.ts";
import { readArgs, UsageError } from "./usage.ts";

/** How often, and how long each time, the room's owner is asked: he may be changing just now. */
const tries = 8;
const askMs = 1_500;

const options = {
  config: { type: "string" },
  json: { type: "boolean" },
  title: { type: "string" },
  reason: { type: "string" },
  max: { type: "string" },
} as const;

/** Exit code 0, or 1 if the room refuses or there is none. */
export async function room(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: true,
  });
  const [address, act, object, ...more] = positionals;
  if (address === undefined || more.length > 0)
    throw new UsageError("room takes the address of a room, and perhaps what to do");
  const where = readAddress(address);
  const what = act === undefined || act === "history" ? undefined : wish(act, object, values);
  const house = await openHouse(values.config);
  try {
    if (what !== undefined) return await rule(house, where, what);
    const page =
      act === "history" ? { ask: "history", room: where, max: readMax(values.max), last: true } : undefined;
    const reply = await ask(house, where, (page as RoomRequest | undefined) ?? { ask: "view", room: where });
    if (reply.is === "page") return print(values.json ? JSON.stringify(reply.page) : showPage(reply.page));
    if (reply.is !== "view") throw new Error("the room's owner gave another answer than was asked for");
    if (!reply.snapshot.exists) return print("There is no such room.", 1);
    return print(values.json ? JSON.stringify(reply.snapshot) : show(reply.snapshot));
  } finally {
    await house.close();
  }
}

function print(text: string, code = 0): number {
  process.stdout.write(`${text.trimEnd()}\n`);
  return code;
}

function readAddress(text: string): Address {
  const address = addressText.safeParse(text);
  if (!address.success) throw new UsageError(`"${text}" is no address: write name@domain`);
  return address.data;
}

function readMax(text: string | undefined): number {
  const max = Number(text ?? 20);
  if (!Number.isInteger(max) || max < 1 || max > 500) throw new UsageError("--max is a number from 1 to 500");
  return max;
}

function wish(
  act: string,
  object: string | undefined,
  said: { title?: string | undefined; reason?: string | undefined },
): RoomDo {
  const reason = said.reason === undefined ? {} : { reason: said.reason };
  const needed = (): string => {
    if (object === undefined) throw new UsageError(`room … ${act} needs a name`);
    return object;
  };
  const affiliation = (to: "owner" | "outcast" | "none"): RoomDo => ({
    kind: "affiliation",
    changes: [{ address: readAddress(needed()), affiliation: to, ...reason }],
  });
  switch (act) {
    case "create":
      return {
        kind: "create",
        config: { persistent: true, ...(said.title !== undefined && { title: said.title }) },
      };
    case "destroy":
      return { kind: "destroy", ...reason };
    case "kick":
      return { kind: "kick", target: { nick: needed() }, ...reason };
    case "ban":
      return affiliation("outcast");
    case "unban":
      return affiliation("none");
    case "owner":
      return affiliation("owner");
    default:
      throw new UsageError(`"${act}" is nothing that a room does; "parley help" lists it`);
  }
}

async function rule(house: House, where: Address, what: RoomDo): Promise<number> {
  const command: RoomCommand = {
    id: randomBytes(18).toString("base64url"),
    type: "room.command",
    version: 1,
    room: where,
    from: { ...where, assurance: "verified" },
    carrier: "rooms",
    do: what,
  };
  const reply = await ask(house, where, command);
  if (reply.is !== "answer") throw new Error("the room's owner gave another answer than was asked for");
  const { answer } = reply;
  return answer.ok ? print("Done.") : print(`Refused: ${answer.text ?? roomReasonText[answer.reason]}`, 1);
}

async function ask(house: House, where: Address, request: RoomRequest): Promise<RoomReply> {
  for (let count = 0; count < tries; count += 1) {
    const answer = await house.bus.ask(roomPlace(where).ask, pack(request), askMs);
    const reply = answer === undefined ? undefined : unpack(RoomReply, answer);
    if (reply?.ok && reply.value.is !== "elsewhere") return reply.value;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error("no conference service answers for this room: is one running? (parley status)");
}

function show(view: RoomSnapshot): string {
  const { config, subject, participants, affiliations } = view;
  const traits =
    config === undefined
      ? []
      : Object.entries(config).map(
          ([key, value]) => `${key}: ${key === "password" ? "(set)" : String(value)}`,
        );
  const head = ["nick", "role", "affiliation", "address", "over", "leg"];
  const lists = affiliations.map(
    ({ address, affiliation }) => `  ${affiliation.padEnd(8)} ${printAddress(address)}`,
  );
  return [
    `${printAddress(view.room)}${config?.title === undefined ? "" : `  ${config.title}`}`,
    `subject: ${subject === undefined ? "-" : subject.text}`,
    traits.join(", "),
    "",
    participants.length === 0 ? "Nobody is in." : table(head, participants.map(row)).trimEnd(),
    ...(lists.length === 0 ? [] : ["", "lists:", ...lists]),
  ]
    .map((line) => line.split("\n").map(plain).join("\n"))
    .join("\n");
}

const row = (one: Participant): string[] => [
  one.nick,
  one.role,
  one.affiliation,
  printAddress(one.address),
  one.endpoints
    .map(({ carrier, state }) => (state === "connected" ? carrier : `${carrier} (away)`))
    .join(", ") || "-",
  one.leg ?? "-",
];

function showPage({ events }: RoomPage): string {
  if (events.length === 0) return "Nothing was said.";
  return events.map((event) => `${new Date(event.time).toISOString()}  ${plain(words(event))}`).join("\n");
}

function words({ id, change }: RoomEvent): string {
  if (change.kind === "said") return `<${change.message.from.nick ?? "?"}> ${change.message.text}`;
  if (change.kind === "subject") return `subject: ${change.text}`;
  if (change.kind === "retracted") return `(taken back: ${change.message})`;
  if (change.kind === "reacted")
    return `${change.by.nick ?? "?"}: ${change.emoji.join(" ") || "no reaction"}`;
  return `${change.kind} ${id}`;
}
