// The framer against RFC 4975's own shapes, then against bytes cut anywhere.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FrameSink, MsrpFramer } from "./frame.ts";
import type { Flag, Head } from "./head.ts";
import { msrpLimits } from "./limits.ts";
import { binary, printChunkFields, printEnd, printRequest, printResponse } from "./print.ts";

interface Seen {
  readonly head: Head;
  body: string;
  flag?: Flag;
}

function feed(pieces: readonly Buffer[]): { seen: Seen[]; fault: string | undefined; framer: MsrpFramer } {
  const seen: Seen[] = [];
  const sink: FrameSink = {
    head: (head) => seen.push({ head, body: "" }),
    data: (bytes) => {
      const last = seen.at(-1);
      if (last === undefined || last.flag !== undefined) throw new Error("data outside of a message");
      last.body += bytes.toString("latin1");
    },
    end: (flag) => {
      const last = seen.at(-1);
      if (last === undefined || last.flag !== undefined) throw new Error("end outside of a message");
      last.flag = flag;
    },
  };
  const framer = new MsrpFramer(sink);
  let fault: string | undefined;
  for (const piece of pieces) {
    fault = framer.push(piece);
    if (fault !== undefined) break;
  }
  return { seen, fault, framer };
}

const one = (text: string): ReturnType<typeof feed> => feed([Buffer.from(text, "latin1")]);
const paths = "To-Path: msrp://b.example:8888/9di4ea;tcp\r\nFrom-Path: msrp://a.example:7777/iau39;tcp\r\n";

describe("what is read", () => {
  test.each([
    [
      "a SEND with a body",
      `MSRP d93kswow SEND\r\n${paths}Message-ID: 12339sdqwer\r\nByte-Range: 1-16/16\r\nContent-Type: text/plain\r\n\r\nHi, I'm Alice!\r\n\r\n-------d93kswow$\r\n`,
      { method: "SEND", contentType: "text/plain" },
      "Hi, I'm Alice!\r\n",
      "$",
    ],
    [
      "a response",
      `MSRP d93kswow 200 OK\r\n${paths}-------d93kswow$\r\n`,
      { status: 200, comment: "OK" },
      "",
      "$",
    ],
    [
      "a response without a comment",
      `MSRP d93kswow 481\r\n${paths}-------d93kswow$\r\n`,
      { status: 481, comment: undefined },
      "",
      "$",
    ],
    [
      "a SEND without a body",
      `MSRP dkei38sd SEND\r\n${paths}Message-ID: 456s9wlk3\r\n-------dkei38sd$\r\n`,
      { contentType: undefined, fault: undefined },
      "",
      "$",
    ],
    [
      "an empty body",
      `MSRP dkei38sd SEND\r\n${paths}Message-ID: 456s\r\nContent-Type: text/plain\r\n\r\n\r\n-------dkei38sd$\r\n`,
      { contentType: "text/plain" },
      "",
      "$",
    ],
    [
      "an empty body that lacks its CRLF",
      `MSRP dkei38sd SEND\r\n${paths}Message-ID: 456s\r\nContent-Type: text/plain\r\n\r\n-------dkei38sd$\r\n`,
      { contentType: "text/plain" },
      "",
      "$",
    ],
    [
      "a chunk given up",
      `MSRP dkei38sd SEND\r\n${paths}Message-ID: 4564\r\nByte-Range: 1-*/9\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------dkei38sd#\r\n`,
      {},
      "abc",
      "#",
    ],
    [
      "a body with the end-line of another",
      `MSRP dkei38sd SEND\r\n${paths}Message-ID: 4564\r\nContent-Type: text/plain\r\n\r\na\r\n-------dkei38sdX$\r\n\r\n-------dkei38s$\r\nb\r\n-------dkei38sd+\r\n`,
      {},
      "a\r\n-------dkei38sdX$\r\n\r\n-------dkei38s$\r\nb",
      "+",
    ],
    [
      "a body without its type",
      `MSRP dkei38sd SEND\r\n${paths}Message-ID: 4564\r\n\r\nabc\r\n-------dkei38sd$\r\n`,
      { fault: "Body without Content-Type" },
      "abc",
      "$",
    ],
    [
      "a malformed field",
      `MSRP dkei38sd SEND\r\n${paths}Message-ID 4564\r\n-------dkei38sd$\r\n`,
      { fault: "Malformed header field" },
      "",
      "$",
    ],
    [
      "a second To-Path",
      `MSRP dkei38sd SEND\r\n${paths}${paths}-------dkei38sd$\r\n`,
      { fault: "Second path" },
      "",
      "$",
    ],
  ])("%s", (_name, text, head, body, flag) => {
    const { seen, fault, framer } = one(text);
    expect(fault).toBeUndefined();
    expect(framer.unfinished).toBe(false);
    expect(seen).toEqual([{ head: expect.objectContaining(head), body, flag }]);
  });

  test.each([
    ["another protocol", "GET / HTTP/1.1\r\n\r\n", "malformed first line"],
    ["bare LF", `MSRP dkei38sd SEND\n`, "line without CRLF"],
    ["a transaction id that is too short", "MSRP dk SEND\r\n", "malformed first line"],
    ["no paths", "MSRP dkei38sd SEND\r\n-------dkei38sd$\r\n", "no To-Path or From-Path"],
    [
      "an end-line of another",
      `MSRP dkei38sd SEND\r\n${paths}-------dkei38sx$\r\n`,
      "malformed header field",
    ],
    ["a response with a body", `MSRP dkei38sd 200\r\n${paths}\r\n`, "response with a body"],
    ["a line without end", "M".repeat(msrpLimits.lineBytes + 2), "line too long"],
    [
      "a line that ends too late",
      `MSRP dkei38sd SEND\r\nA: ${"x".repeat(msrpLimits.lineBytes)}\r\n`,
      "line too long",
    ],
    ["a long head", `MSRP dkei38sd SEND\r\n${`A: ${"x".repeat(8000)}\r\n`.repeat(3)}`, "head too long"],
    ["many fields", `MSRP dkei38sd SEND\r\n${"A: x\r\n".repeat(65)}`, "too many header fields"],
  ])("the frame is lost by %s", (_name, text, fault) => {
    expect(one(text).fault).toBe(fault);
  });
});

const ident = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.+%=-]{3,15}$/);
const uri = ident.map((id) => `msrp://127.0.0.1:2855/${id};tcp`);
const awkward = fc.constantFrom("\r", "\n", "\r\n", "-", "-------", "\r\n-------", "$", "+", "#", "x");
const message = fc.record({
  tid: ident,
  to: uri,
  from: uri,
  id: ident,
  flag: fc.constantFrom<Flag>("$", "+", "#"),
  parts: fc.option(
    fc.array(fc.oneof(awkward, fc.constant("TID"), fc.string({ maxLength: 20 })), { maxLength: 20 }),
    {
      nil: undefined,
    },
  ),
});

describe("laws", () => {
  test("what is printed is read as it was, however it is cut", () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (all, cuts) => {
          let text = "";
          const wanted: object[] = [];
          for (const { tid, to, from, id, flag, parts } of all) {
            // The sender's duty (RFC 4975 §7.1): no end-line of its own in the body, nor one that the body and the real one make.
            const body = parts?.map((part) => (part === "TID" ? tid : binary(part))).join("");
            const whole = `\r\n${body}\r\n-------${tid}${flag}\r\n`;
            const found = whole.search(new RegExp(`\r\n-------${tid.replace(/[.+]/g, "\\$&")}[$+#]\r\n`));
            fc.pre(body === undefined || found === body.length + 2);
            const range = { start: 1, end: undefined, total: undefined };
            const contentType = body === undefined ? undefined : "text/plain";
            text += printRequest(tid, "SEND", to, from);
            text += printChunkFields({
              messageId: id,
              range,
              successReport: true,
              failureReport: "no",
              contentType,
            });
            text += (body === undefined ? "" : `${body}\r\n`) + printEnd(tid, flag);
            wanted.push({
              head: expect.objectContaining({
                tid,
                toPath: to,
                fromPath: from,
                contentType,
                fault: undefined,
              }),
              body: body ?? "",
              flag,
            });
            text += printResponse(tid, 200, "fine", to, from);
            wanted.push({
              head: expect.objectContaining({ kind: "response", tid, status: 200 }),
              body: "",
              flag: "$",
            });
          }
          const bytes = Buffer.from(text, "latin1");
          const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
          const cut = feed(at.slice(1).map((end, index) => bytes.subarray(at[index], end)));
          expect(cut.fault).toBeUndefined();
          expect(cut.seen).toEqual(wanted);
          expect(cut.framer.unfinished).toBe(false);
          expect(feed(Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))).seen).toEqual(
            wanted,
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test("nothing that comes makes it throw, and it holds no more than a line", () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom(
          ...[
            "MSRP dkei38sd SEND\r\n",
            paths,
            "\r\n",
            "-------dkei38sd$\r\n",
            "A: b\r\n",
            "Content-Type: x/y\r\n\r\n",
          ],
        )
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 30 }), (pieces) => {
        feed(pieces);
      }),
      { numRuns: 2000 },
    );
  });
});
