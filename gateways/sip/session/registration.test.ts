// The registrar's rules, one row each: RFC 3261 §10.3, RFC 5626 §6.
import { describe, expect, test } from "vitest";
import { type NameAddr, parseNameAddr } from "../wire/name-addr.ts";
import { type Binding, type RegisterFacts, register } from "./registration.ts";

const policy = { least: 60, usual: 3600, most: 86_400, mostBindings: 3 };
const now = 1_000_000;
const binding = (contact: string, change: Partial<Binding> = {}): Binding => ({
  contact,
  callId: "c1",
  cseq: 5,
  expiresAt: now + 1000,
  path: [],
  ...change,
});
const contact = (text: string): NameAddr => {
  const parsed = parseNameAddr(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const facts = (contacts: (string | "*")[], change: Partial<RegisterFacts> = {}): RegisterFacts => ({
  callId: "c1",
  cseq: 6,
  contacts: contacts.map((each) => (each === "*" ? "*" : contact(each))),
  path: [],
  ...change,
});
const [a, b] = [binding("sip:a@1.1.1.1"), binding("sip:b@2.2.2.2")];

function shown(current: Binding[], asked: RegisterFacts) {
  const result = register(current, asked, now, policy);
  if (result.kind === "refused") return result.status;
  const list = (some: readonly Binding[]) =>
    some.map((each) => `${each.contact} ${(each.expiresAt - now) / 1000}`);
  return { put: list(result.put), remove: list(result.remove), all: list(result.all) };
}

describe("what it does", () => {
  test.each([
    ["asks only", [a], facts([]), { put: [], remove: [], all: ["sip:a@1.1.1.1 1"] }],
    [
      "adds by default time",
      [],
      facts(["<sip:x@h>"]),
      { put: ["sip:x@h 3600"], remove: [], all: ["sip:x@h 3600"] },
    ],
    [
      "Expires",
      [],
      facts(["<sip:x@h>"], { expires: 100 }),
      { put: ["sip:x@h 100"], remove: [], all: ["sip:x@h 100"] },
    ],
    [
      "expires before Expires",
      [],
      facts(["<sip:x@h>;expires=70"], { expires: 100 }),
      { put: ["sip:x@h 70"], remove: [], all: ["sip:x@h 70"] },
    ],
    [
      "cut at the most",
      [],
      facts(["<sip:x@h>"], { expires: 1_000_000 }),
      { put: ["sip:x@h 86400"], remove: [], all: ["sip:x@h 86400"] },
    ],
    [
      "refreshes",
      [a, b],
      facts(["<sip:a@1.1.1.1>"]),
      { put: ["sip:a@1.1.1.1 3600"], remove: [], all: ["sip:b@2.2.2.2 1", "sip:a@1.1.1.1 3600"] },
    ],
    [
      "refreshes by another Call-ID whatever the CSeq",
      [a],
      facts(["<sip:a@1.1.1.1>"], { callId: "new", cseq: 1 }),
      { put: ["sip:a@1.1.1.1 3600"], remove: [], all: ["sip:a@1.1.1.1 3600"] },
    ],
    [
      "removes one",
      [a, b],
      facts(["<sip:a@1.1.1.1>;expires=0"]),
      { put: [], remove: ["sip:a@1.1.1.1 1"], all: ["sip:b@2.2.2.2 1"] },
    ],
    [
      "removes all",
      [a, b],
      facts(["*"], { expires: 0 }),
      { put: [], remove: ["sip:a@1.1.1.1 1", "sip:b@2.2.2.2 1"], all: [] },
    ],
    [
      "removing what is not there is no error",
      [],
      facts(["<sip:x@h>;expires=0"]),
      { put: [], remove: [], all: [] },
    ],
  ])("%s", (_, current, asked, expected) => {
    expect(shown(current, asked)).toEqual(expected);
  });
  test("the same device on the same flow replaces its contact (RFC 5626 §6)", () => {
    const old = binding("sip:x@old", { instanceId: "<urn:uuid:1>", regId: "1" });
    const asked = facts(['<sip:x@new>;+sip.instance="<urn:uuid:1>";reg-id=1']);
    expect(shown([old], asked)).toEqual({
      put: ["sip:x@new 3600"],
      remove: ["sip:x@old 1"],
      all: ["sip:x@new 3600"],
    });
  });
  test("the Route header in a contact stays with it (RFC 4475 §3.3.14)", () => {
    const asked = facts(["<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"]);
    expect(shown([], asked)).toMatchObject({
      put: ["sip:user@example.com?Route=%3Csip:sip.example.com%3E 3600"],
    });
  });
});

describe("what it refuses, whole", () => {
  test.each([
    ["too brief", [], facts(["<sip:x@h>;expires=59"]), 423],
    ["* without Expires", [a], facts(["*"]), 400],
    ["* with Expires", [a], facts(["*"], { expires: 100 }), 400],
    ["* with another", [a], facts(["*", "<sip:x@h>"], { expires: 0 }), 400],
    ["* out of order", [a], facts(["*"], { expires: 0, cseq: 5 }), 500],
    ["the same CSeq again", [a], facts(["<sip:a@1.1.1.1>"], { cseq: 5 }), 500],
    ["a lower CSeq beside a good one", [a], facts(["<sip:x@h>", "<sip:a@1.1.1.1>"], { cseq: 4 }), 500],
    ["one of another scheme", [], facts(["<sip:x@h>", "<mailto:x@h>"]), 400],
    ["a sips contact", [], facts(["<sips:x@h>"]), 400],
    ["too many", [a, b], facts(["<sip:c@h>", "<sip:d@h>"]), 403],
  ])("%s", (_, current, asked, status) => {
    expect(shown(current, asked)).toBe(status);
  });
});
