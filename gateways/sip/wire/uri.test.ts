// URIs, name-addr, Via: the comparison table of RFC 3261 §19.1.4 and the shapes that phones send.
import { describe, expect, test } from "vitest";
import { parseNameAddr, printNameAddr } from "./name-addr.ts";
import { parseUri, printUri, sameUri, type Uri } from "./uri.ts";
import { parseVia, printVia, stampVia } from "./via.ts";

const uri = (text: string): Uri => {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

describe("comparison (RFC 3261 §19.1.4)", () => {
  test.each([
    ["sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true],
    [
      "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
      "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
      true,
    ],
    [
      "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
      "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
      true,
    ],
    ["SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false],
    ["sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false],
    ["sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false],
    ["sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on", false],
    ["sip:a%00b@h", "sip:a%00c@h", false],
    ["sip:a@h", "sips:a@h", false],
    ["tel:+1", "tel:+1", true],
    ["tel:+1", "sip:+1@h", false],
  ])("%s and %s: %s", (a, b, same) => {
    expect(sameUri(uri(a), uri(b))).toBe(same);
    expect(sameUri(uri(b), uri(a))).toBe(same);
  });
});

describe("URIs", () => {
  test.each([
    "sip:alice@sip.example",
    "sip:alice:pw@sip.example:5070;transport=tcp;lr?Subject=a&x=y",
    "sip:[2001:db8::1]:5060",
    "sips:x@y",
    "tel:+1-201-555-0123",
    "urn:service:sos",
  ])("%s prints as it was read", (text) => {
    expect(printUri(uri(text))).toBe(text);
  });
  test.each([
    "",
    "alice",
    "sip:",
    "sip:@h",
    "sip:a b@h",
    "sip:a@h:99999",
    "sip:a@",
    "sip:a%4@h",
    'sip:"@h',
    "sip:a@h;=x",
    "sip:[::1",
    "1sip:a@h",
  ])("%s is none", (text) => {
    expect(parseUri(text).ok).toBe(false);
  });
});

describe("name-addr", () => {
  test.each([
    ['"A. B" <sip:a@h;x=y>;tag=1', '"A. B" <sip:a@h;x=y>;tag=1'],
    ["sip:a@h;tag=1", "<sip:a@h>;tag=1"],
    ["A b <sip:a@h>", '"A b" <sip:a@h>'],
    ["<sip:a@h>", "<sip:a@h>"],
    ['"q\\"q" <sip:a@h>;a="b c"', '"q\\"q" <sip:a@h>;a="b c"'],
    ["M\u00fcller <sip:a@h>", '"M\u00fcller" <sip:a@h>'],
  ])("%s is printed %s", (text, printed) => {
    const parsed = parseNameAddr(text);
    expect(parsed.ok && printNameAddr(parsed.value)).toBe(printed);
  });
});

describe("Via (RFC 3261 §18.2.1, RFC 3581 §4)", () => {
  const stamped = (text: string): string => {
    const via = parseVia(text);
    if (!via.ok) throw new Error(via.error);
    return printVia(stampVia(via.value, "192.0.2.1", 4711));
  };
  test.each([
    [
      "the address itself",
      "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
      "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
    ],
    [
      "a name",
      "SIP/2.0/UDP pc.example;branch=z9hG4bK1",
      "SIP/2.0/UDP pc.example;branch=z9hG4bK1;received=192.0.2.1",
    ],
    [
      "another address",
      "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
      "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.0.2.1",
    ],
    [
      "rport",
      "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1",
      "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;received=192.0.2.1;rport=4711",
    ],
    [
      "a forged received",
      "SIP/2.0/UDP x;received=1.2.3.4;branch=z9hG4bK1",
      "SIP/2.0/UDP x;branch=z9hG4bK1;received=192.0.2.1",
    ],
  ])("%s", (_, text, expected) => {
    expect(stamped(text)).toBe(expected);
  });
});
