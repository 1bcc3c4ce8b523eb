// A room with clients that others wrote: slixmpp in the MUC and irssi in its channel, beside the kit's own people on the web and SIP.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Ear } from "#test/cast/actor.ts";
import type { RoomActor } from "#test/cast/room-actor.ts";
import { privateFolder, until } from "#test/servers/child.ts";
import { hasSlixmpp, python } from "#test/support/slixmpp.ts";
import { domains, type House, openHouse, password } from "./house.ts";
import { atTheDoor, channelOf, roomAddress } from "./room-company.ts";

const room = "foreign";
const patienceMs = 15_000;
const irssiPath = "/usr/bin/irssi";

interface Told {
  readonly event: string;
  readonly nick?: string;
  readonly nicks?: readonly string[];
  readonly text?: string | null;
  readonly id?: string;
  readonly own?: string;
  readonly about?: string | null;
  readonly type?: string;
  readonly codes?: readonly number[];
}

let house: House;
let wim: RoomActor;
let una: RoomActor;
const children: ChildProcess[] = [];

beforeAll(async () => {
  const legs = [{ carrier: "irc-demo", channel: channelOf(room) }];
  const conference = { rooms: { [room]: { owners: [`wim@${domains.web}`], legs } } };
  house = await openHouse({ people: ["wim", "una", "slix"], conference });
  [wim, una] = [await atTheDoor(house, "web", "wim", room), await atTheDoor(house, "sip", "una", room)];
  for (const [actor, nick] of [
    [wim, "wim"],
    [una, "una"],
  ] as const)
    expect(await actor.joins(nick)).toEqual({ answer: "done" });
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all([wim, una].map((actor) => actor?.close()));
  await house?.close();
});

function isThere(path: string): boolean {
  if (existsSync(path)) return true;
  console.warn(`NOT PLAYED: ${path} is not installed`);
  // Said aloud: a play that is left out must not look like one that passed.
  return false;
}

/** slixmpp in the room: what it tells, and how to order it about. */
function startSlixmpp(): { ear: Ear<Told>; order: (what: object) => void } {
  const script = join(import.meta.dirname, "foreign-muc.py");
  const who = [`slix@${domains.xmpp}`, password("slix"), String(house.ports.c2s)];
  const client = spawn(python, [script, ...who, roomAddress(room), "slix"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(client);
  const ear = new Ear<Told>("slixmpp tells");
  createInterface(client.stdout).on("line", (line) => ear.add(JSON.parse(line) as Told));
  return { ear, order: (what) => void client.stdin.write(`${JSON.stringify(what)}\n`) };
}

/** irssi in a terminal of its own: what it has logged of the channel, and how to type. */
function startIrssi(nick: string): { log: () => string; type: (line: string) => void } {
  const dir = privateFolder("irssi");
  mkdirSync(join(dir, "log"));
  const settings = [
    `settings = { core = { real_name = "${nick}"; user_name = "${nick}"; nick = "${nick}"; };`,
    `"fe-common/core" = { autolog = "yes"; autolog_path = "${dir}/log/$0.log"; autolog_level = "ALL"; };`,
    '"irc/core" = { cmds_max_at_once = "50"; cmd_queue_speed = "1msec"; }; };',
  ];
  writeFileSync(join(dir, "config"), `${settings.join("\n")}\n`);
  const command = `${irssiPath} --home=${dir} -c 127.0.0.1 -p ${house.ports.irc} -n ${nick}`;
  const irssi = spawn("script", ["-qfc", command, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", LINES: "40", COLUMNS: "120" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  children.push(irssi);
  const file = join(dir, "log", `${channelOf(room)}.log`);
  const log = (): string => (existsSync(file) ? readFileSync(file, "utf8") : "");
  return { log, type: (line) => void irssi.stdin?.write(`${line}\n`) };
}

const said =
  (nick: string, text: string) =>
  (one: { kind?: string; event?: string; nick?: string; text?: string | null }) =>
    (one.kind ?? one.event) === "said" && one.nick === nick && one.text === text;

test.runIf(hasSlixmpp() && isThere(irssiPath))("slixmpp and irssi talk with the web and SIP", async () => {
  const irssi = startIrssi("irs");
  // Typed until he is in: a terminal tells nobody when it is ready.
  for (let tries = 0; tries < 60 && !wim.roster.has("irs"); tries += 1) {
    irssi.type(`/join ${channelOf(room)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const { ear, order } = startSlixmpp();
  const joined = await ear.next(({ event }) => event === "joined", 20_000);
  expect([...(joined.nicks ?? [])].filter((nick) => nick !== "slix")).toEqual(["irs", "una", "wim"]);

  order({ verb: "say", text: "slixmpp <says> & means it" });
  for (const actor of [wim, una]) await actor.sees(said("slix", "slixmpp <says> & means it"), patienceMs);
  const own = await ear.next(said("slix", "slixmpp <says> & means it"), patienceMs);
  await until("irssi reads it", () => /slix> slixmpp <says> & means it/.test(irssi.log()), patienceMs);

  irssi.type("irssi says too");
  for (const actor of [wim, una]) await actor.sees(said("irs", "irssi says too"), patienceMs);
  const heard = await ear.next(said("irs", "irssi says too"), patienceMs);
  await una.says("a phone says");
  await ear.next(said("una", "a phone says"), patienceMs);
  await until("irssi reads the phone", () => /una> a phone says/.test(irssi.log()), patienceMs);

  order({ verb: "correct", text: "slixmpp says", about: own.own });
  const corrected = await wim.sees(
    ({ corrects, text }) => corrects === true && text === "slixmpp says",
    patienceMs,
  );
  expect(corrected.about).toBe("slixmpp <says> & means it");
  await until("irssi reads the correction", () => /slix> \* slixmpp says/.test(irssi.log()), patienceMs);
  order({ verb: "react", text: "👍", about: heard.id });
  await wim.sees(({ kind, about }) => kind === "reacted" && about === "irssi says too", patienceMs);
  await wim.reacts("irssi says too", ["🎉"]);
  const reacted = await ear.next(({ event, nick }) => event === "reacted" && nick === "wim", patienceMs);
  expect(reacted).toMatchObject({ about: heard.id, text: "🎉" });

  irssi.type("/nick irsene");
  await wim.sees(
    ({ kind, nick, text }) => kind === "renamed" && nick === "irs" && text === "irsene",
    patienceMs,
  );
  const renamed = await ear.next(({ event, text }) => event === "presence" && text === "irsene", patienceMs);
  expect(renamed).toMatchObject({ nick: "irs", type: "unavailable", codes: [303] });
  irssi.type(`/topic ${channelOf(room)} tea at five`);
  await ear.next(({ event, text }) => event === "subject" && text === "tea at five", patienceMs);
  order({ verb: "subject", text: "coffee at six" });
  await until("irssi reads the topic", () => /topic.*coffee at six/.test(irssi.log()), patienceMs);
  await una.leaves();
  await until("irssi sees the phone leave", () => /una .*has left/.test(irssi.log()), patienceMs);
  await ear.next(
    ({ event, nick, type }) => event === "presence" && nick === "una" && type === "unavailable",
    patienceMs,
  );
  irssi.type(`/part ${channelOf(room)} see you`);
  await ear.next(
    ({ event, nick, type }) => event === "presence" && nick === "irsene" && type === "unavailable",
    patienceMs,
  );
});
