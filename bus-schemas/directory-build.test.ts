// The directory against a house with every kind of domain: routes as tables, faces as laws.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Address, printAddress } from "./address.ts";
import { buildDirectory, type DirectoryConfig } from "./directory-build.ts";

const at = (text: string): Address => {
  const split = text.lastIndexOf("@");
  return { local: text.slice(0, split), domain: text.slice(split + 1) };
};
const row = (homes: string[], deliver = "any", faces: Record<string, string> = {}) => ({
  homes,
  deliver,
  faces,
});

const config: DirectoryConfig = {
  gateway: { domain: "gw.example" },
  domains: {
    "sip.example": row(["sip"]),
    "web.example": row(["web"]),
    "xmpp.example": row(["xmpp"]),
    "irc.example": row(["irc-demo"]),
    "example.org": row(["sip", "web", "xmpp"], "any", { xmpp: "sip.example.org" }),
    "all.example": row(["sip", "xmpp"], "all", { xmpp: "sip.all.example" }),
    "first.example": row(["sip", "web", "xmpp"], "prefer:xmpp", { xmpp: "sip.first.example" }),
    "shared.example": row(["sip", "xmpp"]),
  },
  accounts: [
    "alice@sip.example",
    "wendy@web.example",
    "olga@example.org",
    "al@all.example",
    "fi@first.example",
  ].map((address) => ({ address: at(address) })),
  people: [[at("alice@sip.example"), at("wendy@web.example")]],
  foreign: { sip: true, xmpp: true, trusted: ["partner.example.net"] },
  lifetime: { default: 86_400_000, most: 604_800_000 },
};
const house = buildDirectory(config);
const closed = buildDirectory({ ...config, foreign: { sip: false, xmpp: false, trusted: [] } });
const half = buildDirectory({ ...config, foreign: { sip: false, xmpp: true, trusted: [] } });

const sip = { carrier: "sip", assurance: "verified" } as const;
const xmpp = { carrier: "xmpp", assurance: "server", domain: "xmpp.example" } as const;
const irc = { carrier: "irc-demo", assurance: "none", domain: "irc.example" } as const;
const web = { carrier: "web", assurance: "verified" } as const;

describe("route", () => {
  test.each([
    ["an account on its one home", "alice@sip.example", "alice@sip.example", "any", ["sip"]],
    ["letter case aside", "ALICE@sip.example", "ALICE@sip.example", "any", ["sip"]],
    ["a network that must be tried", "carol@irc.example", "carol@irc.example", "any", ["irc-demo"]],
    ["an XMPP server that must be tried", "bob@xmpp.example", "bob@xmpp.example", "any", ["xmpp"]],
    ["several homes, with an account", "olga@example.org", "olga@example.org", "any", ["sip", "web", "xmpp"]],
    ["several homes, without an account", "nobody@example.org", "nobody@example.org", "any", ["xmpp"]],
    ["a copy to all", "al@all.example", "al@all.example", "all", ["sip", "xmpp"]],
    ["the preferred first", "fi@first.example", "fi@first.example", "any", ["xmpp", "sip", "web"]],
    ["a face, unmasked", "olga@sip.example.org", "olga@example.org", "any", ["sip", "web", "xmpp"]],
    ["an escaped foreigner", "carol@sip.other@gw.example", "carol@sip.other", "any", ["sip", "xmpp"]],
    ["a foreigner", "dave@other.example.net", "dave@other.example.net", "any", ["sip", "xmpp"]],
  ])("%s", (_name, to, meant, deliver, homes) => {
    expect(house.route(at(to), sip)).toEqual({ ok: true, to: at(meant), deliver, homes });
  });

  test.each([
    ["no account on our own home", "nobody@sip.example", "unknown-user"],
    ["a wrapped local address", "alice@sip.example@gw.example", "loop"],
    ["a wrapped face", "olga@sip.example.org@gw.example", "loop"],
    ["a gateway address in another", "x@gw.example@gw.example", "loop"],
    ["a gateway address with nobody inside", "alice@gw.example", "unknown-user"],
    ["a gateway address with no domain inside", "alice@no host@gw.example", "unknown-user"],
    ["an IP literal", "alice@192.0.2.1", "unknown-domain"],
  ])("refused: %s", (_name, to, reason) => {
    expect(house.route(at(to), sip)).toMatchObject({ ok: false, reason });
  });

  test.each([
    ["from SIP", house, sip, ["sip", "xmpp"]],
    ["from XMPP", house, xmpp, ["xmpp", "sip"]],
    ["from the web", house, web, ["xmpp", "sip"]],
    ["one of our faces", house, { ...xmpp, domain: "sip.example.org" }, ["xmpp", "sip"]],
    ["nobody knows whose", house, { ...xmpp, domain: undefined }, "forbidden"],
    ["a trusted partner", house, { ...xmpp, domain: "partner.example.net" }, ["xmpp", "sip"]],
    ["only XMPP open", half, sip, ["xmpp"]],
    ["a stranger's domain", house, { ...xmpp, domain: "stranger.example.net" }, "forbidden"],
    ["a bare nick", house, irc, "forbidden"],
    ["closed", closed, sip, "unknown-domain"],
  ])("a foreign domain: %s", (_name, directory, from, end) => {
    const routed = directory.route(at("dave@other.example.net"), from);
    expect(routed.ok ? routed.homes : routed.reason).toEqual(end);
  });
});

describe("faces", () => {
  test.each([
    ["xmpp", "alice@sip.example", "alice@sip.example"],
    ["xmpp", "olga@example.org", "olga@sip.example.org"],
    ["xmpp", "bob@xmpp.example", "bob@xmpp.example@gw.example"],
    ["xmpp", "sam@shared.example", "sam@shared.example@gw.example"],
    ["xmpp", "carol@sip.other", "carol@sip.other@gw.example"],
    ["sip", "bob@xmpp.example", "bob@xmpp.example"],
    ["sip", "alice@sip.example", "alice@sip.example"],
    ["sip", "dave@xmpp.other", "dave@xmpp.other@gw.example"],
    ["web", "dave@xmpp.other", "dave@xmpp.other"],
    ["irc-demo", "alice@sip.example", "alice@sip.example"],
  ])("on %s: %s is %s, and back", (carrier, person, face) => {
    expect(printAddress(house.faceOn(carrier, at(person)))).toBe(face);
    expect(printAddress(house.behind(carrier, at(face)))).toBe(person);
  });

  test("a wrapped local address that is nobody's face stays wrapped, for route to refuse", () => {
    const wrapped = at("alice@sip.example@gw.example");
    expect(house.behind("xmpp", wrapped)).toEqual(wrapped);
  });

  test("every face on XMPP is of a domain that the link speaks for, and leads back", () => {
    const domains = [...Object.keys(config.domains), "other.example.net", "x.example"];
    const local = fc.string({ minLength: 1, maxLength: 40, unit: "binary" });
    const address = fc.record({ local, domain: fc.constantFrom(...domains) });
    fc.assert(
      fc.property(address, fc.constantFrom("sip", "web", "xmpp", "irc-demo"), (person, carrier) => {
        const face = house.faceOn(carrier, person);
        if (carrier === "xmpp") expect(house.facesOf("xmpp")).toContain(face.domain);
        expect(house.behind(carrier, face)).toEqual(person);
      }),
    );
  });

  test("the domains as which people appear, and where they live", () => {
    expect(house.facesOf("xmpp")).toEqual([
      "sip.example",
      "web.example",
      "irc.example",
      "sip.example.org",
      "sip.all.example",
      "sip.first.example",
      "gw.example",
    ]);
    expect(house.domainsOf("web")).toEqual(["web.example", "example.org", "first.example"]);
  });
});

describe("people", () => {
  test("a person's linked addresses, the asked one first", () => {
    expect(house.linked(at("wendy@web.example")).map(printAddress)).toEqual([
      "wendy@web.example",
      "alice@sip.example",
    ]);
    expect(house.linked(at("bob@xmpp.example")).map(printAddress)).toEqual(["bob@xmpp.example"]);
  });

  test("accounts are found whatever the case, and by their face", () => {
    expect(house.account(at("Alice@sip.example"))?.address.local).toBe("alice");
    expect(house.account(at("olga@sip.example.org"))?.address.domain).toBe("example.org");
    expect(house.account(at("mallory@sip.example"))).toBeUndefined();
  });
});
