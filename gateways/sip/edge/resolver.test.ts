// RFC 3263 §4.1-4.2 and RFC 2782, on a DNS of our own making: which targets, in which order.
import { describe, expect, test } from "vitest";
import { isSip, parseUri } from "../wire/uri.ts";
import { bySrvOrder, type Dns, locate } from "./resolver.ts";

const missing = Object.assign(new Error("no such record"), { code: "ENOTFOUND" });
const silent = Object.assign(new Error("no answer"), { code: "ETIMEOUT" });

const zone: Record<string, unknown[]> = {
  "naptr both.example": [
    { service: "SIP+D2U", order: 20, preference: 10, flags: "s", replacement: "_sip._udp.both.example" },
    { service: "SIP+D2T", order: 10, preference: 10, flags: "S", replacement: "_sip._tcp.both.example" },
    { service: "SIPS+D2T", order: 5, preference: 10, flags: "s", replacement: "_sips._tcp.both.example" },
  ],
  "srv _sip._tcp.both.example": [
    { name: "b.example", port: 5071, priority: 2, weight: 0 },
    { name: "a.example", port: 5070, priority: 1, weight: 0 },
  ],
  "srv _sip._udp.both.example": [{ name: "a.example", port: 5060, priority: 1, weight: 0 }],
  "srv _sip._udp.srv.example": [{ name: "a.example", port: 5080, priority: 1, weight: 0 }],
  "a a.example": ["192.0.2.1"],
  "aaaa a.example": ["2001:db8::1"],
  "a b.example": ["192.0.2.2"],
  "a host.example": ["192.0.2.9", "192.0.2.10"],
};
async function look<T>(key: string): Promise<readonly T[]> {
  if (key.endsWith("silent.example")) throw silent;
  const found = zone[key];
  if (found === undefined) throw missing;
  return found as readonly T[];
}
const dns: Dns = {
  naptr: (name) => look(`naptr ${name}`),
  srv: (name) => look(`srv ${name}`),
  a: (name) => look(`a ${name}`),
  aaaa: (name) => look(`aaaa ${name}`),
};

async function targets(text: string): Promise<string[] | "unknown"> {
  const uri = parseUri(text);
  if (!uri.ok || !isSip(uri.value)) throw new Error("no sip URI");
  const located = await locate(uri.value, dns, () => 0);
  return located.unknown
    ? "unknown"
    : located.targets.map((each) => `${each.transport} ${each.address} ${each.port}`);
}

describe("targets", () => {
  test.each<[string, string, string[] | "unknown"]>([
    ["a numeric address: UDP, 5060", "sip:x@192.0.2.7", ["udp 192.0.2.7 5060"]],
    ["numeric with port and transport", "sip:x@192.0.2.7:5090;transport=tcp", ["tcp 192.0.2.7 5090"]],
    ["numeric IPv6", "sip:x@[2001:db8::7]", ["udp 2001:db8::7 5060"]],
    ["maddr goes before the host", "sip:x@both.example;maddr=192.0.2.8", ["udp 192.0.2.8 5060"]],
    ["a port: no NAPTR, no SRV", "sip:x@a.example:5099", ["udp 192.0.2.1 5099", "udp 2001:db8::1 5099"]],
    [
      "NAPTR by order, without what we do not speak; SRV by priority",
      "sip:x@both.example",
      [
        "tcp 192.0.2.1 5070",
        "tcp 2001:db8::1 5070",
        "tcp 192.0.2.2 5071",
        "udp 192.0.2.1 5060",
        "udp 2001:db8::1 5060",
      ],
    ],
    [
      "a transport: its SRV only",
      "sip:x@both.example;transport=udp",
      ["udp 192.0.2.1 5060", "udp 2001:db8::1 5060"],
    ],
    [
      "no NAPTR: SRV of the transports that we have",
      "sip:x@srv.example",
      ["udp 192.0.2.1 5080", "udp 2001:db8::1 5080"],
    ],
    ["neither: the addresses", "sip:x@host.example", ["udp 192.0.2.9 5060", "udp 192.0.2.10 5060"]],
    ["nothing known", "sip:x@nowhere.example", "unknown"],
    ["no answer is not the same as unknown", "sip:x@silent.example", []],
    ["a transport that we have not", "sip:x@host.example;transport=sctp", []],
  ])("%s", async (_, uri, expected) => {
    expect(await targets(uri)).toEqual(expected);
  });
});

describe("SRV weights (RFC 2782)", () => {
  const records = [
    { n: "a", priority: 1, weight: 1 },
    { n: "b", priority: 1, weight: 3 },
    { n: "c", priority: 0, weight: 0 },
  ];
  test.each([
    [0.1, "cab"],
    [0.9, "cba"],
  ])("chance %d gives %s", (chance, order) => {
    expect(
      bySrvOrder(records, () => chance)
        .map((each) => each.n)
        .join(""),
    ).toBe(order);
  });
});
