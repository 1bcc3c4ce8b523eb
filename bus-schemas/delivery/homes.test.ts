// What follows from what one home did with a message for a person of several homes: one row per case.
import { describe, expect, it, test } from "vitest";
import { limits, type MessageEvent, type Route } from "../events/message.ts";
import { type Reason, reasons } from "../reason.ts";
import { type Done, nextHome, routeTo } from "./homes.ts";

const event: MessageEvent = {
  id: "x",
  type: "message.sent",
  version: 1,
  time: 0,
  from: { local: "bob", domain: "xmpp.example", assurance: "server" },
  to: { local: "carol", domain: "example.org" },
  origin: { carrier: "xmpp" },
  kind: "chat",
  action: false,
  text: "hello",
  receipts: { handed: true, delivered: true, displayed: false },
  expires: 1_000,
  hops: 1,
};

const any: Route = { deliver: "any", remaining: [], handed: false };
const all: Route = { ...any, deliver: "all" };
const refused = (reason: Reason): Done => ({ end: "refused", reason });
const sipLater = [{ home: "sip", since: 3 }];

/** In short: `web` goes on there, `wait`, or the end; with `!` if the sender is told something. */
function short(route: Route | undefined, done: Done, hops = 1): string {
  const next = nextHome({ ...event, hops, ...(route && { route }) }, "here", done, 7);
  if (next.do === "wait") return "wait";
  const told = next.tell === undefined ? "" : "!";
  if (next.do === "forward") return `${next.home}${told}`;
  return `${next.ending.end}${"reason" in next.ending ? ` ${next.ending.reason}` : ""}${told}`;
}

describe("a single home", () => {
  test.each<[string, Done, string]>([
    ["takes it", { end: "handed" }, "handed!"],
    ["refuses it", refused("forbidden"), "refused forbidden!"],
    ["does not know", { end: "uncertain" }, "uncertain!"],
    ["has nobody there", { end: "away" }, "wait"],
    ["kept it too long", { end: "expired" }, "expired!"],
  ])("%s", (_name, done, expected) => expect(short(undefined, done)).toBe(expected));
});

describe("any", () => {
  test.each<[string, Route, Done, string]>([
    ["the first that takes it is the end", { ...any, remaining: ["web"] }, { end: "handed" }, "handed!"],
    ["away: the next one", { ...any, remaining: ["web"] }, { end: "away" }, "web"],
    ["refused: the next one", { ...any, remaining: ["web"] }, refused("too-large"), "web"],
    ["uncertain: no second try", { ...any, remaining: ["web"] }, { end: "uncertain" }, "uncertain!"],
    ["away at the last one: it waits", { ...any, later: sipLater }, { end: "away" }, "wait"],
    [
      "unknown at the last one, away before: it waits there",
      { ...any, later: sipLater },
      refused("unknown-user"),
      "sip",
    ],
    ["not there at the last one, away before", { ...any, later: sipLater }, refused("unreachable"), "sip"],
    [
      "an answer at the last one, away before: told",
      { ...any, later: sipLater },
      refused("forbidden"),
      "refused forbidden!",
    ],
    [
      "away at the last one, an answer before: told",
      { ...any, refused: "too-large" },
      { end: "away" },
      "refused too-large!",
    ],
    [
      "away at the last one, unknown before: it waits",
      { ...any, refused: "unknown-user" },
      { end: "away" },
      "wait",
    ],
    [
      "all refused: the most useful",
      { ...any, refused: "unreachable" },
      refused("unknown-user"),
      "refused unreachable!",
    ],
    [
      "all refused, the last most usefully",
      { ...any, refused: "unreachable" },
      refused("too-large"),
      "refused too-large!",
    ],
    ["waited too long", { ...any, refused: "unreachable", later: sipLater }, { end: "expired" }, "expired!"],
  ])("%s", (_name, route, done, expected) => expect(short(route, done)).toBe(expected));
});

describe("all", () => {
  const handed: Route = { ...all, handed: true, delivered: false };
  test.each<[string, Route, Done, string]>([
    [
      "the first that takes it is told, and the next gets it",
      { ...all, remaining: ["web"] },
      { end: "handed" },
      "web!",
    ],
    ["the second one is not told again", handed, { end: "handed" }, "handed"],
    ["but that it was delivered is", handed, { end: "handed", delivered: true }, "handed!"],
    ["once", { ...handed, delivered: true }, { end: "handed", delivered: true }, "handed"],
    ["away: the next one", { ...all, remaining: ["web"] }, { end: "away" }, "web"],
    ["handed, away before: a copy waits there", { ...all, later: sipLater }, { end: "handed" }, "sip!"],
    [
      "refused, handed and away before: a copy waits",
      { ...handed, later: sipLater },
      refused("forbidden"),
      "sip",
    ],
    ["refused at the last one, handed before: nobody is told", handed, refused("forbidden"), "handed"],
    ["expired, handed before: nobody is told", handed, { end: "expired" }, "handed"],
    ["away, handed before: the copy waits", handed, { end: "away" }, "wait"],
    ["uncertain: the next one", { ...all, remaining: ["web"] }, { end: "uncertain" }, "web"],
    [
      "uncertain before, refused at the last one",
      { ...all, refused: "uncertain" },
      refused("too-large"),
      "uncertain!",
    ],
    [
      "uncertain before, away at the last one",
      { ...all, refused: "uncertain" },
      { end: "away" },
      "uncertain!",
    ],
  ])("%s", (_name, route, done, expected) => expect(short(route, done)).toBe(expected));
});

test("where he was away is kept in mind, with the time", () => {
  const next = nextHome(
    { ...event, route: { ...any, remaining: ["web", "xmpp"] } },
    "sip",
    { end: "away" },
    7,
  );
  const route = { ...any, remaining: ["xmpp"], later: [{ home: "sip", since: 7 }] };
  expect(next).toEqual({ do: "forward", home: "web", route });
});

test("the words of a refusal go with its own reason only", () => {
  const done = { end: "refused", reason: "unknown-user", text: "no account" } as const;
  const next = nextHome({ ...event, route: { ...any, refused: "too-large" } }, "web", done, 7);
  expect(next).toMatchObject({ ending: { end: "refused", reason: "too-large" } });
  expect(JSON.stringify(next)).not.toContain("no account");
});

describe("who appears elsewhere", () => {
  it("gets what waits for him, and where it waited is kept in mind", () => {
    const route = { ...any, later: sipLater };
    expect(routeTo({ ...event, route }, "web", "sip", 9)).toEqual({
      ...any,
      later: [{ home: "web", since: 9 }],
    });
  });

  it("gets no second copy where one was taken, and is not asked twice where it was refused", () => {
    expect(routeTo({ ...event, route: { ...all, handed: true } }, "web", "sip", 9)).toBeUndefined();
  });

  it("gets what had a single home when it was accepted", () => {
    const route = { ...any, later: [{ home: "web", since: 9 }] };
    expect(routeTo(event, "web", "sip", 9)).toEqual(route);
  });
});

test("no way goes on for ever, whatever the homes do", () => {
  const dones: Done[] = [{ end: "handed" }, { end: "away" }, { end: "uncertain" }, { end: "expired" }];
  for (const done of [...dones, ...reasons.map(refused)])
    for (const route of [any, all]) {
      let at: MessageEvent = { ...event, route: { ...route, remaining: ["web", "xmpp"] } };
      let home = "sip";
      for (;;) {
        const next = nextHome(at, home, done, 7);
        if (next.do !== "forward") break;
        at = { ...at, hops: at.hops + 1, route: next.route };
        home = next.home;
        expect(at.hops).toBeLessThanOrEqual(limits.hops);
      }
    }
});
