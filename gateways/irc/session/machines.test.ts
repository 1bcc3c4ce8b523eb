// The life of a connection, nick recovery, pacing, allowances and commands: one row per arrow.
import { describe, expect, test } from "vitest";
import { message } from "../wire/message.ts";
import { allowances, take } from "./allowance.ts";
import { parseCommand } from "./command.ts";
import { courtesy } from "./courtesy.ts";
import { paid, unpaid, waitMs } from "./pacing.ts";
import { type Input, type Life, lifeLimits, retryMs, step } from "./puppet.ts";
import * as recovery from "./recovery.ts";

describe("the life of a connection", () => {
  const closed = (retry = true, now = 0): Input => ({ kind: "closed", retry, now, spread: 0.5 });
  const ready: Life = { name: "ready", failures: 3, since: 0 };
  test.each<[string, Life, Input, Life, string[]]>([
    ["needed", { name: "idle" }, { kind: "need" }, { name: "connecting", failures: 0 }, ["connect"]],
    ["needed again", ready, { kind: "need" }, ready, []],
    [
      "opened",
      { name: "connecting", failures: 2 },
      { kind: "opened", now: 7 },
      { name: "ready", failures: 2, since: 7 },
      [],
    ],
    [
      "refused",
      { name: "connecting", failures: 0 },
      closed(),
      { name: "waiting", failures: 1 },
      ["start-timer 1000"],
    ],
    [
      "refused again",
      { name: "connecting", failures: 2 },
      closed(),
      { name: "waiting", failures: 3 },
      ["start-timer 4000"],
    ],
    [
      "refused for good",
      { name: "connecting", failures: 0 },
      closed(false),
      { name: "waiting", failures: 1 },
      ["start-timer 300000"],
    ],
    ["lost soon", ready, closed(true, 100), { name: "waiting", failures: 4 }, ["start-timer 8000"]],
    [
      "lost after a good time",
      ready,
      closed(true, lifeLimits.steadyMs),
      { name: "waiting", failures: 1 },
      ["start-timer 1000"],
    ],
    [
      "time to try",
      { name: "waiting", failures: 4 },
      { kind: "timer" },
      { name: "connecting", failures: 4 },
      ["connect"],
    ],
    [
      "released while waiting",
      { name: "waiting", failures: 4 },
      { kind: "release" },
      { name: "idle" },
      ["stop-timer"],
    ],
    [
      "released while connecting",
      { name: "connecting", failures: 0 },
      { kind: "release" },
      { name: "idle" },
      ["disconnect"],
    ],
    ["released", ready, { kind: "release" }, { name: "idle" }, ["disconnect"]],
    ["released twice", { name: "idle" }, { kind: "release" }, { name: "idle" }, []],
    ["closed after release", { name: "idle" }, closed(), { name: "idle" }, []],
    ["a timer too late", ready, { kind: "timer" }, ready, []],
  ])("%s", (_name, before, input, after, outputs) => {
    const [life, done] = step(before, input);
    expect(life).toEqual(after);
    expect(done.map((each) => (each.do === "start-timer" ? `start-timer ${each.ms}` : each.do))).toEqual(
      outputs,
    );
  });

  test("the wait is bounded and spread", () => {
    expect(retryMs(1, 0)).toBe(750);
    expect(retryMs(1, 1)).toBe(1250);
    expect(retryMs(1000, 1)).toBe(375_000);
  });
});

describe("nick recovery", () => {
  const services = { service: "NickServ", command: "GHOST", password: "secret" } as const;
  test("without services the nick is tried every minute, until it is ours or an hour is over", () => {
    let now = recovery.begin("alice", undefined);
    expect(now).toMatchObject({ send: [], timerMs: 60_000 });
    for (let i = 0; i < recovery.recoveryLimits.tries; i++) {
      now = recovery.onTimer(now.state);
      expect(now.send).toEqual([message("NICK", ["alice"])]);
    }
    expect(recovery.onTimer(now.state)).toEqual({ state: undefined, send: [] });
  });
  test("with services they are asked first", () => {
    const first = recovery.begin("alice", services);
    expect(first.send).toEqual([message("PRIVMSG", ["NickServ", "GHOST alice secret"])]);
    expect(first.timerMs).toBe(2_000);
    expect(recovery.onNick(first.state, "alice__")).toBe(first.state);
    expect(recovery.onTimer(recovery.onNick(first.state, "alice")).send).toEqual([]);
  });
});

describe("pacing (RFC 1459 §8.10)", () => {
  const rule = { burst: 5, lineMs: 2000, barrierCost: 1 };
  test("five at once, then one every two seconds, and five again after ten", () => {
    let state = unpaid;
    for (let i = 0; i < 5; i++) {
      expect(waitMs(state, rule, 1000)).toBe(0);
      state = paid(state, rule, 1000, 1);
    }
    expect(waitMs(state, rule, 1000)).toBe(2000);
    expect(waitMs(state, rule, 3000)).toBe(0);
    expect(waitMs(paid(state, rule, 3000, 1), rule, 3000)).toBe(2000);
    expect(waitMs(paid(state, rule, 60_000, 4), rule, 60_000)).toBe(0);
  });
  test("off", () => expect(waitMs(paid(unpaid, undefined, 0, 100), undefined, 0)).toBe(0));
});

test("an allowance is used up and fills again, each name for itself", () => {
  const all = allowances();
  const rule = { burst: 2, perSecond: 1 };
  expect([0, 0, 0, 500, 1000].map((now) => take(all, rule, "carol", now))).toEqual([
    true,
    true,
    false,
    false,
    true,
  ]);
  expect(take(all, rule, "dave", 0)).toBe(true);
});

describe("commands", () => {
  test.each([
    ["to alice@sip.example hello  there", { name: "to", address: "alice@sip.example", text: "hello  there" }],
    ["  TO alice@sip.example hello", { name: "to", address: "alice@sip.example", text: "hello" }],
    ["to alice hello", { name: "unclear", usage: "to <address> <text>" }],
    ["to alice@sip.example", { name: "unclear", usage: "to <address> <text>" }],
    ["list", { name: "list" }],
    ["block alice@sip.example", { name: "block", address: "alice@sip.example" }],
    ["block *", { name: "block", address: "*" }],
    ["unblock", { name: "unclear", usage: "unblock <address>, or unblock *" }],
    ["history #lobby 7", { name: "history", channel: "#lobby", lines: 7 }],
    ["history #lobby", { name: "history", channel: "#lobby", lines: 20 }],
    ["history #lobby 9999", { name: "history", channel: "#lobby", lines: 50 }],
    ["history 20", { name: "unclear", usage: "history <channel> <lines>" }],
    ["history #lobby soon", { name: "unclear", usage: "history <channel> <lines>" }],
    ["capabilities #lobby", { name: "capabilities", channel: "#lobby", about: "" }],
    ["Capabilities #lobby taking back", { name: "capabilities", channel: "#lobby", about: "taking back" }],
    ["capabilities", { name: "unclear", usage: "capabilities <channel> <what>" }],
    ["help", { name: "help" }],
    ["", { name: "help" }],
    ["hello", { name: "unclear", usage: "to, list, history, capabilities, block, unblock or help" }],
  ])("%j", (line, command) => expect(parseCommand(line)).toEqual(command));
});

test.each([
  ["VERSION", "", "\x01VERSION Parley\x01"],
  ["PING", "12 34", "\x01PING 12 34\x01"],
  ["TIME", "", "\x01TIME now\x01"],
  ["DCC", "SEND x 1 2 3", "Files and chats by DCC are not taken here."],
  ["FINGER", "", undefined],
])("CTCP %s is answered", (command, args, answer) => expect(courtesy({ command, args }, "now")).toBe(answer));
