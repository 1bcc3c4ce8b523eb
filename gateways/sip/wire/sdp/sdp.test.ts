// Session descriptions: those that were published, those that are wrong, and what we print ourselves.
import { readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { haveVectors, vector } from "../vectors.ts";
import { accepts, isMessageMedia, messageSection, readMessageMedia } from "./message-media.ts";
import { parseSdp, printSdp, type Sdp } from "./sdp.ts";

const read = (text: string): Sdp => {
  const parsed = parseSdp(Buffer.from(text));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

const offer = [
  "v=0",
  "o=alice 2890844526 2890844527 IN IP4 client.atlanta.example",
  "s=-",
  "c=IN IP4 client.atlanta.example",
  "t=0 0",
  "a=fingerprint:sha-256 AB:CD",
  "m=message 7654 TCP/TLS/MSRP *",
  "a=accept-types:message/cpim text/plain text/html",
  "a=accept-wrapped-types:text/* *",
  "a=path:msrps://client.atlanta.example:7654/jshA7weztas;tcp",
  "a=max-size:65536",
  "a=setup:actpass",
  "a=chatroom:nickname private-messages",
  "m=audio 49170 RTP/AVP 0",
  "",
].join("\r\n");

describe("an offer", () => {
  const sdp = read(offer);
  test("is read", () => {
    const [first, second] = sdp.media;
    if (first === undefined || second === undefined) throw new Error("no media");
    expect([isMessageMedia(first), isMessageMedia(second)]).toEqual([true, false]);
    expect(readMessageMedia(sdp, first)).toEqual({
      ok: true,
      value: {
        secure: true,
        path: ["msrps://client.atlanta.example:7654/jshA7weztas;tcp"],
        acceptTypes: ["message/cpim", "text/plain", "text/html"],
        acceptWrappedTypes: ["text/*", "*"],
        maxSize: 65_536,
        setup: "actpass",
        chatroom: ["nickname", "private-messages"],
        fingerprints: ["sha-256 AB:CD"],
        direction: "sendrecv",
      },
    });
  });
  test("comes back as it was printed", () => {
    expect(read(printSdp(sdp).toString())).toEqual(sdp);
  });
  test("a section of ours says what it was made of", () => {
    const [first] = sdp.media;
    const media = first === undefined ? undefined : readMessageMedia(sdp, first);
    if (!media?.ok) throw new Error("not read");
    const printed = printSdp({ ...sdp, attributes: [], media: [messageSection(media.value, 7654)] });
    const again = read(printed.toString());
    const [section] = again.media;
    if (section === undefined) throw new Error("no media");
    expect(readMessageMedia(again, section)).toEqual(media);
  });
});

test.each([
  ["no version", "o=- 1 1 IN IP4 h\r\n"],
  ["no origin", "v=0\r\ns=-\r\n"],
  ["a line that is none", "v=0\r\no=- 1 1 IN IP4 h\r\nhello\r\n"],
  ["a port over 65535", "v=0\r\no=- 1 1 IN IP4 h\r\nm=message 70000 TCP/MSRP *\r\n"],
  ["a connection that is none", "v=0\r\no=- 1 1 IN IP4 h\r\nc=IN\r\n"],
  ["too many media", `v=0\r\no=- 1 1 IN IP4 h\r\n${"m=audio 1 RTP/AVP 0\r\n".repeat(33)}`],
])("%s is refused", (_name, text) => {
  expect(parseSdp(Buffer.from(text)).ok).toBe(false);
});

test.each([
  ["no path", ["a=accept-types:*"]],
  ["no types", ["a=path:msrp://h:1/s;tcp"]],
  ["a path of another scheme", ["a=accept-types:*", "a=path:http://h/"]],
  ["a size that is none", ["a=accept-types:*", "a=path:msrp://h:1/s;tcp", "a=max-size:many"]],
])("messaging with %s is refused", (_name, lines) => {
  const sdp = read(`v=0\r\no=- 1 1 IN IP4 h\r\nm=message 1 TCP/MSRP *\r\n${lines.join("\r\n")}\r\n`);
  const [section] = sdp.media;
  expect(section && readMessageMedia(sdp, section).ok).toBe(false);
});

test("what is accepted", () => {
  expect(
    ["text/plain", "image/png", "message/cpim"].map((type) => accepts(["text/*", "message/cpim"], type)),
  ).toEqual([true, false, true]);
});

describe.runIf(haveVectors)("published", () => {
  const files = haveVectors
    ? readdirSync(
        `${process.env.PARLEY_VECTORS ?? `${import.meta.dirname}/../../../../../shared/vectors`}/sdp/sdp-transform`,
      ).filter((name) => name.endsWith(".sdp"))
    : [];
  test.each(files)("%s is read and comes back", (name) => {
    const parsed = parseSdp(vector(`sdp/sdp-transform/${name}`));
    if (!parsed.ok) throw new Error(parsed.error);
    expect(parseSdp(printSdp(parsed.value))).toEqual(parsed);
  });
  test("the descriptions in the RFCs' messages", () => {
    const bodies = vector("sip-examples/rfc-sip-messages.jsonl")
      .toString("utf8")
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line): string[] => {
        const { raw } = JSON.parse(line) as { raw: string };
        const at = raw.indexOf("\r\n\r\nv=0");
        return at < 0 ? [] : [raw.slice(at + 4)];
      });
    expect(bodies.length).toBeGreaterThan(20);
    for (const body of bodies) expect(parseSdp(Buffer.from(body)).ok).toBe(true);
  });
});

test("no bytes make it throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(offer.length), (noise, at) => {
      parseSdp(noise);
      const cut = Buffer.concat([Buffer.from(offer.slice(0, at)), noise, Buffer.from(offer.slice(at))]);
      const parsed = parseSdp(cut);
      if (parsed.ok) for (const media of parsed.value.media) readMessageMedia(parsed.value, media);
    }),
  );
});
