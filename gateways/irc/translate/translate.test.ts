// Messages to and from the bus, sentences and tables; and the law that what is carried comes back unchanged.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Event } from "#bus-schemas/event.ts";
import { MessageEvent } from "#bus-schemas/events/message.ts";
import { Outcome, type OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { reasons } from "#bus-schemas/reason.ts";
import { parse } from "../wire/parse.ts";
import { print } from "../wire/print.ts";
import { events, messageParts, outcomes } from "./capabilities.ts";
import { failureText, reasonOf, sentence } from "./errors.ts";
import { fromBus } from "./from-bus.ts";
import { puppetNick, shownHost, userName } from "./naming.ts";
import { gapNote, nickNote } from "./notes.ts";
import { told } from "./tell.ts";
import { toBus } from "./to-bus.ts";

const owner = { local: "alice", domain: "sip.example" };
const event: MessageEvent = {
  id: "x",
  type: "message.sent",
  version: 1,
  time: 0,
  from: { ...owner, assurance: "verified" },
  to: { local: "carol", domain: "irc.example" },
  origin: { carrier: "sip" },
  kind: "chat",
  action: false,
  text: "hello",
  receipts: { handed: false, delivered: false, displayed: false },
  expires: 1,
  hops: 0,
};
const view = { mask: "alice!alice@user.test", target: "carol", maxLines: 5 };

describe("from the bus", () => {
  const lines = (changes: Partial<MessageEvent>): string[] | string => {
    const drawn = fromBus({ ...event, ...changes }, view);
    if (!drawn.ok) return drawn.reason;
    return drawn.lines.map((line) => {
      const printed = print(line);
      return printed.ok ? printed.value : printed.error;
    });
  };
  test.each<[string, Partial<MessageEvent>, string[] | string]>([
    ["chat", { text: "hello you" }, ["PRIVMSG carol :hello you"]],
    ["normal", { kind: "normal", text: "a b" }, ["PRIVMSG carol :a b"]],
    ["a notice", { kind: "notice", text: "a b" }, ["NOTICE carol :a b"]],
    ["an action", { action: true, text: "waves" }, ["PRIVMSG carol :\x01ACTION waves\x01"]],
    ["two lines", { text: "a b\r\nc d" }, ["PRIVMSG carol :a b", "PRIVMSG carol :c d"]],
    ["a subject", { subject: "News", text: "x" }, ["PRIVMSG carol :[News] x"]],
    ["a correction", { correctionOf: "1", text: "x" }, ["PRIVMSG carol :* x"]],
    [
      "styles",
      { text: "ab", subject: "S", spans: [{ from: 0, to: 1, style: "bold" }] },
      ["PRIVMSG carol :[S] \x02a\x02b"],
    ],
    [
      "a link has no code",
      { text: "a b", spans: [{ from: 0, to: 1, style: "link" }] },
      ["PRIVMSG carol :a b"],
    ],
    ["no command of its own", { text: "\x01QUIT\x01 now" }, ["PRIVMSG carol :QUIT now"]],
    ["nothing", { text: " \n " }, "not-supported"],
    ["six lines", { text: "1\n2\n3\n4\n5\n6" }, "too-large"],
    ["8 KiB", { text: "x".repeat(8192) }, "too-large"],
  ])("%s", (_name, changes, expected) => expect(lines(changes)).toEqual(expected));
});

describe("to the bus", () => {
  const draft = (line: string, accounts = false): unknown => {
    const parsed = parse(line);
    return parsed.ok ? toBus(parsed.value, { domain: "irc.example", owner, accounts }) : parsed;
  };
  const carol = { local: "carol", domain: "irc.example", display: "carol", assurance: "none" };
  test.each<[string, string, boolean, unknown]>([
    [
      "PRIVMSG",
      ":carol!c@h PRIVMSG alice :hi",
      false,
      { from: carol, to: owner, kind: "chat", action: false, text: "hi" },
    ],
    [
      "NOTICE",
      ":carol!c@h NOTICE alice :hi",
      false,
      { from: carol, to: owner, kind: "notice", action: false, text: "hi" },
    ],
    [
      "ACTION",
      ":carol!c@h PRIVMSG alice :\x01ACTION waves\x01",
      false,
      { from: carol, to: owner, kind: "chat", action: true, text: "waves" },
    ],
    [
      "an account that the server vouches for",
      "@account=carol;msgid=m1 :carol!c@h PRIVMSG alice :hi",
      true,
      {
        from: { ...carol, assurance: "server" },
        to: owner,
        kind: "chat",
        action: false,
        text: "hi",
        messageId: "m1",
      },
    ],
    [
      "a tag that nobody has negotiated proves nothing",
      "@account=carol :carol!c@h PRIVMSG alice :hi",
      false,
      { from: carol, to: owner, kind: "chat", action: false, text: "hi" },
    ],
    ["another CTCP", ":carol!c@h PRIVMSG alice :\x01VERSION\x01", false, undefined],
    ["only codes", ":carol!c@h PRIVMSG alice :\x02\x03", false, undefined],
  ])("%s", (_name, line, accounts, expected) => expect(draft(line, accounts)).toEqual(expected));

  test("what is carried comes back unchanged", () => {
    const text = fc
      .stringMatching(/^[^\x00-\x1f\x7f]{1,60}$/)
      .filter((any) => any.trim() !== "" && any.isWellFormed());
    fc.assert(
      fc.property(text, fc.boolean(), (any, action) => {
        const drawn = fromBus({ ...event, text: any, action }, view);
        if (!drawn.ok) throw new Error(drawn.reason);
        const [line] = drawn.lines;
        const back =
          line && toBus({ ...line, source: "carol!c@h" }, { domain: "irc.example", owner, accounts: false });
        expect(back).toMatchObject({ text: any, action, kind: "chat" });
      }),
    );
  });
});

describe("sentences", () => {
  const outcome = (changes: Partial<OutcomeEvent>): string | undefined =>
    told({
      id: "x",
      type: "message.outcome",
      version: 1,
      time: 0,
      message: "x",
      outcome: "refused",
      to: { local: "carol", domain: "irc.example" },
      from: owner,
      origin: "irc-demo",
      expires: 1,
      ...changes,
    });
  test.each<[string, Partial<OutcomeEvent>, string | undefined]>([
    ["refused", { reason: "unknown-user", excerpt: "hello" }, "Not delivered: no such user: hello"],
    ["blocked is told as not allowed", { reason: "blocked" }, "Not delivered: not allowed"],
    [
      "expired",
      { outcome: "expired", excerpt: "a\r\nb" },
      "Not delivered: expired before it could be delivered: a  b",
    ],
    ["uncertain", { outcome: "uncertain" }, "Perhaps not delivered: may not have arrived"],
    ["bounced", { outcome: "bounced", reason: "forbidden" }, "Not delivered: not allowed"],
    ["handed", { outcome: "handed" }, undefined],
    ["delivered", { outcome: "delivered" }, undefined],
    ["displayed", { outcome: "displayed" }, undefined],
  ])("%s", (_name, changes, text) => expect(outcome(changes)).toBe(text));

  test("every reason has one", () => {
    for (const reason of reasons) expect(sentence[reason]).not.toBe("");
  });

  test.each([
    ["401", "unknown-user"],
    ["404", "forbidden"],
    ["477", "needs-account"],
    ["486", "needs-account"],
    ["417", "too-large"],
    ["999", "forbidden"],
    ["RATE_LIMITED", "rate-limited"],
  ])("%s is %s", (code, reason) => expect(reasonOf({ code, text: "" })).toBe(reason));

  test("notes", () => {
    expect(gapNote(0, 61_000)).toBe("messages between 00:00:00 and 00:01:01 UTC may be missing");
    expect(nickNote("demo", "alice_", "alice")).toContain("you are alice_ now");
    expect(nickNote("demo", "alice", "alice")).toContain("again");
    expect(failureText({ code: "401", text: "x".repeat(500) }).length).toBeLessThanOrEqual(200);
  });
});

describe("names", () => {
  test.each([
    ["{local}", "alice", "alice"],
    ["{local}", "Zażółć Gęślą", "Zazo_c_Gesla"],
    ["{local}[p]", "bob", "bob[p]"],
    ["{local}_{domain}", "bob", "bob_sip_example"],
    ["{local}", "007", "_007"],
  ])("%s of %s", (template, local, nick) => {
    expect(puppetNick(template, { local, domain: "sip.example" })).toBe(nick);
  });
  test("user name and host", () => {
    expect(userName({ local: "Alice.Wonderland", domain: "x" })).toBe("alicewonde");
    expect(userName({ local: "ą", domain: "x" })).toBe("parley");
    const shown = shownHost(owner, "{token}.example", "fd70:6172:6c65:79:");
    expect(shown.host).toMatch(/^[0-9a-f]{16}\.example$/);
    expect(shown.ip).toMatch(/^fd70:6172:6c65:79:([0-9a-f]{4}:){3}[0-9a-f]{4}$/);
    expect(shownHost({ ...owner, local: "ALICE" }, "{token}.example", "fd70:6172:6c65:79:")).toEqual(shown);
  });
});

describe("capabilities", () => {
  test("every event, every part of a message and every outcome is decided", () => {
    expect(Object.keys(events).sort()).toEqual(Event.options.map((option) => option.shape.type.value).sort());
    expect(Object.keys(messageParts).sort()).toEqual(Object.keys(MessageEvent.shape).sort());
    expect(Object.keys(outcomes).sort()).toEqual([...Outcome.options].sort());
  });
});
