// What each chunk of a session is answered, what it remembers, and the small machines beside it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RequestHead } from "../../wire/msrp/head.ts";
import { msrpLimits } from "../../wire/msrp/limits.ts";
import { Coverage } from "./coverage.ts";
import { accepts, Inbox } from "./inbox.ts";
import { answerDigest } from "./relay-auth.ts";
import { answerSetup, parseSetup, setupAfterAnswer } from "./setup.ts";

const head = (
  fields: Record<string, string>,
  contentType: string | undefined = "text/plain",
): RequestHead => ({
  kind: "request",
  method: "SEND",
  tid: "tid12345",
  toPath: "msrp://a:1/x;tcp",
  fromPath: "msrp://b:1/y;tcp",
  fields: new Map(Object.entries({ "message-id": "mess1", ...fields })),
  contentType,
  fault: undefined,
});

const terms = { acceptTypes: ["text/*"], maxSize: 1000 };

describe("limits of the inbox", () => {
  test("unfinished messages", () => {
    const inbox = new Inbox(terms);
    const begin = (id: string): number => {
      inbox.begin(head({ "message-id": id, "byte-range": "1-1/2" }), 0);
      inbox.data(Buffer.from("x"));
      const end = inbox.end("+");
      return end.do === "answer" ? end.status : 0;
    };
    const statuses = Array.from({ length: msrpLimits.unfinishedMessages + 1 }, (_, index) =>
      begin(`mess${index}`),
    );
    expect(statuses.slice(0, -1).every((status) => status === 200)).toBe(true);
    expect(statuses.at(-1)).toBe(413);
    expect(begin("mess0")).toBe(200);
  });

  test("bytes of all unfinished messages together", () => {
    const inbox = new Inbox(terms);
    const statuses = ["aaaa", "bbbb", "cccc"].map((id) => {
      inbox.begin(head({ "message-id": id, "byte-range": "1-*/1000" }), 0);
      inbox.data(Buffer.alloc(900));
      const end = inbox.end("+");
      return end.do === "answer" ? end.status : 0;
    });
    expect(statuses).toEqual([200, 200, 413]);
  });

  test("ids are forgotten, the oldest first", () => {
    const inbox = new Inbox(terms);
    const receive = (id: string): boolean | undefined => {
      inbox.begin(head({ "message-id": id }), 0);
      const end = inbox.end("$");
      return end.do === "message" ? end.message.repeated : undefined;
    };
    for (let index = 0; index < msrpLimits.knownIds; index += 1) expect(receive(`id-${index}`)).toBe(false);
    expect(receive("id-0")).toBe(true);
    expect(receive("another")).toBe(false);
    expect(receive("id-1")).toBe(false);
  });

  test("what waits too long is forgotten, but not what is just coming", () => {
    const inbox = new Inbox(terms);
    for (const [id, now] of [
      ["old1", 0],
      ["new1", 100],
    ] as const) {
      inbox.begin(head({ "message-id": id, "byte-range": "1-*/9", "failure-report": "partial" }), now);
      inbox.data(Buffer.from("x"));
      inbox.end("+");
    }
    inbox.begin(head({ "message-id": "here", "byte-range": "1-*/9" }), 0);
    expect(inbox.forget(50)).toEqual([{ messageId: "old1", wanted: "partial" }]);
    expect(inbox.waiting).toBe(true);
  });

  test.each([
    ["no Message-ID", { "message-id": "" }, 400],
    ["a strange report wish", { "success-report": "maybe" }, 400],
    ["another strange one", { "failure-report": "maybe" }, 400],
    ["report wishes in capitals", { "success-report": "YES", "failure-report": "Partial" }, 0],
  ])("%s", (_name, fields, status) => {
    const inbox = new Inbox(terms);
    inbox.begin(head(fields), 0);
    const end = inbox.end("$");
    expect(end.do === "answer" ? end.status : 0).toBe(status);
  });

  test("an end without a beginning is answered, not thrown", () => {
    expect(new Inbox(terms).end("$")).toMatchObject({ status: 400 });
  });
});

test.each([
  [["*"], "a/b", true],
  [["text/*"], "TEXT/Plain; charset=utf-8", true],
  [["message/cpim"], "Message/CPIM", true],
  [["message/cpim"], "text/plain", false],
  [["text/*"], "textual/plain", false],
  [["*"], "nonsense", false],
  [[], "text/plain", false],
])("%j takes %s: %s", (types, type, taken) => {
  expect(accepts(types, type)).toBe(taken);
});

describe("success reports", () => {
  const range = (start: number, end: number, total = 10): { start: number; end: number; total: number } => ({
    start,
    end,
    total,
  });
  test.each([
    ["the whole", [range(1, 10)], true],
    ["in parts, in any order", [range(6, 10), range(1, 3), range(4, 5)], true],
    ["a gap", [range(1, 3), range(5, 10)], false],
    ["overlapping", [range(1, 7), range(3, 10)], true],
    ["bytes that were never sent", [range(1, 11, 11)], false],
    ["bytes that were never sent, of a total not said", [{ start: 1, end: 11, total: undefined }], false],
    ["another total", [range(1, 10, 12)], false],
  ])("%s", (_name, ranges, complete) => {
    const coverage = new Coverage(10);
    for (const one of ranges) coverage.add(one);
    expect(coverage.complete).toBe(complete);
  });

  test("of an empty message", () => {
    const coverage = new Coverage(0);
    expect(coverage.complete).toBe(false);
    expect(coverage.add({ start: 1, end: 0, total: 0 })).toBe(true);
  });

  test("all of any order of any cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 100 }), { maxLength: 20 }),
        fc.array(fc.nat(), { minLength: 22, maxLength: 22 }),
        (cuts, seed) => {
          const at = [0, ...cuts, 100].sort((a, b) => a - b);
          const parts = at
            .slice(1)
            .map((to, index) => ({ from: (at[index] ?? 0) + 1, to, order: seed[index] ?? 0 }));
          const coverage = new Coverage(100);
          for (const { from, to } of parts.sort((a, b) => a.order - b.order))
            if (to >= from) coverage.add({ start: from, end: to, total: 100 });
          expect(coverage.complete).toBe(true);
        },
      ),
    );
  });
});

describe("a=setup (RFC 6135 §4.2)", () => {
  test.each([
    ["active", true, "passive"],
    ["passive", true, "active"],
    ["actpass", true, "passive"],
    ["actpass", false, "active"],
  ] as const)("offered %s, reachable %s: %s", (offered, reachable, answer) => {
    expect(answerSetup(offered, reachable)).toBe(answer);
  });
  test.each([
    [undefined, "active"],
    ["ActPass", "actpass"],
    ["holdconn", undefined],
  ])("%s is read as %s", (text, setup) => {
    expect(parseSetup(text)).toBe(setup);
  });
  test.each([
    [undefined, "active"],
    ["active", "passive"],
    ["passive", "active"],
    ["actpass", undefined],
  ])("answered %s we are %s", (answered, setup) => {
    expect(setupAfterAnswer(answered)).toBe(setup);
  });
});

describe("credentials for a relay", () => {
  const own = {
    username: "Mufasa",
    password: "Circle of Life",
    uri: "msrps://a.example:9000;tcp",
    cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXqusGemxURZJ",
    count: 1,
  };
  test("are those of RFC 7616's arithmetic", () => {
    const answer = answerDigest(
      'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf", opaque="FQhe"',
      own,
    );
    expect(answer.ok && answer.value).toContain("nc=00000001");
    expect(answer.ok && answer.value).toContain('opaque="FQhe"');
  });
  test.each([
    ["Basic realm=x"],
    ['Digest realm="x"'],
    ['Digest realm="x", nonce="y", algorithm=MD5-sess'],
    ['Digest realm="x", nonce="y", qop="auth-int"'],
    [""],
  ])("%s is not answered", (challenge) => {
    expect(answerDigest(challenge, own).ok).toBe(false);
  });
});
