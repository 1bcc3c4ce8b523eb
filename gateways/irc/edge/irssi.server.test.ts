// A person with irssi, a client that is nobody's of ours, in a channel that is a leg of a room: what he types and what he reads.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { privateFolder } from "#test/servers/child.ts";
import { main as conference } from "../../../conference-svc/main.ts";
import { type Ircd, startInspircd, startNgircd } from "./foreign-client.ts";
import { openRoomsHouse, type RoomsHouse } from "./rooms-house.ts";

let ircd: Ircd | undefined;
let house: RoomsHouse | undefined;
let irssi: ChildProcess | undefined;
afterEach(async () => {
  irssi?.stdin?.write("/quit\n");
  await new Promise((resolve) => setTimeout(resolve, 200));
  irssi?.kill("SIGKILL");
  await house?.stop();
  await ircd?.child.stop();
});

/** Starts irssi in a terminal of its own; gives the way to type, and what it has logged of the channel. */
function startIrssi(port: number): { type: (line: string) => void; log: () => string } {
  const dir = privateFolder("irssi");
  mkdirSync(join(dir, "log"));
  const config = [
    'settings = { core = { real_name = "irs"; user_name = "irs"; nick = "irs"; };',
    `  "fe-common/core" = { autolog = "yes"; autolog_path = "${dir}/log/$0.log"; autolog_level = "ALL"; };`,
    '  "irc/core" = { cmds_max_at_once = "50"; cmd_queue_speed = "1msec"; }; };',
  ];
  writeFileSync(join(dir, "config"), `${config.join("\n")}\n`);
  const command = `irssi --home=${dir} -c 127.0.0.1 -p ${port} -n irs`;
  irssi = spawn("script", ["-qfc", command, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", LINES: "40", COLUMNS: "120" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  const log = (): string => {
    try {
      return readFileSync(join(dir, "log", "#lobby.log"), "utf8");
    } catch {
      return ""; // Not there before something has happened in the channel.
    }
  };
  return { type: (line) => irssi?.stdin?.write(`${line}\n`), log };
}

test.each([
  ["ngIRCd", () => startNgircd()],
  ["InspIRCd", () => startInspircd()],
])(
  "%s: talk, actions, names, farewells",
  async (_name, start) => {
    ircd = await start();
    const { type, log } = startIrssi(ircd.port);
    const parts = await openRoomsHouse(ircd.port, { startConference: conference });
    house = parts;
    await parts.join("alice");
    // Typed until he is in: a terminal tells nobody when it is ready.
    for (let tries = 0; tries < 60 && !log().includes("irs"); tries++) {
      type("/join #lobby");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await parts.until(
      () => [...parts.view().participants.values()].some(({ nick }) => nick === "irs"),
      20_000,
    );
    await parts.say("alice", "hello irssi");
    await parts.say("alice", "waves", { action: true });
    await parts.until(() => /alice> hello irssi/.test(log()) && /\* alice waves/.test(log()));
    type("hello room");
    type("/me waves back");
    await parts.until(() => parts.said().length === 4);
    expect(parts.said().slice(2)).toEqual(["<irs> hello room", "<irs> waves back"]);
    type("/nick irsene");
    await parts.until(() => parts.changes("renamed").some(({ nick }) => nick === "irsene"));
    await parts.do("alice", { kind: "nick", nick: "alicia", mangle: false });
    await parts.until(() => /alice is now known as alicia/.test(log()));
    await parts.do("alice", { kind: "leave", endpoint: "web:alice", reason: "good bye" });
    await parts.until(() => /alicia .* has left #lobby \[good bye\]/.test(log()));
    type("/part #lobby see you");
    await parts.until(() => ![...parts.view().participants.values()].some(({ nick }) => nick === "irsene"));
    expect(log()).not.toContain("irs> hello irssi");
  },
  90_000,
);
