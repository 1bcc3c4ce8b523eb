// JIDs: XEP-0106 examples, the limits of RFC 7622, and laws over all of Unicode.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { escapeLocal, foldLocal, fromJid, parseJid, printJid, toJid, unescapeLocal } from "./jid.ts";

const value = <T>(result: { ok: true; value: T } | { ok: false; error: string }): T | string =>
  result.ok ? result.value : result.error;

describe("escaping (XEP-0106 §5)", () => {
  test.each([
    ["space cadet", "space\\20cadet"],
    ['call me "ishmael"', "call\\20me\\20\\22ishmael\\22"],
    ["at&t guy", "at\\26t\\20guy"],
    ["d'artagnan", "d\\27artagnan"],
    ["/.fanboy", "\\2f.fanboy"],
    ["::foo::", "\\3a\\3afoo\\3a\\3a"],
    ["<foo>", "\\3cfoo\\3e"],
    ["user@host", "user\\40host"],
    ["c:\\net", "c\\3a\\net"],
    ["c:\\\\net", "c\\3a\\\\net"],
    ["c:\\cool stuff", "c\\3a\\cool\\20stuff"],
    ["c:\\5commas", "c\\3a\\5c5commas"],
    ["a\\40b", "a\\5c40b"],
    ["a\\5c40b", "a\\5c5c40b"],
    ["a\\@b", "a\\\\40b"],
    ["plain", "plain"],
  ])("%s <-> %s", (text, escaped) => {
    expect(value(escapeLocal(text))).toBe(escaped);
    expect(value(unescapeLocal(escaped))).toBe(text);
  });

  test("upper-case hex is read", () => {
    expect(value(unescapeLocal("a\\3Ab\\2Fc"))).toBe("a:b/c");
  });

  test.each([" a", "a ", " "])("a space at an end has no escape: %j", (text) => {
    expect(escapeLocal(text).ok).toBe(false);
  });

  test.each([
    ["a space first", "\\20a"],
    ["a space last", "a\\20"],
    ["a backslash that needs no escape", "a\\5cb"],
  ])("an escaping that nobody writes is refused, lest two accounts look like one: %s", (_name, text) => {
    expect(unescapeLocal(text).ok).toBe(false);
  });
});

describe("parseJid", () => {
  test.each([
    ["a bare JID", "bob@xmpp.example", { local: "bob", domain: "xmpp.example" }],
    ["a full JID", "bob@xmpp.example/desk", { local: "bob", domain: "xmpp.example", resource: "desk" }],
    ["the first / counts", "bob@h/a/b@c", { local: "bob", domain: "h", resource: "a/b@c" }],
    ["a domain", "xmpp.example", { domain: "xmpp.example" }],
    ["a domain with resource", "h/x@y", { domain: "h", resource: "x@y" }],
    [
      "case and width",
      "ＢＯＢ@XMPP.Example/Desk",
      { local: "bob", domain: "xmpp.example", resource: "Desk" },
    ],
    ["a U-label", "bob@Müller.example", { local: "bob", domain: "xn--mller-kva.example" }],
    ["IPv6", "bob@[2001:DB8:0::1]", { local: "bob", domain: "[2001:db8::1]" }],
    [
      "spaces of other scripts in the resource",
      "bob@h/a\u3000b",
      { local: "bob", domain: "h", resource: "a b" },
    ],
    ["a root dot", "bob@h.", { local: "bob", domain: "h" }],
  ])("%s", (_name, text, jid) => {
    expect(value(parseJid(text))).toEqual({ local: undefined, resource: undefined, ...jid });
  });

  test.each([
    ["an empty local part", "@h"],
    ["an empty resource", "bob@h/"],
    ["no domain", "bob@"],
    ["nothing", ""],
    ["two @", "a@b@c"],
    ["a quote", 'a"b@h'],
    ["a space", "a b@h"],
    ["a control", "a\u0007b@h"],
    ["a look-alike of @", "a＠b@h"],
    ["a look-alike of a backslash", "a＼40b@h"],
    ["a lone surrogate", "a\ud800@h"],
    ["a bidi sign", "a\u202eb@h"],
    ["a control in the resource", "a@h/\u0000"],
    ["a long local part", `${"a".repeat(1024)}@h`],
    ["a long resource", `a@h/${"é".repeat(512)}`],
  ])("refused: %s", (_name, text) => {
    expect(parseJid(text).ok).toBe(false);
  });

  test("the limits themselves are allowed", () => {
    expect(parseJid(`${"a".repeat(1023)}@h/${"b".repeat(1023)}`).ok).toBe(true);
  });
});

describe("addresses", () => {
  test.each(["אב", "א1ב", "א-ב", "محمد", "日本", "ольга", "❤"])("a JID may hold %s", (local) => {
    expect(toJid({ local, domain: "h" })).toEqual({ ok: true, value: `${local}@h` });
  });

  test("a JID without a local part is nobody's address", () => {
    expect(fromJid("gw.example")).toEqual({ ok: false, error: "the JID names a server and nobody there" });
  });

  test.each([
    ["a control character", "null-\u0000-null"],
    ["a space at the end", "a "],
    ["a look-alike of @, which must not become an escaped one", "a＠b"],
    ["a look-alike of the backslash", "a＼40b"],
    ["too long once escaped", "@".repeat(400)],
    ["sharp s, which servers spell in two ways", "groß"],
    ["final sigma", "ΟΔΟΣ"],
    ["a variation selector", "❤\ufe0f"],
    ["letters of both directions", "aא"],
    ["a digit at the end of a text from right to left", "א1"],
    ["a point at its end", "א\u05b0"],
    ["an escaped address with a name from right to left", "אב@sip.example"],
  ])("no JID can hold %s", (_name, local) => {
    expect(toJid({ local, domain: "h" }).ok).toBe(false);
  });

  const text = fc.string({ minLength: 1, maxLength: 60, unit: "binary" });
  const nasty = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(..."\\2045cfe @a:/A") });

  test("whatever can be a JID reads back as the same person, folded", () => {
    fc.assert(
      fc.property(fc.oneof(text, nasty), fc.option(text, { nil: undefined }), (local, device) => {
        const jid = toJid({ local, domain: "h.example", device });
        if (!jid.ok) return;
        const back = fromJid(jid.value);
        expect(back).toMatchObject({
          ok: true,
          value: { local: value(foldLocal(local)), domain: "h.example" },
        });
        expect(back.ok && toJid(back.value)).toEqual(jid);
      }),
      { numRuns: 2000 },
    );
  });

  test("whatever is read as a JID is written back as the same JID: no two accounts are one person", () => {
    fc.assert(
      fc.property(fc.oneof(nasty, text), (local) => {
        const jid = `${local}@h.example`;
        const address = fromJid(jid);
        const canonical = parseJid(jid);
        if (!address.ok || !canonical.ok) return;
        // Upper-case hex is folded with the rest of the local part.
        expect(toJid(address.value)).toEqual({ ok: true, value: printJid(canonical.value) });
      }),
      { numRuns: 2000 },
    );
  });

  test("whatever comes, an answer and no exception", () => {
    const any = fc.string({ unit: "binary", maxLength: 80 });
    fc.assert(
      fc.property(any, any, any, (local, domain, device) => {
        expect(typeof fromJid(local).ok).toBe("boolean");
        expect(typeof fromJid(`${local}@${domain}/${device}`).ok).toBe("boolean");
        expect(typeof toJid({ local, domain, device }).ok).toBe("boolean");
      }),
    );
  });
});

test("folding settles at once for every character of Unicode", () => {
  const unsettled: string[] = [];
  for (let code = 0x80; code <= 0x10ffff; code++) {
    if (code === 0xac00) code = 0xd7a4;
    const once = foldLocal(String.fromCodePoint(code));
    if (!once.ok) continue;
    const twice = foldLocal(once.value);
    if (!twice.ok || twice.value !== once.value) unsettled.push(code.toString(16));
  }
  expect(unsettled).toEqual([]);
});
