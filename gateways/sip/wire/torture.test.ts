// The torture messages of RFC 4475 and RFC 5118, each with what it must lead to (the manifest's words).
import { describe, expect, test } from "vitest";
import { checkRequest, checkResponse } from "./check.ts";
import { type Frame, Framer } from "./frame.ts";
import type { SipMessage } from "./message.ts";
import { parseDatagram } from "./parse.ts";
import { printUri } from "./uri.ts";
import { haveVectors, vector, vectorJson } from "./vectors.ts";

/** What the wire makes of a datagram: `ok`, the status that it is refused with, or `drop`. */
function judged(bytes: Buffer): { verdict: string; message?: SipMessage } {
  const parsed = parseDatagram(bytes);
  if (parsed.kind === "drop") return { verdict: "drop" };
  if (parsed.kind === "refuse") return { verdict: String(parsed.status) };
  const { message } = parsed;
  if (message.kind === "response")
    return { verdict: checkResponse(message) === undefined ? "ok" : "drop", message };
  return { verdict: checkRequest(message) === undefined ? "ok" : "400", message };
}

// `ok` where the manifest accepts, or leaves the refusal to the endpoint: those rows are in edge/torture.test.ts.
const verdicts: Readonly<Record<string, string>> = {
  wsinv: "ok",
  intmeth: "ok",
  esc01: "ok",
  escnull: "ok",
  esc02: "ok",
  lwsdisp: "ok",
  longreq: "ok",
  dblreq: "ok",
  semiuri: "ok",
  transports: "ok",
  mpart01: "ok",
  unreason: "ok",
  noreason: "ok",
  badinv01: "400",
  clerr: "400",
  ncl: "400",
  scalar02: "400",
  scalarlg: "drop",
  quotbal: "400",
  ltgtruri: "400",
  lwsruri: "400",
  lwsstart: "400",
  trws: "400",
  escruri: "400",
  baddate: "ok",
  regbadct: "400",
  badaspec: "400",
  baddn: "400",
  badvers: "505",
  mismatch01: "400",
  mismatch02: "400",
  bigcode: "drop",
  badbranch: "400",
  insuf: "400",
  unkscm: "ok",
  novelsc: "ok",
  unksm2: "ok",
  bext01: "ok",
  invut: "ok",
  regaut01: "ok",
  multi01: "400",
  mcl01: "400",
  bcast: "ok",
  zeromf: "ok",
  cparam01: "ok",
  cparam02: "ok",
  regescrt: "ok",
  sdp01: "ok",
  inv2543: "ok",
  test: "drop",
};

describe.skipIf(!haveVectors)("RFC 4475", () => {
  const names = haveVectors
    ? Object.keys(
        vectorJson<{ messages: Record<string, unknown> }>("sip-torture-rfc4475/manifest.json").messages,
      )
    : [];
  test("the manifest's 49 are all in the table, and the one beside them", () => {
    expect(names.toSorted()).toEqual(Object.keys(verdicts).toSorted());
  });
  test.each(names)("%s", (name) => {
    expect(judged(vector(`sip-torture-rfc4475/${name}.dat`)).verdict).toBe(verdicts[name]);
  });
  const read = (name: string): SipMessage => {
    const { message } = judged(vector(`sip-torture-rfc4475/${name}.dat`));
    if (message === undefined) throw new Error("not read");
    return message;
  };
  test("wsinv: folding, compact names, leading zeros", () => {
    const message = read("wsinv");
    expect(message.cseq).toEqual({ number: 9, method: "INVITE" });
    expect(message.list("via")).toHaveLength(3);
    expect(message.first("max-forwards")).toBe("0068");
    expect(message.first("newfangledheader")).toBe("newfangled value continued newfangled value");
  });
  test("intmeth: quoted NUL, BEL and DEL in the display name; UTF-8 stays", () => {
    const message = read("intmeth");
    expect(message.kind === "request" && message.method).toBe("!interesting-Method0123456789_*+`.%indeed'~");
    expect(message.to?.display).toContain("\u0000");
    expect(message.to?.display).toContain("\u007f");
  });
  test("escnull: two users that differ behind %00", () => {
    const message = read("escnull");
    expect(message.list("contact")).toHaveLength(2);
  });
  test("esc02: an escaped method and field name are other ones", () => {
    const message = read("esc02");
    expect(message.kind === "request" && message.method).toBe("RE%47IST%45R");
    expect(message.first("contact")).toBe("<sip:alias1@host1.example.com>");
    expect(message.first("c%6fntact")).toBeDefined();
  });
  test("semiuri: the ; before the @ belongs to the user", () => {
    const message = read("semiuri");
    expect(message.kind === "request" && message.uri).toBe("sip:user;par=u%40example.net@example.com");
    expect(message.to && printUri(message.to.uri)).toBe("sip:j_user@example.com");
  });
  test("dblreq: a datagram is one message, a stream two", () => {
    const bytes = vector("sip-torture-rfc4475/dblreq.dat");
    const frames = new Framer().push(bytes);
    const methods = frames.map((frame) =>
      frame.kind === "parsed" && frame.parsed.kind === "message" && frame.parsed.message.kind === "request"
        ? frame.parsed.message.method
        : frame.kind,
    );
    // What follows the INVITE's Content-Length is no message, and ends the stream.
    expect(methods).toEqual(["REGISTER", "INVITE", "lost"]);
    expect(read("dblreq").body).toHaveLength(0);
  });
  test("mpart01: NUL octets in the body stay", () => {
    expect(Buffer.from(read("mpart01").body).includes(0)).toBe(true);
  });
  test("noreason, unreason: empty and UTF-8 phrases", () => {
    const [empty, utf8] = [read("noreason"), read("unreason")];
    expect(empty.kind === "response" && empty.phrase).toBe("");
    expect(utf8.kind === "response" && utf8.phrase).toBe("= 2**3 * 5**2 но сто девяносто девять - простое");
  });
  test("cparam01 and cparam02: outside and inside the brackets", () => {
    expect(read("cparam01").first("contact")).toContain("unknownparam");
    expect(read("cparam02").first("contact")).toContain("unknownparam>");
  });
  test.each([
    ["clerr", "waits for the rest", undefined],
    ["ncl", "400 and close", "lost"],
    ["mcl01", "400 and close", "lost"],
  ])("%s over TCP: %s", (name, _, kind) => {
    const frames: Frame[] = new Framer().push(vector(`sip-torture-rfc4475/${name}.dat`));
    expect(frames[0]?.kind).toBe(kind);
    if (frames[0]?.kind === "lost") expect(frames[0].parsed).toMatchObject({ kind: "refuse", status: 400 });
  });
});

// The archive in RFC 5118 has lost its CRs, and with them its lengths; SIP has both.
function crlf(name: string): Buffer {
  const text = vector(name).toString("latin1").replace(/\r?\n/g, "\r\n");
  const gap = text.indexOf("\r\n\r\n");
  const body = gap < 0 ? "" : text.slice(gap + 4);
  return Buffer.from(text.replace(/Content-Length: \d+/, `Content-Length: ${body.length}`), "latin1");
}

describe.skipIf(!haveVectors)("RFC 5118", () => {
  test.each([
    ["ipv6-good", "ok"],
    ["ipv6-bad", "400"],
    ["port-ambiguous", "ok"],
    ["port-unambiguous", "ok"],
    ["via-received-param-with-delim", "ok"],
    ["via-received-param-no-delim", "ok"],
    ["ipv6-in-sdp", "ok"],
    ["mult-ip-in-header", "ok"],
    ["mult-ip-in-sdp", "ok"],
    ["ipv4-mapped-ipv6", "ok"],
    ["ipv6-bug-abnf-3-colons", "ok"],
    ["ipv6-correct-abnf-2-colons", "ok"],
  ])("%s", (name, verdict) => {
    expect(judged(crlf(`sip-torture-rfc5118/${name}`)).verdict).toBe(verdict);
  });
  test("the 5070 of port-ambiguous is part of the address", () => {
    const { message } = judged(crlf("sip-torture-rfc5118/port-ambiguous"));
    expect(message?.kind === "request" && message.uri).toBe("sip:[2001:db8::10:5070]");
  });
});
