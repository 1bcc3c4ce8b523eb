// Every rule of the house is seen failing once, on planted files; and an empty tree is an error, not a pass.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { check, main, readModules } from "../support/arrows.mjs";

const planted: string[] = [];
afterEach(() => {
  for (const folder of planted.splice(0)) rmSync(folder, { recursive: true });
});

function plant(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "parley-arrows-"));
  planted.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const sip = "gateways/sip";
const pure = "pure code has no clock, chance, promise, socket or process";
const rows: readonly [string, string, Readonly<Record<string, string>>][] = [
  [
    "wire looks at session",
    "look only left",
    { [`${sip}/wire/a.ts`]: `import { b } from "../session/b.ts"; b();` },
  ],
  [
    "even for a type",
    "look only left",
    { [`${sip}/translate/a.ts`]: `import type { B } from "../edge/b.ts"; export type A = B;` },
  ],
  ["edge looks at main", "look only left", { [`${sip}/edge/a.ts`]: `export * from "../main.ts";` }],
  [
    "session sees an event",
    "wire and session do not know the bus",
    { [`${sip}/session/a.ts`]: `import "#bus-schemas/event.ts";` },
  ],
  [
    "translate sees a subject",
    "translate and model see the pure part of bus-schemas",
    { [`${sip}/translate/a.ts`]: `import "#bus-schemas/subject.ts";` },
  ],
  [
    "translate runs delivery",
    "translate and model see the pure part of bus-schemas",
    { [`${sip}/translate/a.ts`]: `import { x } from "#bus-schemas/delivery/courier.ts"; x();` },
  ],
  [
    "model sees the bus",
    "translate and model see the pure part of bus-schemas",
    { "presence-svc/model/a.ts": `import "#bus-schemas/bus/port.ts";` },
  ],
  [
    "config sees the bus",
    "only edge and main see bus, delivery and service",
    { [`${sip}/config.ts`]: `import "#bus-schemas/bus/nats.ts";` },
  ],
  [
    "a gateway imports another",
    "gateways and services never import each other",
    { [`${sip}/edge/a.ts`]: `import "../../irc/edge/b.ts";` },
  ],
  [
    "a service imports a gateway",
    "gateways and services never import each other",
    { "presence-svc/main.ts": `import "../gateways/irc/main.ts";` },
  ],
  [
    "bus-schemas imports a gateway",
    "bus-schemas imports none of them",
    { "bus-schemas/a.ts": `import "../gateways/irc/main.ts";` },
  ],
  [
    "an edge imports a test's helper",
    "the product does not know its tests",
    { [`${sip}/edge/a.ts`]: `import "#test/support/fake-clock.ts";` },
  ],
  [
    "a relative path leaves the house",
    "a relative path stays in the house",
    { [`${sip}/edge/a.ts`]: `import "../../../bus-schemas/event.ts";` },
  ],
  [
    "types in a circle",
    "no cycles, not even of types",
    {
      "deploy/a.ts": `import type { B } from "./b.ts"; export type A = B;`,
      "deploy/b.ts": `import type { A } from "./a.ts"; export type B = A;`,
    },
  ],
  ["chance", pure, { [`${sip}/wire/a.ts`]: "export const a = () => Math.random();" }],
  ["the clock", pure, { [`${sip}/session/a.ts`]: "export const a = () => Date.now();" }],
  ["the clock by new", pure, { [`${sip}/session/a.ts`]: "export const a = () => new Date();" }],
  ["a timer", pure, { [`${sip}/session/a.ts`]: "export const a = () => setTimeout(() => 0, 1);" }],
  ["a promise", pure, { [`${sip}/translate/a.ts`]: "export const a = async () => await 1;" }],
  ["the process", pure, { [`${sip}/wire/a.ts`]: "export const a = process.env;" }],
  [
    "random bytes",
    pure,
    { [`${sip}/wire/a.ts`]: `import { randomBytes } from "node:crypto"; randomBytes(1);` },
  ],
  ["a socket", pure, { [`${sip}/wire/a.ts`]: `import { connect } from "node:tls"; connect({});` }],
];

describe("arrows", () => {
  it.each(rows)("%s: %s", (_name, rule, files) => {
    const found = check(readModules(plant(files)));
    expect(found.map((finding) => finding.rule)).toContain(rule);
  });

  it("lets pass what is allowed", () => {
    const files = {
      [`${sip}/wire/a.ts`]: `import { createHash } from "node:crypto"; export const a = () => [createHash("md5"), new Date(0), Date.parse("x")];`,
      [`${sip}/translate/b.ts`]: `import type { MessageDraft } from "#bus-schemas/delivery/courier.ts"; import { a } from "../wire/a.ts"; export const b = (d: MessageDraft) => [a, d];`,
      [`${sip}/edge/c.ts`]: `import "#bus-schemas/bus/port.ts"; import { b } from "../translate/b.ts"; setTimeout(() => b, 1);`,
      [`${sip}/edge/c.test.ts`]: `import "#test/support/fake-clock.ts"; import "./c.ts"; import "./fake-peer.ts";`,
      [`${sip}/edge/fake-peer.ts`]: `import "#test/servers/child.ts";`,
    };
    expect(check(readModules(plant(files)))).toEqual([]);
  });

  it("fails on a tree in which it sees nothing", () => {
    expect(main(plant({ "deploy/README.md": "" }))).toBe(1);
  });
});
