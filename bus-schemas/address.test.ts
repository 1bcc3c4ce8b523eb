// Addresses: one spelling under which a person is found again, whatever his device and whoever wrote his name.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Address, bare, bareKey, Party, printAddress, samePerson } from "./address.ts";
import { foldLocal } from "./addresses/jid.ts";

const alice = { local: "Alice", domain: "sip.example", device: "phone" };

test("without its device, and as people read it", () => {
  expect(bare(alice)).toEqual({ local: "Alice", domain: "sip.example" });
  expect(printAddress(alice)).toBe("Alice@sip.example/phone");
  expect(printAddress(bare(alice))).toBe("Alice@sip.example");
});

describe("samePerson", () => {
  test.each([
    ["devices aside", alice, { ...alice, device: "desk" }, true],
    ["case aside", alice, { local: "aLICE", domain: "sip.example" }, true],
    ["composition aside", { local: "e\u0301", domain: "x" }, { local: "É", domain: "x" }, true],
    ["another domain", alice, { ...alice, domain: "web.example" }, false],
    ["another name", alice, { ...alice, local: "alicia" }, false],
    ["an @ in the name is no domain", { local: "a@b", domain: "c" }, { local: "a", domain: "b@c" }, true],
  ])("%s", (_name, a, b, same) => {
    expect(samePerson(a, b)).toBe(same);
  });

  test("a domain never holds an @, so that no name can pass into it", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "binary" }), (local) => {
        const key = bareKey({ local, domain: "x.example" });
        expect(key.slice(key.lastIndexOf("@"))).toBe("@x.example");
      }),
    );
  });

  test("a name and its folded JID are one person, unless compatibility signs were folded", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (local) => {
        const folded = foldLocal(local);
        if (!folded.ok || local.normalize("NFKC") !== local.normalize("NFC")) return;
        expect(samePerson({ local, domain: "x" }, { local: folded.value, domain: "x" })).toBe(true);
      }),
    );
  });
});

test.each([
  ["an empty name", Address, { local: "", domain: "x" }],
  ["an empty domain", Address, { local: "a", domain: "" }],
  ["an empty device", Address, { local: "a", domain: "x", device: "" }],
  ["a long name", Address, { local: "a".repeat(1024), domain: "x" }],
  ["a party of unknown assurance", Party, { local: "a", domain: "x" }],
  ["an assurance of its own invention", Party, { local: "a", domain: "x", assurance: "trusted" }],
])("refused: %s", (_name, schema, value) => {
  expect(schema.safeParse(value).success).toBe(false);
});
