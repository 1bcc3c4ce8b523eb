// npm run bench -- --rooms: one speaker and many listeners in one room, Parley beside those who do the same. README.md says how to
// read it.
import { hasBiboumi } from "#test/servers/biboumi.ts";
import type { RoomProtocol } from "./driver.ts";
import { climbRoom, comeIn, type RoomRow, rounds } from "./measure.ts";
import { openParleyRoom } from "./parley.ts";
import { openBiboumiRoom, openProsodyRoom } from "./peers.ts";
import type { RoomKind, RoomsPlan } from "./plan.ts";
import type { RoomStage } from "./stage.ts";
import { comingLine, comparison, stepHeading, stepLine } from "./table.ts";

type Direction = readonly [RoomProtocol, RoomProtocol];

/** IRC people in a channel, beside those of the room. */
const ircPeople = 10;

/** Runs all that is asked for, prints as it goes, returns the figures. */
export async function benchRooms(plan: RoomsPlan): Promise<RoomRow[]> {
  const rows: RoomRow[] = [];
  const { nodeOptions } = plan;
  const measure = async (open: () => Promise<RoomStage>, directions: readonly Direction[]): Promise<void> => {
    rows.push(...(await onStage(plan, open, directions)));
  };
  if (plan.kinds.includes("muc") && plan.peers)
    console.log(
      "ejabberd's mod_muc is not compared with: it is not installed and the bench has no place for it",
    );
  for (const people of sizesOf(plan, "muc", [20, 100, 500, 1_000], [20, 100])) {
    const muc: Direction[] = [["xmpp", "xmpp"]];
    await measure(() => openParleyRoom({ people: { xmpp: people }, nodeOptions }), muc);
    if (plan.peers) await measure(() => openProsodyRoom(people), muc);
  }
  for (const people of sizesOf(plan, "irc", [100, 500], [100])) {
    const both: Direction[] = [
      ["irc", "xmpp"],
      ["xmpp", "irc"],
    ];
    await measure(() => openParleyRoom({ people: { xmpp: people, irc: ircPeople }, nodeOptions }), both);
    if (plan.peers && hasBiboumi()) await measure(() => openBiboumiRoom(people, ircPeople), both);
    else if (plan.peers) console.log("biboumi is not installed: not compared with");
  }
  for (const people of sizesOf(plan, "web", [100, 500], [100]))
    await measure(() => openParleyRoom({ people: { web: people }, nodeOptions }), [["web", "web"]]);
  for (const people of sizesOf(plan, "msrp", [10, 50, 200], [50]))
    await measure(() => openParleyRoom({ people: { sip: people }, nodeOptions }), [["sip", "sip"]]);
  const [most] = sizesOf(plan, "msrp", [200], []);
  if (most !== undefined) await comeAndGo(() => openParleyRoom({ people: { sip: most }, nodeOptions }));
  console.log("");
  for (const line of comparison(rows)) console.log(line);
  return rows;
}

/** Whether memory comes back: what one round held and did not give back grows with the rounds. */
async function comeAndGo(open: () => Promise<RoomStage>): Promise<void> {
  const stage = await open();
  try {
    const memory = await rounds(stage, "sip", "sip-1", 3);
    const growth = ((memory.at(-1) ?? 0) / (memory[0] ?? 1) - 1) * 100;
    const each = memory.map((mib) => mib.toFixed(0)).join(", ");
    console.log(
      `\nSIP gateway after each of 3 rounds of coming, talking, going: ${each} MiB (${growth.toFixed(0)} %)`,
    );
  } finally {
    await stage.close();
  }
}

function sizesOf(
  { kinds, sizes, quick }: RoomsPlan,
  kind: RoomKind,
  usual: readonly number[],
  few: readonly number[],
): readonly number[] {
  if (!kinds.includes(kind)) return [];
  return sizes ?? (quick ? few : usual);
}

async function onStage(
  plan: RoomsPlan,
  open: () => Promise<RoomStage>,
  directions: readonly Direction[],
): Promise<RoomRow[]> {
  const stage = await open();
  try {
    const rows: RoomRow[] = [];
    const [[first, second]] = directions as readonly [Direction];
    // Who comes in beside IRC people has to be shown to them: his coming is what is measured.
    const coming = await comeIn(stage, first === "irc" ? second : first);
    for (const direction of directions) {
      console.log(`\n${direction.join(" → ")}, ${coming.people} people, ${stage.system}`);
      if (rows.length === 0) console.log(comingLine({ coming }));
      console.log(stepHeading);
      const row = await climbRoom(stage, direction, coming, plan, (step) => console.log(stepLine(step)));
      console.log(`  sustained: ${row.sustained} copies/s`);
      rows.push(row);
    }
    return rows;
  } finally {
    await stage.close();
  }
}
