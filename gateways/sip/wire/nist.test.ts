// The 400 parser cases of NIST (jsip), as far as RFC 3261 and RFC 4475 agree with them; where not, the row says why.
import { SaxesParser } from "saxes";
import { describe, expect, test } from "vitest";
import { checkRequest, checkResponse } from "./check.ts";
import { parseMediaType } from "./media-type.ts";
import { parseNameAddr } from "./name-addr.ts";
import { parseDatagram, parseHead } from "./parse.ts";
import { parseUri } from "./uri.ts";
import { haveVectors, vector } from "./vectors.ts";

interface Case {
  kind: string;
  text: string;
  description: string;
  expectsError: boolean;
}

function readCases(): Case[] {
  const cases: Case[] = [];
  const parser = new SaxesParser();
  let text = "";
  parser.on("opentag", (tag) => {
    text = "";
    if (tag.name === "testcase") cases.push({ kind: "", text: "", description: "", expectsError: false });
    const last = cases.at(-1);
    if (last && tag.name === "expect-exception-callback") last.expectsError = true;
  });
  const gather = (more: string): void => {
    text += more;
  };
  parser.on("text", gather);
  parser.on("cdata", gather);
  parser.on("closetag", (tag) => {
    const last = cases.at(-1);
    if (!last) return;
    if (tag.name === "description") last.description = text.trim();
    if (["message", "sip-header", "sip-url"].includes(tag.name))
      Object.assign(last, { kind: tag.name, text });
  });
  parser.write(vector("sip-torture-nist/torture.xml").toString("latin1")).close();
  return cases;
}

/** True if the wire takes it. LF becomes CRLF, as the cases were typed into XML; a length that this breaks is left out. */
function taken({ text, expectsError }: Case): boolean {
  let message = text.replace(/^[\s]*\n/, "").replace(/\r?\n/g, "\r\n");
  if (!expectsError) message = message.replace(/\r\nContent-Length *:.*|\r\nl *: *\d+/gi, "");
  const parsed = parseDatagram(Buffer.from(`${message}\r\n\r\n`, "latin1"));
  if (parsed.kind !== "message") return false;
  return (
    (parsed.message.kind === "request" ? checkRequest(parsed.message) : checkResponse(parsed.message)) ===
    undefined
  );
}

// Where the collection is older than RFC 3261 and RFC 4475, or spoilt by its XML.
const departures: Readonly<Record<number, string>> = {
  6: "unknown scheme: read, and answered 416 by the endpoint (RFC 4475 §3.3.2)",
  13: "white space inside <>: 400 (RFC 4475 §3.1.2.14)",
  14: "white space inside <>: 400 (RFC 4475 §3.1.2.14)",
  23: "unknown method: read, and answered 501 by the endpoint (RFC 4475 §3.1.1.2)",
  24: "response without From, To and Call-ID: dropped (RFC 3261 §8.2.6.2)",
  358: "two messages without the empty line between them: fields repeated, 400 (RFC 4475 §3.3.8)",
  363: "a <hex> of the collection's own stands in the status line",
  375: "Date in another zone: not read, so not refused (RFC 4475 §3.1.2.12)",
  383: "branch that is the cookie only: 400 (RFC 4475 §3.2.1)",
  391: "repeated From, To, Call-ID: 400 (RFC 4475 §3.3.8)",
};

const cases = haveVectors ? readCases().map((each, n) => ({ ...each, n })) : [];

describe.skipIf(!haveVectors)("NIST", () => {
  test("all cases are here", () => {
    expect(cases).toHaveLength(400);
    expect(cases.filter((each) => each.kind === "message")).toHaveLength(374);
  });
  test("messages: what is expected to fail fails, what not is read, but for the departures", () => {
    const wrong = cases.filter((each) => each.kind === "message" && taken(each) === each.expectsError);
    expect(wrong.map((each) => each.n)).toEqual(Object.keys(departures).map(Number));
  });
  test("single fields and URIs are all read", () => {
    const unread = cases.filter((each) => each.kind !== "message" && !readAlone(each));
    expect(unread.map((each) => each.text)).toEqual([]);
  });
});

function readAlone({ kind, text }: Case): boolean {
  if (kind === "sip-url") return parseUri(text.trim()).ok;
  const parsed = parseHead(`OPTIONS sip:a@b SIP/2.0\r\n${text.trim().replace(/\r?\n/g, "\r\n")}`);
  if (parsed.kind !== "message") return false;
  const { message } = parsed;
  const named = [...message.list("contact"), ...message.list("from"), ...message.list("to")];
  const type = message.first("content-type");
  return (
    named.every((each) => parseNameAddr(each).ok) &&
    (type === undefined || parseMediaType(type) !== undefined)
  );
}
