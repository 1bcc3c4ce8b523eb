// Starts the foreign client of slixmpp-for-test.py.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "#test/servers/child.ts";
import { python } from "#test/support/slixmpp.ts";

export type Told = Readonly<Record<string, unknown>>;

export interface Slixmpp {
  readonly told: readonly Told[];
  /** Gives an order (see the script). */
  do(order: Told): void;
  /** The first thing told that has all these facts, waited for. */
  tells(facts: Told): Promise<Told>;
  stop(): void;
}

/** A client that is logged in and available; `script` names what it can do. */
export async function slixmpp(
  port: number,
  jid: string,
  password: string,
  name = "slixmpp-for-test.py",
): Promise<Slixmpp> {
  const script = fileURLToPath(new URL(`./${name}`, import.meta.url));
  const child: ChildProcess = spawn(python, [script, jid, password, "127.0.0.1", String(port)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const told: Told[] = [];
  if (child.stdout) createInterface(child.stdout).on("line", (line) => told.push(JSON.parse(line) as Told));
  const client: Slixmpp = {
    told,
    do: (order) => void child.stdin?.write(`${JSON.stringify(order)}\n`),
    tells: (facts) =>
      until(
        `${jid} tells ${JSON.stringify(facts)}, not only ${JSON.stringify(told.slice(-5))}`,
        () => told.find((one) => matches(one, facts)),
        5_000,
      ).catch(() => {
        throw new Error(
          `${jid} does not tell ${JSON.stringify(facts)}, only ${JSON.stringify(told.slice(-6))}`,
        );
      }),
    // Its standard input is its life line.
    stop: () => void child.kill("SIGTERM"),
  };
  await client.tells({ kind: "ready" });
  return client;
}

const matches = (told: Told, facts: Told): boolean =>
  Object.entries(facts).every(([key, value]) => JSON.stringify(told[key]) === JSON.stringify(value));
