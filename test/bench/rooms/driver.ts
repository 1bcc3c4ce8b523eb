// The room drivers as processes.
import { type ChildProcess, spawn } from "node:child_process";
import { ownNode, repository } from "#test/support/own-node.ts";
import type { RoomEntered, RoomFigures, RoomOrder } from "../load/room.ts";

export type RoomProtocol = "xmpp" | "irc" | "web" | "sip";

export interface RoomDriver {
  readonly protocol: RoomProtocol;
  readonly people: number;
  enter(from: number, to: number, atOnce: number): Promise<RoomEntered>;
  say(run: string, perSecond: number, count: number): void;
  count(run: string): Promise<number>;
  /** How many others the first of them has seen come in; only on IRC. */
  present(): Promise<number>;
  figures(run: string): Promise<RoomFigures>;
  leave(): Promise<void>;
  stop(): void;
}

/** How long all people of one driver may take to log in, and one order to be answered. */
const limits = { logInMs: 90_000, answerMs: 600_000 } as const;

/** Starts a driver of this protocol; resolves when its people are logged in. Rejects when they cannot, or it ends. */
export async function startRoomDriver(
  protocol: RoomProtocol,
  people: number,
  where: readonly string[],
): Promise<RoomDriver> {
  const args = [`${repository}/test/bench/load/room-${protocol}.ts`, `${people}`, ...where];
  const child = spawn(ownNode, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  try {
    await answer(child, limits.logInMs);
  } catch (cause) {
    child.kill("SIGKILL");
    throw new Error(`the people of ${protocol} cannot log in (${where.join(" ")})`, { cause });
  }
  const ask = async <T>(order: RoomOrder): Promise<T> => {
    const answered = answer(child, limits.answerMs);
    child.send(order);
    return (await answered) as T;
  };
  return {
    protocol,
    people,
    enter: (from, to, atOnce) => ask<RoomEntered>({ do: "enter", from, to, atOnce }),
    say: (run, perSecond, count) => void child.send({ do: "say", run, perSecond, count }),
    count: (run) => ask<number>({ do: "count", run }),
    present: () => ask<number>({ do: "present" }),
    figures: (run) => ask<RoomFigures>({ do: "figures", run }),
    leave: () => ask<void>({ do: "leave" }),
    stop: () => void (child.connected && child.disconnect()),
  };
}

function answer(child: ChildProcess, withinMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(late);
      child.off("message", answered).off("exit", ended);
    };
    const answered = (message: unknown): void => {
      finish();
      resolve(message);
    };
    const ended = (code: number | null): void => {
      finish();
      reject(new Error(`a room driver ended with code ${code}`));
    };
    const late = setTimeout(() => {
      finish();
      reject(new Error(`a room driver does not answer within ${withinMs} ms`));
    }, withinMs);
    child.once("message", answered).once("exit", ended);
  });
}
