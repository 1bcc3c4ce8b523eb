// Nonces, replay and verdicts of the digest server (RFC 7616 §3.3-3.4, §5.4).
import { describe, expect, test } from "vitest";
import { type Algorithm, digestResponse, ha1, parseDigest, printCredentials } from "../wire/digest.ts";
import { SipRequest } from "../wire/message.ts";
import { field } from "../wire/print.ts";
import { judge, makeNonce, NonceCounts, nonceLifeMs, nonceTime } from "./challenge.ts";
import { knownMs, markOf, Repeats } from "./repeats.ts";

const key = Buffer.alloc(32, 7);
const now = 1_700_000_000_000;
const chance = Buffer.alloc(9, 1);
const request = { method: "REGISTER", body: Buffer.alloc(0) };
const secret = (algorithm: Algorithm) => ha1(algorithm, "alice", "sip.example", "pw");

function credentials(
  change: Record<string, string> = {},
  nonce = makeNonce(key, now, chance),
  algorithm: Algorithm = "SHA-256",
  qop: string | undefined = "auth",
) {
  const [uri, nc, cnonce] = ["sip:sip.example", change.nc ?? "00000001", "c"];
  const response = digestResponse({
    algorithm,
    ha1: secret(algorithm),
    ...request,
    uri,
    nonce,
    nc,
    cnonce,
    qop,
  });
  const values = {
    username: "alice",
    realm: "sip.example",
    uri,
    nonce,
    response,
    algorithm,
    ...(qop ? { qop, nc, cnonce } : {}),
    ...change,
  };
  const parsed = parseDigest(printCredentials(values));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
const context = (nowMs = now, counts = new NonceCounts(), repeats = new Repeats()) => ({
  key,
  nowMs,
  counts,
  repeats,
});

describe("nonces", () => {
  test("tell when they were made, to the holder of the key only", () => {
    const nonce = makeNonce(key, now, chance);
    expect(nonceTime(key, nonce)).toBe(now);
    expect(nonceTime(Buffer.alloc(32, 8), nonce)).toBeUndefined();
    expect(nonceTime(key, `${nonce}A`)).toBeUndefined();
    expect(nonceTime(key, "")).toBeUndefined();
  });
  test("each count is good once, in a window", () => {
    const counts = new NonceCounts();
    const used = [1, 1, 3, 2, 2, 40, 8, 9, 39, 40].map((count) => counts.use("n", count, 0));
    expect(used).toEqual([true, false, true, true, false, true, false, true, true, false]);
  });
});

describe("verdicts", () => {
  test.each(["MD5", "SHA-256", "SHA-512-256"] as const)("good by %s", (algorithm) => {
    expect(judge(credentials({}, undefined, algorithm), request, secret, context())).toEqual({
      kind: "good",
    });
  });
  test("good without qop, once", () => {
    const counts = new NonceCounts();
    const given = credentials({}, undefined, "MD5", undefined);
    expect(judge(given, request, secret, context(now, counts)).kind).toBe("good");
    expect(judge(given, request, secret, context(now, counts)).kind).toBe("stale");
  });
  test("heard and sent again: stale", () => {
    const counts = new NonceCounts();
    judge(credentials(), request, secret, context(now, counts));
    expect(judge(credentials(), request, secret, context(now, counts)).kind).toBe("stale");
    expect(judge(credentials({ nc: "00000002" }), request, secret, context(now, counts)).kind).toBe("good");
  });
  test.each([
    ["an old nonce", credentials(), now + nonceLifeMs + 1, "stale"],
    ["another's nonce with the right password", credentials({}, "bm9uY2U"), now, "stale"],
    ["a wrong response", credentials({ response: "0".repeat(64) }), now, "wrong"],
    ["a response of another length", credentials({ response: "00" }), now, "wrong"],
    ["a malformed count", credentials({ nc: "1" }), now, "wrong"],
    ["an algorithm of a session", credentials({ algorithm: "MD5-sess" }), now, "wrong"],
  ])("%s", (_, given, nowMs, kind) => {
    expect(judge(given, request, secret, context(nowMs)).kind).toBe(kind);
  });
  test("no secret: wrong", () => {
    expect(judge(credentials(), request, () => undefined, context()).kind).toBe("wrong");
  });
});

describe("the very same request, sent again because its answer was lost", () => {
  const fields = {
    via: "SIP/2.0/TCP 127.0.0.1:5070;branch=z9hG4bK1",
    from: "<sip:alice@sip.example>;tag=1",
    to: "<sip:bob@sip.example>",
    "call-id": "one",
    cseq: "1 MESSAGE",
    "proxy-authorization": "Digest nc=00000001",
  };
  const made = (
    change: Record<string, string> = {},
    uri = "sip:bob@sip.example",
    body = "hi",
    method = "MESSAGE",
  ) =>
    new SipRequest(
      method,
      uri,
      Object.entries({ ...fields, ...change }).map(([key, value]) => field(key, value)),
      Buffer.from(body),
    );
  const sent = made();
  const judged = (again: SipRequest, laterMs = 0, nonceMs = now) => {
    const [counts, repeats] = [new NonceCounts(), new Repeats()];
    const given = credentials({}, makeNonce(key, nonceMs, chance));
    const one = (each: SipRequest, nowMs: number) =>
      judge(given, { ...request, mark: markOf(each) }, secret, context(nowMs, counts, repeats)).kind;
    expect(one(sent, now)).toBe("good");
    return one(again, now + laterMs);
  };
  test.each<[string, SipRequest, number?]>([
    ["at once", made()],
    ["by another way", made({ via: "SIP/2.0/TCP 127.0.0.1:5080;branch=z9hG4bK2", "max-forwards": "69" })],
    ["as late as may be", made(), knownMs],
  ])("%s: good", (_, again, laterMs) => {
    expect(judged(again, laterMs)).toBe("good");
  });
  test("when its nonce has grown old meanwhile: good", () => {
    expect(judged(made(), 1_000, now - nonceLifeMs)).toBe("good");
  });
  test.each<[string, SipRequest, number?]>([
    ["another text", made({}, undefined, "ha")],
    ["another recipient", made({}, "sip:carol@sip.example")],
    ["another To", made({ to: "<sip:carol@sip.example>" })],
    ["another Call-ID", made({ "call-id": "two" })],
    ["another CSeq", made({ cseq: "2 MESSAGE" })],
    ["another From tag", made({ from: "<sip:alice@sip.example>;tag=2" })],
    ["another method", made({}, undefined, undefined, "REGISTER")],
    ["one field more", made({ subject: "urgent" })],
    ["too late", made(), knownMs + 1],
  ])("%s with the used count: stale", (_, again, laterMs) => {
    expect(judged(again, laterMs)).toBe("stale");
  });
  test("a wrong password stays wrong", () => {
    const [counts, repeats] = [new NonceCounts(), new Repeats()];
    const mark = markOf(sent);
    judge(credentials(), { ...request, mark }, secret, context(now, counts, repeats));
    const wrong = credentials({ response: "0".repeat(64) });
    expect(judge(wrong, { ...request, mark }, secret, context(now, counts, repeats)).kind).toBe("wrong");
  });
  test("fields with the same text in other places are another request", () => {
    expect(markOf(made({ subject: "a", organization: "b" }))).not.toBe(
      markOf(made({ subject: "b", organization: "a" })),
    );
  });
});
