import { describe, expect, test } from "vitest";
import { attributes, element, ns } from "../wire/element.ts";
import type { Read } from "../wire/read.ts";
import {
  handshake,
  openStream,
  type StreamInput,
  type StreamOptions,
  type StreamOutput,
  type StreamState,
  step,
} from "./stream.ts";

const options: StreamOptions = { domain: "sip.example", secret: "xyz", ack: "auto" };
const read = (one: Read): StreamInput => ({ kind: "read", read: one });
const stanza = (...parts: Parameters<typeof element>): StreamInput =>
  read({ kind: "stanza", element: element(...parts) });
const connected: StreamInput = { kind: "connected" };
const opened = read({ kind: "open", attrs: attributes({ id: "3BF96D32" }), xmlns: ns.component });
const proved = stanza("handshake", ns.component);
const message = stanza("message", ns.component, { id: "1" });
const timer: StreamInput = { kind: "timer" };
const gone: StreamInput = { kind: "disconnected" };
const streamError = (condition: string): StreamInput =>
  stanza("error", ns.stream, {}, element(condition, ns.streams), element("text", ns.streams, {}, "words"));
const enabled = stanza("enabled", ns.ack, { id: "q1", h: "7", hold: "60" });

const run = (
  inputs: readonly StreamInput[],
  part: Partial<StreamOptions> = {},
): { state: StreamState; outputs: StreamOutput[] } => {
  let state = openStream({ ...options, ...part });
  let outputs: readonly StreamOutput[] = [];
  for (const input of inputs) [state, outputs] = step(state, input);
  return { state, outputs: [...outputs] };
};
const asking = [connected, opened, proved];
const running = [...asking, enabled];

test("the proof of XEP-0114 §3: lower-case hex of SHA-1 over stream id and secret, as sha1sum prints it", () => {
  expect(handshake("3BF96D32", "xyz")).toBe("61dfa3090f091f30ab9f12989d68434c716f3013");
});

describe("one row per arrow", () => {
  const plain: StreamOutput = { do: "running", inbound: { mode: "plain" } };
  const write = (text: string): StreamOutput => ({ do: "write", text });
  const proof = "61dfa3090f091f30ab9f12989d68434c716f3013";
  const wait: StreamOutput = { do: "wait-for-answer" };

  test.each<[string, StreamInput[], Partial<StreamOptions>, StreamState["at"], StreamOutput[]]>([
    [
      "connected: the header",
      [connected],
      {},
      "opening",
      [
        write(
          `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='sip.example'>`,
        ),
      ],
    ],
    ["header: the proof", [connected, opened], {}, "proving", [write(`<handshake>${proof}</handshake>`)]],
    ["proved: enable", asking, {}, "asking", [write("<enable xmlns='urn:parley:ack:0'/>"), wait]],
    [
      "proved with an earlier queue: resume",
      asking,
      { resume: { queue: "q1", h: 9 } },
      "asking",
      [write("<resume xmlns='urn:parley:ack:0' previd='q1' h='9'/>"), wait],
    ],
    ["proved with ack off: running", asking, { ack: "off" }, "running", [plain]],
    [
      "enabled",
      running,
      {},
      "running",
      [{ do: "running", inbound: { mode: "acked", queue: "q1", h: 7, resumed: false } }],
    ],
    [
      "resumed",
      [...asking, stanza("resumed", ns.ack, { previd: "q1", h: "9" })],
      {},
      "running",
      [{ do: "running", inbound: { mode: "acked", queue: "q1", h: 9, resumed: true } }],
    ],
    [
      "resumed by a server that addresses one stanza to many itself",
      [...asking, stanza("resumed", ns.ack, { previd: "q1", h: "9", fan: "1" })],
      {},
      "running",
      [{ do: "running", inbound: { mode: "acked", queue: "q1", h: 9, resumed: true, fans: true } }],
    ],
    [
      "failed: enable",
      [...asking, stanza("failed", ns.ack, { h: "0" })],
      {},
      "asking",
      [write("<enable xmlns='urn:parley:ack:0'/>"), wait],
    ],
    [
      "enabled without an id",
      [...asking, stanza("enabled", ns.ack, { h: "1" })],
      {},
      "ended",
      [{ do: "end", why: "fault", text: "a malformed answer to enable" }],
    ],
    [
      "enabled without a counter",
      [...asking, stanza("enabled", ns.ack, { id: "q" })],
      {},
      "ended",
      [{ do: "end", why: "fault", text: "a malformed answer to enable" }],
    ],
    ["no answer to enable: plain", [...asking, timer], {}, "running", [plain]],
    [
      "no answer, but required",
      [...asking, timer],
      { ack: "require" },
      "ended",
      [{ do: "end", why: "no-module", text: "no answer to enable" }],
    ],
    ["a late timer", [...running, timer], {}, "running", []],
    [
      "closed while asking",
      [...asking, gone],
      {},
      "ended",
      [{ do: "end", why: "no-module", text: "connection closed" }],
    ],
    [
      "ended while asking",
      [...asking, read({ kind: "close" })],
      {},
      "ended",
      [{ do: "end", why: "no-module", text: "stream closed by the server" }],
    ],
    [
      "enable is unknown to the server",
      [...asking, streamError("unsupported-stanza-type")],
      {},
      "ended",
      [{ do: "end", why: "no-module", text: "unsupported-stanza-type: words" }],
    ],
    [
      "a conflict while asking is a conflict",
      [...asking, streamError("conflict")],
      {},
      "ended",
      [{ do: "end", why: "conflict", text: "conflict: words" }],
    ],
    [
      "a conflict",
      [...running, streamError("conflict")],
      {},
      "ended",
      [{ do: "end", why: "conflict", text: "conflict: words" }],
    ],
    [
      "the secret is wrong",
      [connected, opened, streamError("not-authorized")],
      {},
      "ended",
      [{ do: "end", why: "refused", text: "not-authorized: words" }],
    ],
    [
      "the domain is unknown",
      [connected, streamError("host-unknown")],
      {},
      "ended",
      [{ do: "end", why: "refused", text: "host-unknown: words" }],
    ],
    [
      "another stream error",
      [...running, streamError("system-shutdown")],
      {},
      "ended",
      [{ do: "end", why: "lost", text: "system-shutdown: words" }],
    ],
    [
      "closed while running",
      [...running, gone],
      {},
      "ended",
      [{ do: "end", why: "lost", text: "connection closed" }],
    ],
    [
      "not XML",
      [...running, read({ kind: "fault", condition: "not-well-formed", text: "x" })],
      {},
      "ended",
      [{ do: "end", why: "fault", text: "not-well-formed: x" }],
    ],
    [
      "a second header",
      [...running, opened],
      {},
      "ended",
      [{ do: "end", why: "fault", text: "a second stream header" }],
    ],
    [
      "a stanza before the proof",
      [connected, opened, message],
      {},
      "ended",
      [{ do: "end", why: "fault", text: "message before the stream was ready" }],
    ],
    [
      "a barrier is answered",
      [...running, stanza("a", ns.ack, { id: "b1" })],
      {},
      "running",
      [{ do: "barrier-answered", id: "b1" }],
    ],
    ["an unknown element of the module", [...running, stanza("later", ns.ack)], {}, "running", []],
    ["after the end nothing counts", [...running, gone, message], {}, "ended", []],
  ])("%s", (_, inputs, part, at, outputs) => {
    const result = run(inputs, part);
    expect(result.state.at).toBe(at);
    expect(result.outputs).toEqual(outputs);
  });

  test("a stanza", () => {
    expect(run([...running, message]).outputs).toMatchObject([
      { do: "stanza", element: { name: "message" } },
    ]);
  });

  test("a server that sends stanzas instead of an answer is a plain one", () => {
    expect(run([...asking, message]).outputs).toMatchObject([
      plain,
      { do: "stanza", element: { name: "message" } },
    ]);
  });
});
