import { describe, expect, test } from "vitest";
import { print } from "../wire/print.ts";
import { capsHash, type DiscoInfo, infoElement } from "./caps.ts";

const features = [
  "http://jabber.org/protocol/caps",
  "http://jabber.org/protocol/disco#info",
  "http://jabber.org/protocol/disco#items",
  "http://jabber.org/protocol/muc",
];
const psi: DiscoInfo = {
  identities: [
    { category: "client", type: "pc", lang: "en", name: "Psi 0.11" },
    { category: "client", type: "pc", lang: "el", name: "Ψ 0.11" },
  ],
  features,
  forms: [
    {
      type: "urn:xmpp:dataforms:softwareinfo",
      fields: {
        ip_version: ["ipv6", "ipv4"],
        os: ["Mac"],
        os_version: ["10.5.1"],
        software: ["Psi"],
        software_version: ["0.11"],
      },
    },
  ],
};

describe("the hashes printed in XEP-0115", () => {
  test.each<[string, DiscoInfo, string]>([
    [
      "§5.2, simple",
      { identities: [{ category: "client", type: "pc", name: "Exodus 0.9.1" }], features },
      "QgayPKawpkPSDYmwT/WM94uAlu0=",
    ],
    ["§5.3, with languages and a form", psi, "q07IKJEyjvHSyhy//CH0CxmKi8w="],
  ])("%s", (_, info, hash) => {
    expect(capsHash(info)).toBe(hash);
  });

  test("the order in which things are listed changes nothing", () => {
    const turned = { ...psi, identities: [...psi.identities].reverse(), features: [...features].reverse() };
    expect(capsHash(turned)).toBe(capsHash(psi));
  });
});

test("the disco#info says what was hashed, and the node that was asked", () => {
  const printed = print(infoElement(psi, "n#v"), "");
  expect(printed).toContain("node='n#v'");
  for (const feature of features) expect(printed).toContain(`<feature var='${feature}'/>`);
  expect(printed).toContain(
    "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>",
  );
});
