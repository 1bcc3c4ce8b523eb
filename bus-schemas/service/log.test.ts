// The log: JSON lines with constant messages, and nothing in them that must not be there.
import { describe, expect, test } from "vitest";
import { type LogLevel, openLog, plainError } from "./log.ts";

function memoryLog(level: LogLevel = "info") {
  const lines: string[] = [];
  const log = openLog({ level, facts: { service: "sip" }, sink: { write: (line) => lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "{}") as Record<string, unknown> };
}

describe("log", () => {
  test("one JSON object a line: level in words, time, facts, constant message", () => {
    const { log, lines, last } = memoryLog();
    log.info({ peer: "127.0.0.1:5060" }, "connection opened");
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(last()).toMatchObject({
      level: "info",
      service: "sip",
      peer: "127.0.0.1:5060",
      msg: "connection opened",
    });
    expect(typeof last().time).toBe("number");
  });

  test.each([
    ["at the top", { password: "hunter2" }],
    ["one level down", { account: { ha1: "hunter2" } }],
    ["a body", { message: { text: "hunter2", body: "hunter2" } }],
    ["a header", { headers: { authorization: "Digest hunter2" } }],
  ])("cuts secrets and bodies out: %s", (_name, facts) => {
    const { log, lines, last } = memoryLog();
    log.info(facts, "something");
    expect(lines.join("")).not.toContain("hunter2");
    expect(JSON.stringify(last())).toContain("[cut]");
  });

  test("a child bears its facts on every line", () => {
    const { log, last } = memoryLog();
    log.child({ connection: 7 }).child({ trace: "ab" }).warn({ why: "slow" }, "peer is slow");
    expect(last()).toMatchObject({ connection: 7, trace: "ab", why: "slow" });
  });

  test.each([
    ["info", 3],
    ["trace", 5],
    ["error", 1],
  ] as const)("level %s lets %d of five through", (level, count) => {
    const { log, lines } = memoryLog(level);
    for (const one of ["trace", "debug", "info", "warn", "error"] as const) log[one]({}, "line");
    expect(lines).toHaveLength(count);
  });

  test("an error shows its causes, and a circle of causes ends", () => {
    const { log, last } = memoryLog();
    log.error({ error: new Error("outer", { cause: new TypeError("inner") }) }, "failed");
    expect(last().error).toMatchObject({ message: "outer", cause: { name: "TypeError", message: "inner" } });
    const circle = new Error("round");
    circle.cause = circle;
    expect(JSON.stringify(plainError(circle)).length).toBeLessThan(20_000);
  });
});
