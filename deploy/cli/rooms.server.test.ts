// parley rooms and parley room from outside: an operator makes a room, looks at it, rules it and ends it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startChild } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";
import { startNats } from "#test/servers/nats.ts";
import { ownNode, repository } from "#test/support/own-node.ts";

test("rooms are listed, looked at, made, ruled and ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-rooms-"));
  const nats = await startNats();
  const [port = 0] = await freePorts(1);
  const config = join(folder, "parley.yaml");
  writeFileSync(
    config,
    `bus: { servers: ["${nats.url}"], token: ${nats.token} }
domains: { rooms.example: { homes: [rooms] } }
health: { listen: "127.0.0.1:${port}" }
conference: { create: nobody, rooms: { lobby: { title: Lobby, owners: [ann@x.example] } } }
`,
  );
  const script = `${repository}/deploy/parley.mjs`;
  const service = await startChild({
    name: "conference",
    command: ownNode,
    args: [script, "run", "conference", "--config", config],
    dir: folder,
    ready: async () => (await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.ok === true,
    withinMs: 40_000,
  });
  const parley = (...args: string[]): Promise<{ code: number | null; output: string }> =>
    new Promise((resolve) => {
      const child = spawn(ownNode, [script, ...args, "--config", config]);
      let output = "";
      child.stdout.on("data", (bytes) => (output += bytes));
      child.stderr.on("data", (bytes) => (output += bytes));
      child.on("close", (code) => resolve({ code, output }));
    });

  expect(await parley("room", "lobby@rooms.example")).toMatchObject({
    code: 0,
    output: expect.stringMatching(
      /^lobby@rooms.example {2}Lobby\n[\s\S]*Nobody is in\.[\s\S]*owner +ann@x.example/,
    ),
  });
  expect(await parley("room", "none@rooms.example")).toEqual({ code: 1, output: "There is no such room.\n" });
  // People may make none here; the operator may.
  expect(await parley("room", "team@rooms.example", "create", "--title", "Team")).toEqual({
    code: 0,
    output: "Done.\n",
  });
  expect(await parley("room", "team@rooms.example", "ban", "mallory@x.example")).toMatchObject({ code: 0 });
  expect(await parley("room", "team@rooms.example", "kick", "nobody")).toMatchObject({
    code: 1,
    output: "Refused: no such person in this room\n",
  });
  expect(await parley("room", "team@rooms.example")).toMatchObject({
    output: expect.stringMatching(/outcast +mallory@x.example/),
  });
  await expect
    .poll(async () => (await parley("rooms")).output, { timeout: 20_000 })
    .toMatch(
      /lobby@rooms.example +Lobby +0[\s\S]*team@rooms.example +Team +0|team@rooms.example +Team +0[\s\S]*lobby@rooms.example +Lobby +0/,
    );
  expect(await parley("room", "team@rooms.example", "history")).toEqual({
    code: 0,
    output: "Nothing was said.\n",
  });
  expect(await parley("room", "team@rooms.example", "destroy")).toEqual({ code: 0, output: "Done.\n" });
  expect(await parley("room", "team@rooms.example")).toMatchObject({ code: 1 });
  expect(await parley("room", "lobby@rooms.example", "dance")).toMatchObject({ code: 2 });

  await service.kill();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);
