// The load drivers as processes.
import { type ChildProcess, spawn } from "node:child_process";
import { domains, type GatewayName, type House } from "#test/plays/house.ts";
import { ownNode, repository } from "#test/support/own-node.ts";
import type { Figures, Heard, Numbers, Order } from "./load/load.ts";

export interface LoadDriver {
  readonly gateway: GatewayName;
  /** The names by which the others write to this driver's people. */
  readonly people: readonly string[];
  order(order: Order): void;
  count(run: string): Promise<Heard>;
  /** Latencies, lateness and the driver's own CPU, of a run that is over. */
  figures(run: string): Promise<Figures>;
  /** Every number of a run: what was heard in which order, accepted, refused, told. */
  numbers(run: string): Promise<Numbers>;
  stop(): void;
}

/** How long all people of one driver may take to log in. */
const logInMs = 30_000;

/** Starts a driver that plays `people` of one protocol, all logged in at this house; `options` are its own, `name=value`. */
export function startDriver(
  house: House,
  gateway: GatewayName,
  people: number,
  options: readonly string[] = [],
): Promise<LoadDriver> {
  const { ports } = house;
  const where = {
    sip: [domains.sip, ports.sip.join(",")],
    xmpp: [domains.xmpp, `${ports.c2s}`],
    irc: [`${ports.irc}`],
    web: [domains.web, ports.web.join(",")],
  }[gateway];
  return startLoad(gateway, people, [...where, ...options]);
}

/**
 * Starts a driver with these arguments behind the number of people. Rejects when they cannot log in: when the driver ends, or
 * is not done within half a minute; its own error is on standard error by then.
 */
export async function startLoad(
  gateway: GatewayName,
  people: number,
  where: readonly string[],
): Promise<LoadDriver> {
  const args = [`${repository}/test/bench/load/${gateway}.ts`, `${people}`, ...where];
  const child = spawn(ownNode, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const late = setTimeout(() => child.kill("SIGKILL"), logInMs);
  await answer(child).catch((cause: unknown) => {
    throw new Error(`the people of ${gateway} cannot log in (${where.join(" ")})`, { cause });
  });
  clearTimeout(late);
  const ask = async <T>(order: Order): Promise<T> => {
    child.send(order);
    return (await answer(child)) as T;
  };
  const local = gateway === "irc" ? "carol" : "user";
  return {
    gateway,
    people: Array.from({ length: people }, (_, index) => `${local}${index}@${domains[gateway]}`),
    order: (order) => child.send(order),
    count: (run) => ask<Heard>({ do: "count", run }),
    figures: (run) => ask<Figures>({ do: "figures", run }),
    numbers: (run) => ask<Numbers>({ do: "numbers", run }),
    stop: () => child.disconnect(),
  };
}

function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => {
      child.removeAllListeners("exit");
      resolve(message);
    });
    child.once("exit", (code) => reject(new Error(`a load driver ended with code ${code}`)));
  });
}
