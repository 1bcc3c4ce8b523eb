// SIPp, a foreign client: registers with digest, writes, is written to, over UDP and TCP, IPv4 and IPv6; loses packets.
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";
import { type House, openHouse } from "./test-house.ts";

const installed = spawnSync("sipp", ["-v"]).error === undefined;
if (!installed) console.warn("SKIPPED: sipp is not installed (Debian: sip-tester)");

const scenarios = `${import.meta.dirname}/sipp`;
const host = { 4: "127.0.0.1", 6: "[::1]" } as const;

let house: House;
beforeAll(async () => {
  house = await openHouse({ holdResponse: "0ms" });
});
afterAll(() => house.close());

interface Run {
  transport: "udp" | "tcp";
  family?: 4 | 6;
  scenario: string;
  user: string;
  port: number;
  args?: string[];
  calls?: number;
}

/** Starts SIPp; it ends by itself after its calls, with 0 when all went as its scenario says. */
async function sipp(run: Run): Promise<Child> {
  const family = run.family ?? 4;
  const at = host[family];
  const args = [
    "-sf",
    `${scenarios}/${run.scenario}.xml`,
    "-i",
    at,
    "-p",
    String(run.port),
    "-t",
    run.transport === "udp" ? "u1" : "t1",
  ];
  const account = ["-key", "user", run.user, "-au", run.user, "-ap", `secret-${run.user}`];
  const limits = [
    "-m",
    String(run.calls ?? 1),
    "-timeout",
    "30s",
    "-timeout_error",
    "-nostdin",
    "-trace_err",
  ];
  const dir = privateFolder("sipp");
  const command = [
    `${at}:${house.port(run.transport, family)}`,
    ...args,
    ...account,
    ...limits,
    ...(run.args ?? []),
  ];
  return startChild({ name: "sipp", command: "sipp", args: command, dir, cwd: dir });
}

async function finish(child: Child): Promise<number | null> {
  const { code } = await child.exited;
  if (code !== 0) console.error(child.output().slice(-3000));
  return code;
}

describe.skipIf(!installed)("SIPp", () => {
  test.each([
    ["udp", 4, "100"],
    ["tcp", 4, "200"],
    ["udp", 6, "alice"],
    ["tcp", 6, "carol"],
  ] as const)(
    "over %s, IPv%i: registers with digest, takes a message, sends 20",
    async (transport, family, user) => {
      const port = await freePort(family === 6 ? "::1" : "127.0.0.1");
      const before = house.accepted.length;
      const common = { transport, family, port, user };
      expect(
        await finish(
          await sipp({ ...common, scenario: "register", args: ["-key", "contactport", String(port)] }),
        ),
      ).toBe(0);
      const phone = await sipp({ ...common, scenario: "message-in" });
      // Over TCP the connection of the registration is gone with SIPp: its contact is called.
      const delivery = await retry(() => house.deliver({ to: { local: user, domain: "sip.example" } }));
      expect(delivery).toEqual({ end: "handed", delivered: true });
      expect(await finish(phone)).toBe(0);
      const keys = ["-key", "peer", "bob@sip.example"];
      expect(
        await finish(
          await sipp({ ...common, scenario: "message-out", args: [...keys, "-r", "100"], calls: 20 }),
        ),
      ).toBe(0);
      expect(house.accepted.length - before).toBe(20);
      expect(house.accepted.at(-1)?.draft).toMatchObject({
        from: { local: user, assurance: "verified" },
        to: { local: "bob" },
      });
    },
  );

  test("with a tenth of its packets lost: every message is accepted once", async () => {
    const before = house.accepted.length;
    const port = await freePort();
    const keys = ["-key", "peer", "200@sip.example", "-r", "50", "-lost", "10"];
    expect(
      await finish(
        await sipp({ transport: "udp", port, user: "100", scenario: "message-out", args: keys, calls: 40 }),
      ),
    ).toBe(0);
    const ids = house.accepted.slice(before).map((each) => each.arrival.transportId);
    expect([ids.length, new Set(ids).size]).toEqual([40, 40]);
  });
});

// SIPp needs a moment until it listens; over TCP a refused connection says "away" meanwhile.
async function retry(deliver: () => ReturnType<House["deliver"]>): ReturnType<House["deliver"]> {
  for (let n = 0; n < 50; n += 1) {
    const delivery = await deliver();
    if (delivery.end !== "away") return delivery;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return deliver();
}
