// Translation both ways: addresses, text, outcomes, and the law that what is called carried comes back unchanged.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MessageEvent } from "#bus-schemas/events/message.ts";
import { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { eventId } from "#bus-schemas/ids.ts";
import { type Reason, reasons } from "#bus-schemas/reason.ts";
import { parseFrame, type RequestOf } from "../wire/request.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { events, messageFields } from "./capabilities.ts";
import { codes, failure } from "./errors.ts";
import { dispositionFrame, messageFrame } from "./from-bus.ts";
import { htmlText } from "./html-text.ts";
import { displayName, messageDraft, reportDraft } from "./to-bus.ts";

const dave = { local: "dave", domain: "web.example", assurance: "verified" as const };

const request = (fields: object = {}): RequestOf<"account-message"> => {
  const parsed = parseFrame(
    JSON.stringify({
      sylkrtc: "account-message",
      transaction: "t",
      account: "dave@web.example",
      uri: "alice@sip.example",
      message_id: "m1",
      content: "hello",
      content_type: "text/plain",
      timestamp: "2026-01-01T00:00:00.000Z",
      ...fields,
    }),
  );
  if (parsed.kind !== "request" || parsed.request.sylkrtc !== "account-message") throw new Error("not read");
  return parsed.request;
};

const event = (fields: object = {}): MessageEvent =>
  MessageEvent.parse({
    id: eventId({ carrier: "sip", source: "a", destination: "b", transportId: "c", body: "d" }),
    type: "message.sent",
    version: 1,
    time: 1_750_000_000_000,
    from: { local: "alice", domain: "sip.example", assurance: "verified", device: "phone" },
    to: { local: "dave", domain: "web.example" },
    origin: { carrier: "sip", messageId: "call-1@host" },
    kind: "chat",
    text: "hello",
    receipts: { delivered: true, displayed: true },
    expires: 1_750_000_100_000,
    hops: 0,
    ...fields,
  });

describe("addresses", () => {
  it.each([
    ["plain", "alice@sip.example", { local: "alice", domain: "sip.example" }],
    ["with a scheme", "sip:alice@SIP.example", { local: "alice", domain: "sip.example" }],
    ["with @ in the local part", "carol@other@gw.example", { local: "carol@other", domain: "gw.example" }],
    ["escaped", "carol\\40sip.other@gw.example", { local: "carol\\40sip.other", domain: "gw.example" }],
    ["a channel", "#lobby@irc.example", { local: "#lobby", domain: "irc.example" }],
    ["of another script", "jörg@bücher.example", { local: "jörg", domain: "xn--bcher-kva.example" }],
  ])("%s", (_name, text, address) => {
    expect(parseAddress(text)).toEqual({ ok: true, value: address });
  });
  it.each(["", "alice", "@sip.example", "alice@", "alice@exa mple", "alice@a..b"])("%j is none", (text) => {
    expect(parseAddress(text).ok).toBe(false);
  });
  it("come back as they went", () => {
    const local = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
      .filter((text) => text === text.trim() && !/^sips?:/i.test(text));
    fc.assert(
      fc.property(local, (text) => {
        const address = { local: text, domain: "web.example" };
        expect(parseAddress(formatAddress(address))).toEqual({ ok: true, value: address });
      }),
    );
  });
});

describe("text/html", () => {
  it.each([
    ["tags go", "<p>Hello <b>World</b></p>", "Hello World"],
    ["breaks stay", "a<br>b<br/>c<div>d</div>", "a\nb\ncd"],
    [
      "references are read",
      "a &lt;b&gt; &amp;amp; &#65;&#x1F600;&nbsp;x &unknown;",
      "a <b> &amp; A😀 x &unknown;",
    ],
    ["scripts go with their content", "a<script>alert('<b>')</script>b<style>x{}</style>", "ab"],
    ["an open end goes", "a<b", "a"],
    ["an unclosed script swallows the rest", "a<script>b", "a"],
    ["no markup comes of references", "&lt;script&gt;", "<script>"],
  ])("%s", (_name, html, text) => {
    expect(htmlText(html)).toBe(text);
  });
  it("never throws and is never slow", () => {
    fc.assert(fc.property(fc.string(), (html) => void htmlText(html)));
    const began = performance.now();
    htmlText("<".repeat(60_000));
    htmlText("<script>".repeat(8000));
    htmlText("&#".repeat(30_000));
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe("a display name", () => {
  it.each([
    ["plain", "Dave", "Dave"],
    ["of several lines", " Da\nve\u0000 \t x ", "Da ve x"],
    ["of nothing", " \u0001 ", undefined],
    ["none", undefined, undefined],
  ])("%s", (_name, text, shown) => {
    expect(displayName(text)).toBe(shown);
  });
});

describe("a message to the bus", () => {
  it.each<[string, object, object]>([
    [
      "plain",
      {},
      {
        text: "hello",
        action: false,
        kind: "chat",
        messageId: "m1",
        to: { local: "alice", domain: "sip.example" },
      },
    ],
    ["an action", { content: "/me waves" }, { text: "waves", action: true }],
    ["html", { content: "<b>x</b>", content_type: "text/html; charset=utf-8" }, { text: "x" }],
    ["line ends and controls", { content: "a\r\nb\rc\u0000\u001b[1m\td" }, { text: "a\nb\nc[1m\td" }],
    ["a lone surrogate", { content: "a\ud800b" }, { text: "a\ufffdb" }],
    [
      "receipts as asked",
      { receipts: ["handed"] },
      { receipts: { handed: true, delivered: false, displayed: false } },
    ],
    ["receipts by default", {}, { receipts: { handed: false, delivered: true, displayed: true } }],
    ["the client's time", {}, { written: Date.UTC(2026, 0, 1) }],
    [
      "subject, thread, language, correction",
      { subject: "s", thread: "t", language: "de", correction_of: "m0" },
      { subject: "s", thread: "t", language: "de", correctionOf: "m0" },
    ],
  ])("%s", (_name, fields, draft) => {
    expect(messageDraft(request(fields), dave)).toMatchObject({ ok: true, draft });
  });
  it.each<[string, object, Reason]>([
    ["another content type", { content_type: "application/octet-stream" }, "not-supported"],
    ["nothing to say", { content: "" }, "not-supported"],
    ["only controls", { content: "\u0000\u0001" }, "not-supported"],
    ["too much", { content: "x".repeat(65_537) }, "too-large"],
    ["no such domain", { uri: "a@b_c" }, "unknown-user"],
  ])("%s is refused", (_name, fields, reason) => {
    expect(messageDraft(request(fields), dave)).toMatchObject({ ok: false, reason });
  });
  it("is a draft without a time where the client's makes no sense", () => {
    const drawn = messageDraft(request({ timestamp: "yesterday" }), dave);
    expect(drawn.ok && "written" in drawn.draft).toBe(false);
  });
});

describe("the README", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8").replace(/ +/g, " ");
  it.each(Object.entries({ ...events, ...messageFields }))("says how %s fares", (name, fate) => {
    const words = fate.is === "carried" ? "" : fate.is === "reduced" ? fate.how : fate.why;
    expect(readme).toContain(`| ${name} | ${fate.is} | ${words}`.trimEnd());
  });
  it.each(Object.entries(codes))("says the code of %s", (reason, code) => {
    expect(readme).toContain(`| ${reason} | ${code} |`);
  });
});

describe("what is called carried", () => {
  it("comes back unchanged", () => {
    const text = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((one) => /^[^\u0000-\u001f\u007f]+$/.test(one) && !one.startsWith("/me "));
    const fields = fc.record({
      text,
      action: fc.boolean(),
      subject: text,
      thread: text,
      language: fc.constant("pt-BR"),
      correctionOf: text,
    });
    fc.assert(
      fc.property(fields, (given) => {
        const sent = event(given);
        const frame = messageFrame(sent);
        const back = messageDraft(
          request({
            content: frame.content,
            subject: frame.subject,
            thread: frame.thread,
            language: frame.language,
            correction_of: frame.correction_of,
          }),
          sent.from,
        );
        for (const [field, fate] of Object.entries(messageFields)) {
          if (fate.is !== "carried") continue;
          expect(back.ok && back.draft).toMatchObject({ [field]: sent[field as keyof MessageEvent] });
        }
      }),
    );
  });
});

describe("a report to the bus", () => {
  const messageId = messageFrame(event()).message_id;
  const drawn = (state: string, id = messageId) =>
    reportDraft(
      {
        sylkrtc: "account-disposition-notification",
        transaction: "t",
        account: "dave@web.example",
        uri: "alice@sip.example",
        message_id: id,
        state,
        timestamp: undefined,
      } as RequestOf<"account-disposition-notification">,
      dave,
    );
  it.each([
    [
      "displayed",
      {
        outcome: "displayed",
        message: event().id,
        messageId: "call-1@host",
        origin: "sip",
        to: { local: "alice", domain: "sip.example" },
      },
    ],
    ["failed", { outcome: "bounced", reason: "not-supported" }],
    ["error", { outcome: "bounced", reason: "not-supported" }],
    ["forbidden", { outcome: "bounced", reason: "forbidden" }],
  ])("%s", (state, draft) => {
    expect(drawn(state)).toMatchObject({ ok: true, draft });
  });
  it("says nothing of its own for delivered", () => {
    expect(drawn("delivered")).toEqual({ ok: true, draft: undefined });
  });
  it("refuses an id that is not ours", () => {
    expect(drawn("displayed", "something-else")).toMatchObject({ ok: false });
  });
});

describe("an outcome for the browser", () => {
  const outcome = (fields: object): OutcomeEvent =>
    OutcomeEvent.parse({
      id: "e:x",
      type: "message.outcome",
      version: 1,
      time: 1,
      message: "e",
      messageId: "m1",
      to: { local: "dave", domain: "web.example" },
      from: { local: "alice", domain: "sip.example" },
      origin: "web",
      expires: 2,
      ...fields,
    });
  it.each<[string, object, object]>([
    ["handed", { outcome: "handed" }, { state: "processed", code: 200 }],
    ["delivered", { outcome: "delivered" }, { state: "delivered", code: 200 }],
    ["displayed", { outcome: "displayed" }, { state: "displayed", code: 200 }],
    [
      "refused",
      { outcome: "refused", reason: "unknown-user", text: "never heard" },
      { state: "failed", code: 404, reason: "no such user: never heard", cause: "unknown-user" },
    ],
    ["expired", { outcome: "expired" }, { state: "failed", code: 408, cause: "expired" }],
    ["uncertain", { outcome: "uncertain" }, { state: "failed", code: 504, reason: "may not have arrived" }],
    ["bounced", { outcome: "bounced", reason: "unreachable" }, { state: "failed", code: 480 }],
    [
      "blocked is not told",
      { outcome: "refused", reason: "blocked", text: "blocked by alice" },
      { state: "failed", code: 403, reason: "not allowed", cause: "forbidden" },
    ],
    ["no reason given", { outcome: "refused" }, { state: "failed", code: 500, cause: "internal" }],
  ])("%s", (_name, fields, frame) => {
    expect(dispositionFrame(outcome(fields))).toMatchObject(frame);
  });
  it("is nothing without the sender's own id", () => {
    expect(dispositionFrame(outcome({ outcome: "handed", messageId: undefined }))).toBeUndefined();
  });
  it.each(reasons)("%s has a code and words", (reason) => {
    expect(codes[reason]).toBeGreaterThanOrEqual(400);
    expect(failure(reason).reason).not.toBe("");
  });
});
