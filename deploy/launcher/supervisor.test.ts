// One part kept up: real processes, small scripts of Node, under a real guardian.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { ownNode } from "#test/support/own-node.ts";
import { type Guard, openGuard } from "./guard.ts";
import { launch } from "./process.ts";
import { type Part, PartFailure, type Supervised, superviseUp } from "./supervisor.ts";

let folder: string;
let guard: Guard;
let said: string[];
let up: Supervised[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "parley-supervisor-"));
  guard = await openGuard(join(folder, "lock"));
  said = [];
  up = [];
});
afterEach(async () => {
  await Promise.all(up.map((one) => one.stop()));
  await guard.close();
  rmSync(folder, { recursive: true });
});

/** A part whose process runs `script`; it is well when it has written "well". */
function part(script: string, more: Partial<Part> = {}): Part {
  return {
    name: "part",
    prepare: () => ({ command: ownNode, args: ["-e", script], kind: "server" }),
    ready: (output) => output.includes("well"),
    newPorts: () => Promise.resolve(),
    remedy: "have a look",
    ...more,
  };
}

const start = async (one: Part, signal = new AbortController().signal): Promise<Supervised> => {
  const running = await superviseUp(one, folder, guard, (line) => said.push(line), signal);
  up.push(running);
  return running;
};
const log = (): string =>
  existsSync(join(folder, "part.log")) ? readFileSync(join(folder, "part.log"), "utf8") : "";
/** Pids of all processes that the part ever had, by its log. */
const pids = (): number[] => [...log().matchAll(/well (\d+)/g)].map((match) => Number(match[1]));
const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const stays = "console.log('well', process.pid); setInterval(() => {}, 1000)";

describe("coming up", () => {
  test("resolves when it is well, and stops with SIGTERM", async () => {
    const running = await start(part(stays));
    expect(running.tookMs).toBeGreaterThan(0);
    await running.stop();
    expect(pids().some(lives)).toBe(false);
    expect(said).toEqual([]);
  });

  test.each([
    ["ends at once", "console.log('no licence'); process.exit(3)", "part ended at once (code 3)"],
    ["is killed", "process.kill(process.pid, 'SIGKILL')", "part ended at once (SIGKILL)"],
  ])("one that %s: which, why, its last words, what to try", async (_name, script, why) => {
    const failure = await start(part(script)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PartFailure);
    expect(String(failure)).toContain(why);
    expect(String(failure)).toContain("have a look");
    expect(String(failure)).toContain(join(folder, "part.log"));
    if (why.includes("code 3")) expect(String(failure)).toContain("no licence");
  });

  test("no such program is said", async () => {
    const prepare = () => ({ command: join(folder, "nothing"), args: [], kind: "server" as const });
    await expect(start(part("", { prepare }))).rejects.toThrow("nothing does not start");
  });

  test("a port taken between choice and bind: another is chosen, also if the process goes on without it", async () => {
    for (const end of ["process.exit(1)", "setInterval(() => {}, 1000)"]) {
      let port = 1;
      const one = part("", {
        prepare: () => {
          const script = port < 3 ? `console.log('bind: Address already in use'); ${end}` : stays;
          return { command: ownNode, args: ["-e", script], kind: "server" };
        },
        newPorts: async () => {
          port += 1;
        },
      });
      await start(one);
      expect(port).toBe(3);
    }
  });

  test("a port that is always taken: given up, in words", async () => {
    let asked = 0;
    const one = part("console.log('listen EADDRINUSE'); process.exit(1)", {
      newPorts: async () => {
        asked += 1;
      },
    });
    await expect(start(one)).rejects.toThrow("listen EADDRINUSE");
    expect(asked).toBe(3);
  });

  test("is ended when the launcher is to end", async () => {
    const end = new AbortController();
    const coming = start(part("console.log('slow', process.pid); setInterval(() => {}, 1000)"), end.signal);
    await until("it runs", () => log().includes("slow"));
    end.abort();
    await expect(coming).rejects.toThrow("was not waited for any longer");
    expect(lives(Number(/slow (\d+)/.exec(log())?.[1]))).toBe(false);
  });
});

describe("staying up", () => {
  test("killed, it is started again, and that is said", async () => {
    await start(part(stays));
    process.kill(pids()[0] ?? 0, "SIGKILL");
    await until("it runs again", () => pids().length === 2);
    expect(said).toEqual([expect.stringContaining("part ended (SIGKILL); starting it again. Its log: ")]);
  });

  test("ending again and again, it is started ever less often", async () => {
    const began = performance.now();
    await start(part("console.log('well', process.pid); setTimeout(() => process.exit(1), 100)"));
    await until("it ran three times", () => pids().length === 3);
    // 250 ms, then 500 ms, beside the 100 ms of each.
    expect(performance.now() - began).toBeGreaterThan(850);
    expect(said.length).toBeGreaterThanOrEqual(2);
  });

  test("what cannot be started again is tried until it can", async () => {
    let broken = false;
    const one = part("", {
      prepare: () => {
        if (broken) throw new Error("no space left");
        return { command: ownNode, args: ["-e", stays], kind: "server" };
      },
    });
    await start(one);
    broken = true;
    process.kill(pids()[0] ?? 0, "SIGKILL");
    await until("it was tried in vain", () => said.some((line) => line.includes("no space left")));
    broken = false;
    await until("it runs again", () => pids().length === 2);
  });

  test("stopped in the pause before a start, nothing is left and nobody waits", async () => {
    const running = await start(part(stays));
    process.kill(pids()[0] ?? 0, "SIGKILL");
    await until("its end was seen", () => said.length === 1);
    const began = performance.now();
    await running.stop();
    expect(performance.now() - began).toBeLessThan(200);
    expect(pids().filter(lives)).toEqual([]);
  });

  test("one that does not hear SIGTERM ends all the same", async () => {
    const program = await part(`process.on('SIGTERM', () => {}); ${stays}`).prepare();
    const running = await launch("part", program, join(folder, "part.log"), guard);
    await until("it runs", () => running.output().includes("well"));
    expect(await running.stop(100)).toEqual({ code: null, signal: "SIGKILL" });
  });
});
