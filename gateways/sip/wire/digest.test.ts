// Digest arithmetic against RFC 2617, RFC 7616 and the house's own vectors; reading and printing of its fields.
import { describe, expect, test } from "vitest";
import {
  algorithmOf,
  algorithms,
  digestResponse,
  ha1,
  parseDigest,
  printChallenge,
  printCredentials,
} from "./digest.ts";
import { haveVectors, vectorJson } from "./vectors.ts";

interface Vector {
  name: string;
  algorithm: string;
  username: string;
  realm: string;
  password: string;
  method: string;
  uri: string;
  nonce: string;
  nc: string;
  cnonce: string;
  qop: string | null;
  body?: string;
  response: string;
  computed?: string;
}

const vectors = haveVectors
  ? vectorJson<{ fromRFC: Vector[]; own: Vector[] }>("auth/digest.json")
  : { fromRFC: [], own: [] };

describe.skipIf(!haveVectors)("vectors", () => {
  test.each([...vectors.fromRFC, ...vectors.own].map((each) => [each.name, each] as const))(
    "%s",
    (_, each) => {
      const algorithm = algorithms.find((name) => name === each.algorithm);
      if (algorithm === undefined) throw new Error(`no ${each.algorithm}`);
      const secret = ha1(algorithm, each.username, each.realm, each.password);
      const { method, uri, nonce, nc, cnonce } = each;
      const qop = each.qop ?? undefined;
      const response = digestResponse({
        algorithm,
        ha1: secret,
        method,
        uri,
        nonce,
        nc,
        cnonce,
        qop,
        body: Buffer.from(each.body ?? ""),
      });
      expect(response).toBe(each.computed ?? each.response);
    },
  );
});

describe("fields", () => {
  test("what is printed is read", () => {
    const values = {
      username: 'al"ice\\',
      realm: "sip.example",
      nonce: "n",
      uri: "sip:x",
      response: "00",
      algorithm: "SHA-256",
      qop: "auth",
      nc: "00000001",
      cnonce: "c",
    };
    const read = parseDigest(printCredentials(values));
    expect(read.ok && Object.fromEntries(read.value.values)).toEqual(values);
    expect(read.ok && algorithmOf(read.value)).toBe("SHA-256");
  });
  test("a challenge quotes qop and does not quote algorithm and stale (RFC 7616 §3.3)", () => {
    const text = printChallenge({ realm: "r", nonce: "n", algorithm: "MD5", stale: true });
    expect(text).toBe('Digest realm="r", nonce="n", algorithm=MD5, qop="auth", stale=true');
  });
  test("no algorithm means MD5, a -sess form none of ours", () => {
    const [plain, sess] = [parseDigest("Digest a=b"), parseDigest("Digest algorithm=MD5-sess")];
    expect(plain.ok && algorithmOf(plain.value)).toBe("MD5");
    expect(sess.ok && algorithmOf(sess.value)).toBeUndefined();
  });
  test.each([
    ["no scheme", 'realm="x"'],
    ["no value", "Digest realm="],
    ["an open quote", 'Digest realm="x'],
    ["a repeated parameter", "Digest a=b, a=c"],
    ["no comma", 'Digest a="b" c="d"'],
    ["nothing", ""],
  ])("malformed: %s", (_, text) => {
    expect(parseDigest(text).ok).toBe(false);
  });
});
