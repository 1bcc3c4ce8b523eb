// parley rooms: the hosted rooms, a line each.
import { printAddress } from "#bus-schemas/address.ts";
import { RoomSummary } from "#bus-schemas/events/room-command.ts";
import { unpack } from "#bus-schemas/rooms/wire.ts";
import { openHouse } from "./house.ts";
import { table } from "./table.ts";
import { readArgs } from "./usage.ts";

/** Exit code 0. A line may be a second old. */
export async function rooms(args: readonly string[]): Promise<number> {
  const options = { config: { type: "string" }, json: { type: "boolean" } } as const;
  const { values } = readArgs({ args: [...args], options, strict: true });
  const house = await openHouse(values.config);
  try {
    const bucket = await house.bus.bucket("rooms");
    const found = (await bucket.list("summary.>"))
      .map(({ value }) => unpack(RoomSummary, value))
      .flatMap((read) => (read.ok ? [read.value] : []))
      .sort((a, b) => b.participants - a.participants);
    process.stdout.write(values.json ? `${JSON.stringify(found)}\n` : show(found));
    return 0;
  } finally {
    await house.close();
  }
}

function show(found: readonly RoomSummary[]): string {
  if (found.length === 0) return "No room is there.\n";
  const head = ["room", "title", "people", "carriers", "subject"];
  const rows = found.map((one) => [
    printAddress(one.room),
    one.title ?? "-",
    one.participants,
    one.carriers.join(", ") || "-",
    one.subject ?? "-",
  ]);
  return table(head, rows);
}
