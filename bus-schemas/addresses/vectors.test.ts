// Addresses in published messages: every URI of the RFCs' SIP examples and torture tests, every JID of the XEPs' examples.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { toAsciiDomain } from "./domain.ts";
import { fromJid, parseJid, printJid, toJid } from "./jid.ts";
import { fromSipUri, type SipUriParts, toSipUri } from "./sip-address.ts";

const folder = process.env.PARLEY_VECTORS ?? join(import.meta.dirname, "../../../shared/vectors");
const have = existsSync(folder);
if (!have) console.warn(`SKIPPED: the published vectors are not at ${folder}; set PARLEY_VECTORS`);
const read = (...path: string[]): string => (have ? readFileSync(join(folder, ...path), "utf8") : "");
const lines = (text: string): string[] => text.split("\n").filter(Boolean);

function parts(uri: string): SipUriParts {
  const [, scheme, rest = ""] = /^(\w+):(.*)$/s.exec(uri) ?? [];
  const at = rest.lastIndexOf("@");
  const [host = "", ...params] = rest.slice(at + 1).split(/[;?]/);
  return {
    scheme,
    user: at < 0 ? undefined : rest.slice(0, at),
    host: host.replace(/:\d*$/, ""),
    params: params.map((param): [string, string | undefined] => [
      param.split("=")[0] ?? "",
      param.split("=")[1],
    ]),
  };
}

describe.runIf(have)("published SIP messages", () => {
  const messages = lines(read("sip-examples", "rfc-sip-messages.jsonl"));
  const torture = (have ? readdirSync(join(folder, "sip-torture-rfc4475")) : []).filter((name) =>
    name.endsWith(".dat"),
  );
  const texts = [
    ...messages.map((line): string => JSON.parse(line).raw),
    ...torture.map((name) => readFileSync(join(folder, "sip-torture-rfc4475", name), "latin1")),
  ];
  const uris = [...new Set(texts.flatMap((text) => text.match(/\bsip:[^\s<>"]+/g) ?? []))];

  test("every user's URI becomes an address, and that a URI of the same address", () => {
    let addresses = 0;
    for (const uri of uris) {
      const address = fromSipUri(parts(uri));
      if (!address.ok) continue;
      addresses++;
      const written = toSipUri(address.value);
      if (!written.ok) throw new Error(`${uri}: ${written.error}`);
      const { user, host, gr } = written.value;
      expect(fromSipUri({ user, host, params: [["gr", gr]] })).toEqual(address);
      const jid = toJid(address.value);
      // Temporary and user-part GRUUs hold signs that no JID can hold; whoever has a JID comes back by it.
      if (jid.ok) expect(fromJid(jid.value).ok).toBe(true);
    }
    expect(addresses).toBeGreaterThan(150);
  });

  test.each([
    ["esc01", "sip:sips%3Auser%40example.com@example.net", "sips:user@example.com"],
    ["semiuri", "sip:user;par=u%40example.net@example.com", "user;par=u@example.net"],
    ["escnull", "sip:null-%00-null@example.com", "null-\u0000-null"],
    [
      "intmeth",
      "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
      "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
    ],
  ])("RFC 4475 %s", (_name, uri, local) => {
    expect(fromSipUri(parts(uri))).toMatchObject({ ok: true, value: { local } });
  });
});

describe.runIf(have)("published stanzas", () => {
  test("every JID that people use in the XEPs' examples is read, and spelt as it was, case aside", () => {
    const stanzas = lines(read("xmpp", "xep-examples.jsonl")).map((line): string => JSON.parse(line).xml);
    const jids = new Set(
      stanzas.flatMap((xml) =>
        [...xml.matchAll(/\s(?:to|from|jid)=['"]([^'"]+@[^'"]+)['"]/g)].map((m) => m[1] ?? ""),
      ),
    );
    const plain = [...jids].filter((jid) => !/[&<>{}]|\.\.\./.test(jid));
    for (const text of plain) {
      const jid = parseJid(text);
      if (!jid.ok) throw new Error(`${text}: ${jid.error}`);
      expect(printJid(jid.value).toLowerCase()).toBe(text.toLowerCase());
      const address = fromJid(text);
      expect(address.ok && toJid(address.value)).toEqual({ ok: true, value: printJid(jid.value) });
    }
    expect(plain.length).toBeGreaterThan(150);
  });
});

describe.runIf(have)("published host names", () => {
  const cases: { host: string; valid: boolean }[] = have
    ? parse(read("irc", "parser-tests", "validate-hostname.yaml")).tests
    : [];
  test.each(cases)("$host: $valid", ({ host, valid }) => {
    // A server on IRC must have a dot in its name; an address need not (`localhost`).
    expect(toAsciiDomain(host).ok).toBe(valid || /^[a-z]+$/.test(host));
  });
});
