// The shared sections: defaults, overrides, values, and following a file that changes.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { buildDirectory } from "../directory-build.ts";
import { type HouseConfig, houseConfig, readConfig, readSection } from "./config.ts";
import { parseConfigFile } from "./config-file.ts";
import { ConfigError, printProblem } from "./config-problem.ts";
import { describe as descriptionOf, keysOf, schemasAt } from "./config-schema.ts";
import { duration, parseListen } from "./config-values.ts";
import { watchConfig } from "./config-watch.ts";
import type { Problem } from "./problem.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-config-"));
afterAll(() => rmSync(folder, { recursive: true }));
const write = (text: string, name = "parley.yaml"): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("readConfig", () => {
  test("fills in defaults that work", () => {
    const { house, problems } = readConfig(write("domains: { sip.example: { homes: [sip] } }"), {});
    expect(problems).toEqual([]);
    expect(house).toMatchObject({
      state: ".parley",
      bus: { servers: ["nats://127.0.0.1:4222"], storage: "file", volatile: false, replicas: 1 },
      domains: { "sip.example": { homes: ["sip"], deliver: "any", faces: {} } },
      foreign: { sip: false, xmpp: false, trusted: [] },
      lifetime: { default: 86_400_000, most: 604_800_000 },
      health: { listen: { host: "127.0.0.1", port: 0 } },
      log: { level: "info" },
    });
  });

  test("what it reads is what the directory is built of, in canonical spelling", () => {
    const text =
      "domains: { Müller.Example: { homes: [sip] } }\naccounts: [{ address: Al@müller.example, password: p }]";
    const { house } = readConfig(write(text), {});
    if (!house) throw new Error("not read");
    const directory = buildDirectory(house);
    expect(directory.domainsOf("sip")).toEqual(["xn--mller-kva.example"]);
    expect(directory.account({ local: "al", domain: "xn--mller-kva.example" })?.password).toBe("p");
  });

  test("a group with nothing in it has its defaults; a value with nothing in it is a mistake", () => {
    expect(readConfig(write("domains:\nforeign:\nlifetime:\n  default: 2d"), {}).house?.foreign.sip).toBe(
      false,
    );
    expect(readConfig(write("bus:\n  token:\n"), {}).problems.map((problem) => problem.message)).toEqual([
      "is empty",
    ]);
  });

  test.each([
    ["a text", { PARLEY_BUS_TOKEN: "123" }, (house: HouseConfig) => house.bus.token, "123"],
    ["yes or no", { PARLEY_BUS_VOLATILE: "true" }, (house: HouseConfig) => house.bus.volatile, true],
    [
      "a list with commas",
      { PARLEY_BUS_SERVERS: "nats://a, nats://b" },
      (house: HouseConfig) => house.bus.servers,
      ["nats://a", "nats://b"],
    ],
    [
      "a top key",
      { PARLEY_STATE: "/var/lib/parley" },
      (house: HouseConfig) => house.state,
      "/var/lib/parley",
    ],
    ["an enumeration", { PARLEY_LOG_LEVEL: "debug" }, (house: HouseConfig) => house.log.level, "debug"],
    [
      "somebody else's",
      { PARLEY_VECTORS: "/x", PARLEY_CONFIG: "y", OTHER: "z" },
      (house: HouseConfig) => house.state,
      ".parley",
    ],
  ])("a variable sets %s", (_name, env, get, expected) => {
    const { house } = readConfig(write("log: {}"), env);
    expect(house && get(house)).toEqual(expected);
  });

  test("a variable reaches keys of several words, and keys that only the file knows", () => {
    const schema = z.object({
      holdResponse: duration.prefault("400ms"),
      networks: z.record(z.string(), z.object({ password: z.string() })).default({}),
    });
    const reading = readConfig(write("sip: { networks: { my-net: { password: p } } }"), {
      PARLEY_SIP_HOLD_RESPONSE: "2s",
      PARLEY_SIP_NETWORKS_MY_NET_PASSWORD: "q",
    });
    const { value } = readSection(reading, "sip", schema);
    expect(value).toEqual({ holdResponse: 2000, networks: { "my-net": { password: "q" } } });
  });

  test("a broken file has no house and one error to throw", () => {
    const { house, problems } = readConfig(write("bus: 5\nlog: 6"), {});
    expect(house).toBeUndefined();
    expect(new ConfigError(problems).message.split("\n")).toHaveLength(2);
    expect(new ConfigError(problems).name).toBe("ConfigError");
  });

  test("a problem is one line without secrets, whatever was written", () => {
    const text = 'accounts: [{ address: "a b", password: [hidden-one] }]\nbus: { token: { hidden: two } }';
    const lines = readConfig(write(text), {}).problems.map(printProblem);
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).not.toMatch(/hidden|\n/);
  });
});

test("every key of the shared sections is described", () => {
  const walk = (schema: z.core.$ZodType, path: string[]): string[] =>
    (keysOf(schema) ?? []).flatMap((key) => {
      const [inner] = schemasAt(schema, [key]);
      if (!inner) return [];
      const here = [...path, key];
      const items = schemasAt(inner, [0]).flatMap((item) => walk(item, here));
      const entries = schemasAt(inner, ["*"]).flatMap((item) => walk(item, here));
      const mine = descriptionOf(inner) === undefined ? [here.join(".")] : [];
      return [...mine, ...walk(inner, here), ...items, ...entries];
    });
  expect(walk(houseConfig, [])).toEqual([]);
});

describe("values", () => {
  test.each([
    ["127.0.0.1:5060", { host: "127.0.0.1", port: 5060 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["localhost:65535", { host: "localhost", port: 65_535 }],
    ["localhost:65536", undefined],
    ["::1:80", undefined],
    ["5060", undefined],
  ])("listen %s", (text, expected) => {
    expect(parseListen(text)).toEqual(expected);
  });

  test("whatever text comes as a file, an answer and no exception", () => {
    const yaml = fc.array(
      fc.constantFrom(
        "a:",
        " ",
        "\n",
        "- ",
        "{",
        "}",
        "[",
        "&x",
        "*x",
        "!!",
        "|",
        "'",
        "bus",
        "0",
        "\t",
        "<<: ",
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          yaml.map((parts) => parts.join("")),
          fc.string({ unit: "binary" }),
        ),
        (text) => {
          const { file } = parseConfigFile("f", text);
          expect(file.lineOf(["bus", 0])).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe("watchConfig", () => {
  test("tells a new content once it is whole, keeps the old one while it is broken", async () => {
    const path = write("domains: { a.example: { homes: [sip] } }", "watched.yaml");
    const changed: string[][] = [];
    const broken: (readonly Problem[])[] = [];
    const on = {
      changed: (house: HouseConfig) => void changed.push(Object.keys(house.domains)),
      broken: (problems: readonly Problem[]) => void broken.push(problems),
    };
    const watcher = watchConfig(path, {}, on, { everyMs: 20 });
    const patience = { timeout: 5000, interval: 20 };
    try {
      // As editors do: another file takes its name.
      renameSync(write("domains: { b.example: { homes: [sip] } }", "other.yaml"), path);
      await vi.waitFor(() => expect(changed).toEqual([["b.example"]]), patience);
      // Written again, but the same: another watcher, which is slower and knows nothing, shows that it has been seen.
      write("domains: { b.example: { homes: [sip] } }", "watched.yaml");
      const seen = vi.fn();
      const slower = watchConfig(path, {}, { changed: seen, broken: seen }, { everyMs: 60, known: "" });
      await vi.waitFor(() => expect(seen).toHaveBeenCalled(), patience);
      slower.close();
      expect(changed).toEqual([["b.example"]]);
      writeFileSync(path, "domains: [");
      await vi.waitFor(() => expect(broken).toHaveLength(1), patience);
      rmSync(path);
      await vi.waitFor(() => expect(broken).toHaveLength(2), patience);
      write("domains: { c.example: { homes: [sip] } }", "watched.yaml");
      await vi.waitFor(() => expect(changed).toEqual([["b.example"], ["c.example"]]), patience);
    } finally {
      watcher.close();
    }
  });
});
