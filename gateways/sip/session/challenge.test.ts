// Nonces, replay and verdicts of the digest server (RFC 7616 §3.3-3.4, §5.4).
import { describe, expect, test } from "vitest";
import { type Algorithm, digestResponse, ha1, parseDigest, printCredentials } from "../wire/digest.ts";
import { judge, makeNonce, NonceCounts, nonceLifeMs, nonceTime } from "./challenge.ts";

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
const context = (nowMs = now, counts = new NonceCounts()) => ({ key, nowMs, counts });

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
