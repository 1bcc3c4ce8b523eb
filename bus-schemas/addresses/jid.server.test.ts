// A real XMPP server's opinion: every JID that is written here is valid for Prosody, and spelt as Prosody spells it.
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { toJid } from "./jid.ts";

// Prosody's own preparation of JIDs, one a line, by the library that its routing uses.
const script = `
package.path = "/usr/lib/prosody/?.lua;" .. package.path
package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
local prep = require "util.jid".prep
for line in io.lines() do print(prep(line) or "-") end
`;

function prepared(jids: readonly string[]): string[] {
  const run = spawnSync("lua5.4", ["-e", script], {
    input: `${jids.join("\n")}\n`,
    maxBuffer: 256 * 1024 * 1024,
  });
  if (run.status !== 0) throw new Error(`Prosody's library is needed here: ${run.error ?? run.stderr}`);
  return run.stdout.toString().trimEnd().split("\n");
}

function refusedBy(locals: readonly string[]): string[] {
  const jids = locals.flatMap((local) => {
    const jid = toJid({ local, domain: "h.example" });
    return jid.ok ? [jid.value] : [];
  });
  const answers = prepared(jids);
  expect(answers).toHaveLength(jids.length);
  return jids.filter((jid, index) => answers[index] !== jid);
}

test.each([
  ["alone", "", ""],
  ["among letters", "a", "b"],
  ["among letters from right to left", "א", "ב"],
])("every character of the basic plane, %s", (_name, before, after) => {
  const locals: string[] = [];
  for (let code = 0x20; code <= 0xffff; code++) {
    if (code < 0xd800 || code > 0xdfff) locals.push(before + String.fromCharCode(code) + after);
  }
  expect(refusedBy(locals)).toEqual([]);
});

test("any text that is given a JID, and any resource", () => {
  const text = fc.string({ unit: "binary", minLength: 1, maxLength: 8 });
  const rightToLeft = fc.string({ unit: fc.constantFrom(..."אבا ب1-_.@\\ֿ۱a"), minLength: 1, maxLength: 6 });
  const samples = fc.sample(fc.oneof(text, rightToLeft), 5000);
  expect(refusedBy(samples)).toEqual([]);
  const resources = samples.flatMap((device) => {
    const jid = toJid({ local: "a", domain: "h.example", device });
    return jid.ok ? [jid.value] : [];
  });
  // Spelling may differ here, with compatibility characters; validity may not.
  expect(resources.length).toBeGreaterThan(100);
  expect(prepared(resources)).not.toContain("-");
});
