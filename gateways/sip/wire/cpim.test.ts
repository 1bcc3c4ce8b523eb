// message/cpim and message/imdn+xml: examples of RFC 3862 and RFC 5438, hostile ones, and both ways.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpimHeader, cpimUri, imdnNamespace, parseCpim, printCpim } from "./cpim.ts";
import { parseImdn, printImdn } from "./imdn.ts";
import { haveVectors, vector } from "./vectors.ts";

const body = (...lines: string[]): Buffer => Buffer.from(lines.join("\r\n"), "utf8");

describe("CPIM", () => {
  const example = body(
    "From: MR SANDERS <im:piglet@100akerwood.com>",
    "To: Depressed Donkey <im:eeyore@100akerwood.com>",
    "DateTime: 2000-12-13T13:40:00-08:00",
    "Subject: the weather will be fine today",
    "Subject:;lang=fr beau temps prevu pour aujourd'hui",
    "NS: MyFeatures <mid:MessageFeatures@id.foo.com>",
    "Require: MyFeatures.VitalMessageOption",
    "MyFeatures.VitalMessageOption: Confirmation-requested",
    "MyFeatures.WackyMessageOption: Use-silly-font",
    "",
    "Content-type: text/xml; charset=utf-8",
    "Content-ID: <1234567890@foo.com>",
    "",
    "<body>Here is the text of my message.</body>",
  );
  test("RFC 3862 §3.2: headers, namespaces, content", () => {
    const cpim = parseCpim(example);
    if (!cpim.ok) throw new Error(cpim.error);
    expect(cpimUri(cpimHeader(cpim.value, "From") ?? "")).toEqual({
      display: "MR SANDERS",
      uri: "im:piglet@100akerwood.com",
    });
    expect(cpimHeader(cpim.value, "subject")).toBe("the weather will be fine today");
    expect(cpimHeader(cpim.value, "vitalmessageoption", "mid:MessageFeatures@id.foo.com")).toBe(
      "Confirmation-requested",
    );
    expect(cpim.value.mime.get("content-type")).toBe("text/xml; charset=utf-8");
    expect(Buffer.from(cpim.value.content).toString()).toBe("<body>Here is the text of my message.</body>");
  });
  test("escapes (RFC 3862 §2.3.1)", () => {
    const cpim = parseCpim(body("Subject: a\\u00e9\\n\\\\b", "", "", "x"));
    expect(cpim.ok && cpimHeader(cpim.value, "subject")).toBe("a\u00e9\n\\b");
  });
  test("a Unicode line separator is a character like any other", () => {
    const cpim = parseCpim(body("Subject: a\u2028b", "", "", "x"));
    expect(cpim.ok && cpimHeader(cpim.value, "subject")).toBe("a\u2028b");
  });
  test.each([
    ["nothing", [], undefined],
    ["what everybody knows", ["Require: DateTime, Subject"], undefined],
    ["what IMDN knows", ["NS: i <urn:ietf:params:imdn>", "Require: i.Disposition-Notification"], undefined],
    ["a namespace that is not known", ["NS: x <urn:x>", "Require: Subject, x.Secret"], "x.Secret"],
    ["a prefix that is not declared", ["Require: y.Secret"], "y.Secret"],
    ["a name that is not known", ["Require: Colour"], "Colour"],
    ["a name of every object", ["Require: constructor"], "constructor"],
  ])("Require: %s (RFC 3862 §4.6)", (_, lines, unmet) => {
    const cpim = parseCpim(body(...lines, "From: <sip:a@b>", "", "", "x"));
    expect(cpim.ok && cpim.value.unmet).toBe(unmet);
  });
  test("several recipients, and headers that nobody knows, are kept in their order", () => {
    const cpim = parseCpim(
      body("To: <sip:a@b>", "cc: <sip:c@d>", "X-Odd;p=1: v", "To: <sip:e@f>", "", "", "x"),
    );
    expect(cpim.ok && cpim.value.headers.map(({ name, params, value }) => [name, params, value])).toEqual([
      ["to", "", "<sip:a@b>"],
      ["cc", "", "<sip:c@d>"],
      ["x-odd", ";p=1", "v"],
      ["to", "", "<sip:e@f>"],
    ]);
  });
  test.each([
    ["no empty line", body("From: <sip:a@b>")],
    ["no MIME headers", body("From: <sip:a@b>", "", "Content-Type: text/plain")],
    ["a header without a colon", body("From <sip:a@b>", "", "", "x")],
    ["a head without end", Buffer.from("a: b\r\n".repeat(10_000))],
    ["nothing", Buffer.alloc(0)],
  ])("malformed: %s", (_, bytes) => {
    expect(parseCpim(bytes).ok).toBe(false);
  });
  test("what is printed is read, whatever the content", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.uint8Array(), (subject, content) => {
        const printed = printCpim(
          [
            ["Subject", subject.trim().toWellFormed()],
            ["NS", `imdn <${imdnNamespace}>`],
            ["imdn.Message-ID", "1"],
          ],
          [["Content-Type", "text/plain"]],
          content,
        );
        const read = parseCpim(printed);
        if (!read.ok) throw new Error(read.error);
        expect(cpimHeader(read.value, "subject")?.trim()).toBe(subject.trim().toWellFormed());
        expect(cpimHeader(read.value, "message-id", imdnNamespace)).toBe("1");
        expect(Buffer.from(read.value.content).equals(Buffer.from(content))).toBe(true);
      }),
    );
  });
  test("any bytes: nothing throws", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => void parseCpim(bytes)));
  });
});

describe("IMDN", () => {
  test.skipIf(!haveVectors).each([1, 2, 3, 4, 5])("the notification printed in RFC 5438, number %i", (n) => {
    const read = parseImdn(vector(`xml-samples/rfc5438-imdn-0${n}.xml`));
    expect(read.ok).toBe(true);
  });
  test("what is printed is read", () => {
    const printed = printImdn({
      messageId: 'a<b>&"c',
      kind: "display",
      status: "displayed",
      dateTime: "2026-01-01T00:00:00Z",
      recipient: "sip:a@b",
    });
    expect(parseImdn(printed)).toEqual({
      ok: true,
      value: { messageId: 'a<b>&"c', kind: "display", status: "displayed" },
    });
  });
  test.each([
    [
      "a DOCTYPE",
      '<!DOCTYPE imdn [<!ENTITY a "b">]><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>1</message-id><delivery-notification><status><delivered/></status></delivery-notification></imdn>',
    ],
    ["not well formed", "<imdn><message-id>1</imdn>"],
    ["no status", "<imdn><message-id>1</message-id></imdn>"],
    ["no id", "<imdn><delivery-notification><status><delivered/></status></delivery-notification></imdn>"],
    ["not XML", "hello"],
    ["nothing", ""],
    ["too large", `<imdn>${" ".repeat(20_000)}</imdn>`],
  ])("refused: %s", (_, text) => {
    expect(parseImdn(Buffer.from(text)).ok).toBe(false);
  });
  test("any bytes: nothing throws", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseImdn(bytes)));
  });
});
