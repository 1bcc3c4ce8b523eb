// parley check against a table of broken files: each gets exactly the lines that say what is wrong, where, and what to do.
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type CheckOptions, checkConfig } from "./check.ts";
import { printProblem } from "./config-problem.ts";
import { duration, listenAddress } from "./config-values.ts";

const sections = {
  sip: z.object({
    listen: z.array(z.string()).default([]),
    holdResponse: duration.prefault("400ms").describe("How long a refusal is waited for."),
  }),
  xmpp: z.object({
    secret: z.string().min(1).describe("The secret shared with the XMPP server."),
    port: z.int().default(5347).describe("Its component port."),
    tls: z.union([z.boolean(), z.object({ ca: z.string() })]).default(false),
  }),
  irc: z.object({
    networks: z
      .record(z.string(), z.object({ server: z.string().describe("Its host."), domain: z.string() }))
      .default({}),
  }),
  web: z.object({ listen: listenAddress.prefault("127.0.0.1:0") }),
};

const folder = mkdtempSync(join(tmpdir(), "parley-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function check(text: string, options: CheckOptions = {}): Promise<string[]> {
  const path = join(folder, "parley.yaml");
  writeFileSync(path, text);
  const problems = await checkConfig(path, sections, options);
  return problems.map((problem) => printProblem(problem).replace(`${path}:`, ""));
}

const whole = `
state: .parley
bus: { servers: ["nats://127.0.0.1:4222"], token: secret, volatile: false }
gateway: { domain: gw.example }
domains:
  sip.example:  { homes: [sip] }
  web.example:  { homes: [web] }
  xmpp.example: { homes: [xmpp] }
  irc.example:  { homes: [irc-demo] }
  example.org:  { homes: [sip, web, xmpp], deliver: any, faces: { xmpp: sip.example.org } }
  first.example: { homes: [sip, xmpp], deliver: "prefer:xmpp" }
accounts:
  - { address: alice@sip.example, password: secret, display: Alice }
  - { address: olga@example.org, ha1: { md5: 0123456789abcdef0123456789abcdef } }
people: [ [alice@sip.example, alice@web.example] ]
foreign: { sip: true, xmpp: true, trusted: [partner.example.net] }
lifetime: { default: 1d, most: 7d }
health: { listen: "127.0.0.1:0" }
sip: { listen: ["udp:127.0.0.1:0"], holdResponse: 1s }
xmpp: { secret: s3 }
irc: { networks: { demo: { server: 127.0.0.1, domain: irc.example } } }
web: {}
`;

test("a whole file is well", async () => {
  expect(await check(whole)).toEqual([]);
});

describe("one mistake, one line", () => {
  test.each([
    ["empty", "", "1: is empty - begin with a section, like `domains:`"],
    ["a list", "- a", "1: is not a list of sections - begin with a section, like `domains:`"],
    [
      "no YAML",
      "domains: {\n",
      "2: is no YAML: Flow map in block collection must be sufficiently indented and end with a } - look for indentation, a missing quote or colon, or a key written twice",
    ],
    [
      "a key twice",
      "lifetime: {}\nlifetime: {}\n",
      "2: is no YAML: Map keys must be unique - look for indentation, a missing quote or colon, or a key written twice",
    ],
    [
      "a slip in a section's name",
      "domans: {}",
      "1: domans is not a key that is known here - did you mean domains?",
    ],
    [
      "a slip below",
      "domains:\n  sip.example:\n    homes: [sip]\n    delivr: all\n",
      '4: domains."sip.example".delivr is not a key that is known here - did you mean deliver?',
    ],
    [
      "a key far from any",
      "bus: { colour: red }",
      "1: bus.colour is not a key that is known here - the keys here are: servers, token, storage, volatile, replicas",
    ],
    [
      "an unknown key that a tolerant section would drop",
      "web: { lisen: 127.0.0.1:80 }",
      "1: web.lisen is not a key that is known here - did you mean listen?",
    ],
    [
      "below a list and a record",
      "irc:\n  networks:\n    demo:\n      server: h\n      domain: irc.example\n      sever: h\ndomains: { irc.example: { homes: [irc-demo] } }",
      "6: irc.networks.demo.sever is not a key that is known here - did you mean server?",
    ],
    [
      "a wrong type",
      "bus:\n  volatile: maybe\n",
      "2: bus.volatile is a text - write true or false (true allows a bus in memory, for benches: a killed server loses what was accepted)",
    ],
    [
      "a number where a text is wanted",
      "xmpp: { secret: 12345 }",
      "1: xmpp.secret is a number - write a text, in quotes if it looks like a number (The secret shared with the XMPP server)",
    ],
    [
      "a duration",
      "lifetime: { default: 1 day }",
      "1: lifetime.default is no duration - write a number and ms, s, m, h, d or w, like 400ms or 1d",
    ],
    [
      "a listening address",
      'health: { listen: "here" }',
      "1: health.listen is no listening address - write address:port, like 127.0.0.1:5060",
    ],
    [
      "a domain",
      "domains: { sip_example: { homes: [sip] } }",
      "1: domains.sip_example is no domain (the domain has a character that no host name may have) - write one like sip.example",
    ],
    [
      "an address",
      "people: [[alice, b@c]]",
      "1: people[0][0] is no address - write name@domain, like alice@sip.example",
    ],
    [
      "a carrier",
      "domains: { a.example: { homes: [irc] } }",
      '1: domains."a.example".homes[0] is no carrier - write sip, web, xmpp, rooms or irc-<network>',
    ],
    [
      "a way to deliver",
      "domains: { a.example: { homes: [sip], deliver: some } }",
      '1: domains."a.example".deliver is no way to deliver - write any, all, or prefer: with one of the homes, like prefer:xmpp',
    ],
    [
      "a section that is needed and lacks its secret",
      "domains:\n  a.example:\n    homes: [xmpp]\n",
      "1: xmpp.secret is missing - write a text, in quotes if it looks like a number (The secret shared with the XMPP server)",
    ],
    [
      "an account without a secret",
      "domains: { a.example: { homes: [sip] } }\naccounts:\n  - address: al@a.example\n",
      "3: accounts[0] has no secret - give a password, or ha1 with md5 or sha256",
    ],
    [
      "a wrong value of a union",
      "xmpp: { secret: s, tls: 5 }",
      "1: xmpp.tls is a number - write true or false",
    ],
  ])("%s", async (_name, text, line) => {
    expect(await check(text)).toEqual([line]);
  });

  test("a file that is not there", async () => {
    const [problem] = await checkConfig(join(folder, "nowhere.yaml"), sections);
    expect(problem).toMatchObject({ line: 1, message: "there is no such file" });
  });
});

describe("contradictions", () => {
  const table = (rows: string): string => `domains:\n${rows}`;
  test.each([
    [
      "a home twice",
      table("  a.example: { homes: [sip, sip] }"),
      ['2: domains."a.example".homes[1] is sip a second time - leave one of them out'],
    ],
    [
      "a face that has homes",
      table("  a.example: { homes: [sip, xmpp], faces: { xmpp: b.example } }\n  b.example: { homes: [sip] }"),
      [
        '2: domains."a.example".faces.xmpp is b.example, which has homes of its own - choose a domain that is used for nothing else',
      ],
    ],
    [
      "its own face",
      table("  a.example: { homes: [sip, xmpp], faces: { xmpp: a.example } }"),
      [
        '2: domains."a.example".faces.xmpp is the domain itself - choose a domain that is used for nothing else',
      ],
    ],
    [
      "a face of two",
      table(
        "  a.example: { homes: [sip, xmpp], faces: { xmpp: f.example } }\n  b.example: { homes: [sip, xmpp], faces: { xmpp: f.example } }",
      ),
      [
        '3: domains."b.example".faces.xmpp is f.example, which is the face of a.example already - choose a domain that is used for nothing else',
      ],
    ],
    [
      "a shared domain without a face",
      table("  a.example:\n    homes: [sip, xmpp]"),
      [
        '3: domains."a.example".homes shares its domain with an XMPP server, so its other people cannot appear on XMPP - add faces: { xmpp: sip.a.example } with a domain of which this house is the XMPP component',
      ],
    ],
    [
      "a network that is not there",
      table("  a.example: { homes: [irc-demo] }"),
      [
        '2: domains."a.example".homes[0] is irc-demo, but there is no such network - add irc.networks.demo with its server, or correct the name',
      ],
    ],
    [
      "a network whose domain is not its home",
      `${table("  a.example: { homes: [sip] }")}\nirc:\n  networks:\n    demo: { server: h, domain: a.example }`,
      [
        "5: irc.networks.demo.domain is a.example, which has no home irc-demo - add domains: { a.example: { homes: [irc-demo] } }, or correct the domain",
      ],
    ],
    [
      "a preferred home that is none",
      table("  a.example: { homes: [sip, web], deliver: 'prefer:xmpp' }"),
      [
        '2: domains."a.example".deliver prefers xmpp, which is not one of the homes - write prefer: with one of sip, web',
      ],
    ],
    [
      "an account nowhere",
      "accounts: [{ address: al@a.example, password: p }]",
      [
        "1: accounts[0].address is at a.example, which is not in the domain table - add domains: { a.example: { homes: [sip, web] } }, or correct the address",
      ],
    ],
    [
      "an account at somebody else's server",
      `${table("  a.example: { homes: [xmpp] }")}\naccounts:\n  - address: al@a.example\n    password: p`,
      [
        "4: accounts[0].address is at a.example, which has neither sip nor web as a home - add sip or web to the homes of a.example, or make the account at that server",
      ],
    ],
    [
      "an account twice",
      `${table("  a.example: { homes: [sip] }")}\naccounts:\n  - { address: al@a.example, password: p }\n  - { address: AL@A.example, password: q }`,
      ["5: accounts[1].address is AL@a.example a second time - leave one of them out"],
    ],
    [
      "one address, two persons",
      "people:\n  - [a@a.example, b@b.example]\n  - [c@c.example, b@b.example]",
      [
        "3: people[1][1] is b@b.example, who belongs to another person already - join the two lists, or leave it out",
      ],
    ],
    [
      "a gateway domain with homes",
      `gateway: { domain: a.example }\n${table("  a.example: { homes: [sip] }")}`,
      ["1: gateway.domain is a.example, which has homes of its own - choose a domain that has no homes"],
    ],
    [
      "foreigners who cannot be answered",
      "foreign:\n  sip: true",
      [
        "2: foreign.sip opens the house to foreign domains, whose people need a gateway domain to be answered - add gateway: { domain: gw.example }, or write false",
      ],
    ],
    [
      "a volatile bus",
      "bus:\n  storage: memory",
      [
        "2: bus.storage keeps messages in memory only, so a killed server loses what was accepted - write file, or volatile: true for a bench",
      ],
    ],
    ["a volatile bus that is wanted", "bus: { storage: memory, volatile: true }", []],
    [
      "lifetimes",
      "lifetime: { default: 8d }",
      [
        "1: lifetime.default is longer than lifetime.most - write a default that is not longer than lifetime.most",
      ],
    ],
  ])("%s", async (_name, text, lines) => {
    // Sections that a home needs are given, so that only the contradiction remains.
    const problems = await check(`${text}\nxmpp: { secret: s }\n`);
    expect(problems).toEqual(lines);
  });
});

describe("ports", () => {
  let taken: Server;
  let port = 0;
  beforeAll(async () => {
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    port = typeof address === "object" && address ? address.port : 0;
  });
  afterAll(() => taken.close());

  test("a port that is taken", async () => {
    expect(await check(`web:\n  listen: 127.0.0.1:${port}`)).toEqual([
      `2: web.listen wants tcp port ${port} of 127.0.0.1, which is taken - choose another port, or end what listens there (a running Parley counts)`,
    ]);
  });

  test("a default that is taken, of a section that is only needed", async () => {
    const schema = z.object({ listen: listenAddress.default({ host: "127.0.0.1", port }) });
    const path = join(folder, "needed.yaml");
    writeFileSync(path, "domains:\n  w.example: { homes: [web] }\n");
    const [problem, ...more] = await checkConfig(path, { web: schema });
    expect(problem).toMatchObject({
      line: 1,
      path: "web.listen",
      message: expect.stringContaining("is taken"),
    });
    expect(more).toEqual([]);
  });

  test("not asked for while the house runs", async () => {
    expect(await check(`web: { listen: "127.0.0.1:${port}" }`, { bind: false })).toEqual([]);
  });

  test("a UDP port that is taken, in a list with transports", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const udp = socket.address().port;
    const lines = await check(`sip:\n  listen:\n    - "tcp:127.0.0.1:0"\n    - "udp:127.0.0.1:${udp}"`);
    socket.close();
    expect(lines).toEqual([
      `4: sip.listen[1] wants udp port ${udp} of 127.0.0.1, which is taken - choose another port, or end what listens there (a running Parley counts)`,
    ]);
  });

  test("the same address twice, and an address of another machine", async () => {
    expect(await check('health: { listen: "192.0.2.1:7001" }\nweb: { listen: "192.0.2.1:7001" }')).toEqual([
      "1: health.listen wants 192.0.2.1, which is no address of this machine - write an address of this machine, like 127.0.0.1",
      "2: web.listen wants 192.0.2.1:7001, which health.listen wants too - choose another port, or 0 for a free one",
    ]);
  });
});

describe("environment", () => {
  test("a variable is as good as a key, and is named when it is wrong", async () => {
    const text = "domains: { a.example: { homes: [xmpp] } }";
    expect(await check(text, { env: { PARLEY_XMPP_SECRET: "s" } })).toEqual([]);
    expect(await check(text, { env: { PARLEY_XMPP_SECRET: "s", PARLEY_XMPP_PORT: "many" } })).toEqual([
      "PARLEY_XMPP_PORT: xmpp.port is a text - write a number (Its component port)",
    ]);
  });
});
