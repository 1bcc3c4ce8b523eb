// RFC 7247 §6 golden vectors and the traps beside them, for SIP URIs alone and across to JIDs.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Address } from "../address.ts";
import { fromJid, toJid } from "./jid.ts";
import { fromSipUri, printSipUri, toSipUri } from "./sip-address.ts";

/** A deliberately simple reader of `sip:user@host;gr=…`, so that the table can be written as people write URIs. */
function parts(uri: string) {
  const [, scheme, user, host, rest] = /^(\w+):(?:(.*)@)?([^@;]+)(;.*)?$/.exec(uri) ?? [];
  const params = (rest ?? "").split(";").filter(Boolean);
  return {
    scheme,
    user,
    host: host ?? "",
    params: params.map((p): [string, string | undefined] => [p.split("=")[0] ?? "", p.split("=")[1]]),
  };
}
const read = (uri: string): Address | string => {
  const result = fromSipUri(parts(uri));
  return result.ok ? result.value : result.error;
};

describe("golden pairs", () => {
  test.each([
    ["sip:f%C3%BC@sip.example", "fü@sip.example"],
    ["sip:o'malley@sip.example", "o\\27malley@sip.example"],
    ["sip:foo@sip.example;gr=bar", "foo@sip.example/bar"],
    ["sip:m&m@xmpp.example", "m\\26m@xmpp.example"],
    ["sip:tsch%C3%BCss@xmpp.example", "tschüss@xmpp.example"],
    ["sip:baz@xmpp.example;gr=qux", "baz@xmpp.example/qux"],
    ["sip:a%40b@h", "a\\40b@h"],
    ["sip:a%20b%22%3A%3C%3Ec@h", "a\\20b\\22\\3a\\3c\\3ec@h"],
    ["sip:user;par=u%40example.net@example.com", "user;par=u\\40example.net@example.com"],
    ["sip:a/b@h", "a\\2fb@h"],
    ["sip:back%5C20slash@h", "back\\5c20slash@h"],
    ["sip:back%5Cslash@h", "back\\slash@h"],
    ["sip:baz@xmpp.example;gr=a%20%C3%BC%3Bb", "baz@xmpp.example/a ü;b"],
    ["sip:bob%40xmpp.example@gw.example", "bob\\40xmpp.example@gw.example"],
    ["sip:bob@xn--mller-kva.example", "bob@müller.example"],
    ["sip:bob@[2001:db8::1]", "bob@[2001:db8::1]"],
  ])("%s is %s", (uri, jid) => {
    const address = read(uri) as Address;
    expect(toJid(address)).toEqual({ ok: true, value: jid });
    const back = fromJid(jid);
    const printed = back.ok ? toSipUri(back.value) : back;
    expect(printed.ok ? printSipUri(printed.value) : printed.error).toBe(uri);
  });
});

describe("fromSipUri", () => {
  test.each([
    ["a password is left out", "sip:alice:secret@h", { local: "alice", domain: "h" }],
    ["an escaped colon is none", "sip:a%3Ab@h", { local: "a:b", domain: "h" }],
    ["gr without a value is no device", "sip:alice@h;gr", { local: "alice", domain: "h" }],
    ["an empty gr is no device", "sip:alice@h;gr=", { local: "alice", domain: "h" }],
    ["the host is folded", "sip:Alice@SIP.Example.", { local: "Alice", domain: "sip.example" }],
    ["im", "im:alice@h", { local: "alice", domain: "h" }],
    ["sips", "sips:alice@h", "sips cannot be promised beyond this hop"],
    ["tel", "tel:alice@h", "tel numbers are nobody's address here"],
    ["another scheme", "http:alice@h", "not a scheme of SIP addresses"],
    ["no user", "sip:h", "the URI names no user"],
    ["only a password", "sip::secret@h", "the URI names no user"],
    ["a broken escape", "sip:a%4@h", "the user has a bad percent escape or is not UTF-8"],
    ["escapes that are no UTF-8", "sip:a%ff@h", "the user has a bad percent escape or is not UTF-8"],
    ["too long", `sip:${"a".repeat(1024)}@h`, "the user is longer than 1023 octets"],
    ["no host", "sip:a@_", "the domain has a character that no host name may have"],
  ])("%s", (_name, uri, expected) => {
    expect(read(uri)).toEqual(expected);
  });

  const separator = { sign: "*", domains: new Set(["gw.example"]) };
  test.each([
    ["the sign is read in our gateway domain", "bob*xmpp.example", "gw.example", "bob@xmpp.example"],
    ["the last one counts", "b*b*xmpp.example", "gw.example", "b*b@xmpp.example"],
    ["an @ goes before it", "b*b%40xmpp.example", "gw.example", "b*b@xmpp.example"],
    ["elsewhere it is part of the name", "bob*x", "sip.example", "bob*x"],
  ])("separator: %s", (_name, user, host, local) => {
    expect(fromSipUri({ user, host }, { separator })).toEqual({ ok: true, value: { local, domain: host } });
  });

  test("an address written with the separator reads back alike", () => {
    const name = fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(..."ab*@.%;é") });
    fc.assert(
      fc.property(name, fc.constantFrom("gw.example", "sip.example"), (local, domain) => {
        const uri = toSipUri({ local, domain }, { separator });
        if (!uri.ok) throw new Error(uri.error);
        const back = fromSipUri({ user: uri.value.user, host: uri.value.host }, { separator });
        expect(back).toEqual({ ok: true, value: { local, domain } });
      }),
    );
  });
});

describe("laws", () => {
  const text = fc.string({ minLength: 1, maxLength: 200, unit: "binary" });

  test("every address reads back from its URI, which is made only of characters that a URI may have", () => {
    fc.assert(
      fc.property(text, fc.option(text, { nil: undefined }), (local, device) => {
        const address = { local, domain: "h.example", ...(device === undefined ? {} : { device }) };
        const uri = toSipUri(address);
        if (!uri.ok) throw new Error(uri.error);
        expect(printSipUri(uri.value)).toMatch(/^[\x21-\x7e]+$/);
        const back = fromSipUri({
          user: uri.value.user,
          host: uri.value.host,
          params: [["gr", uri.value.gr]],
        });
        expect(back).toEqual({ ok: true, value: address });
      }),
    );
  });

  test("whatever comes, an answer and no exception", () => {
    const any = fc.string({ unit: "binary", maxLength: 60 });
    fc.assert(
      fc.property(any, any, any, (user, host, gr) => {
        expect(typeof fromSipUri({ user, host, params: [["gr", gr]] }).ok).toBe("boolean");
        expect(typeof toSipUri({ local: user, domain: host, device: gr }).ok).toBe("boolean");
      }),
    );
  });

  test("a lone surrogate is refused", () => {
    expect(toSipUri({ local: "\ud800", domain: "h" }).ok).toBe(false);
  });
});
