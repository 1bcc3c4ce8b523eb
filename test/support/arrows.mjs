// Who may look at whom, and what pure code may use: the sentences of the house rules as checks over the parsed sources.
// Run by `npm run arrows`; fails when it sees no module at all, so that a broken parser is no silent pass.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor } from "oxc-parser";

/**
 * @typedef {{ path: string, imports: { from: string, to: string, names: string[], typeOnly: boolean }[], globals: string[] }} Module
 * @typedef {{ rule: string, path: string, why: string }} Finding
 */

const houses = [
  "bus-schemas",
  "gateways",
  "deploy",
  "test",
  "conference-svc",
  "presence-svc",
  "media-svc",
  "web-client",
];
/** wire <- session <- translate <- edge <- main; config.ts is read by edge and main, and may name what wire knows. */
const ladder = ["wire", "session", "translate", "config", "edge", "main"];
const pureRooms = new Set(["wire", "session", "translate", "model"]);
const pureBus =
  /^bus-schemas\/(address|addresses\/[^/]+|directory|event|events\/[^/]+|ids|reason|result|rooms\/(?:capabilities|nick|view))\.ts$/;
/** Types of drafts only: nothing of delivery itself runs in translation. */
const draftTypes = "bus-schemas/delivery/courier.ts";
const effects = new Set([
  ...["Date", "process", "performance", "crypto", "fetch", "WebSocket", "queueMicrotask", "console"],
  ...["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "Promise"],
]);
const pureNode = new Set(["node:buffer", "node:string_decoder", "node:punycode", "node:url", "node:net"]);
const pureNames = new Set([
  "createHash",
  "hash",
  "createHmac",
  "timingSafeEqual",
  "isIP",
  "isIPv4",
  "isIPv6",
  "domainToASCII",
  "domainToUnicode",
  "TextDecoder",
  "TextEncoder",
]);

/** All modules of a tree. @param {string} root @returns {Module[]} */
export function readModules(root) {
  return houses.flatMap((house) => files(join(root, house))).map((file) => read(root, file));
}

/** @param {string} folder @returns {string[]} */
function files(folder) {
  /** @type {import("node:fs").Dirent[]} */
  let entries = [];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    // A house that is not built yet.
    return [];
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : files(path);
    return /\.(ts|mjs)$/.test(entry.name) ? [path] : [];
  });
}

/** @param {string} root @param {string} file @returns {Module} */
function read(root, file) {
  const path = relative(root, file);
  const parsed = parseSync(file, readFileSync(file, "utf8"));
  if (parsed.errors.length > 0) throw new Error(`${path} is not parsed: ${parsed.errors[0]?.message}`);
  /** @type {Module["imports"]} */
  const imports = [];
  /** @param {string} from @param {string[]} names @param {boolean} typeOnly */
  const add = (from, names, typeOnly) => imports.push({ from, to: target(path, from), names, typeOnly });
  for (const one of parsed.module.staticImports) {
    const typeOnly = one.entries.length > 0 && one.entries.every((entry) => entry.isType);
    add(
      one.moduleRequest.value,
      one.entries.map((entry) => entry.importName.name ?? "*"),
      typeOnly,
    );
  }
  for (const one of parsed.module.staticExports)
    for (const entry of one.entries)
      if (entry.moduleRequest) add(entry.moduleRequest.value, ["*"], entry.isType);
  return { path, imports, globals: pureRooms.has(roomOf(path)) ? globalsOf(parsed.program) : [] };
}

/** Names of effects that occur as values. @param {import("oxc-parser").Program} program */
function globalsOf(program) {
  /** @type {Set<string>} */
  const found = new Set();
  new Visitor({
    MemberExpression(node) {
      if (node.object.type !== "Identifier") return;
      const property = node.property.type === "Identifier" ? node.property.name : "";
      if (node.object.name === "Math" && property === "random") found.add("Math.random");
      // Reading a written date is arithmetic; only asking for the present one is an effect.
      const isArithmetic = node.object.name === "Date" && ["parse", "UTC"].includes(property);
      if (effects.has(node.object.name) && !isArithmetic) found.add(node.object.name);
    },
    CallExpression(node) {
      if (node.callee.type === "Identifier" && effects.has(node.callee.name)) found.add(node.callee.name);
    },
    NewExpression(node) {
      // A Date made from a given number or text is a value; `new Date()` reads the clock.
      const isValue =
        node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length > 0;
      if (node.callee.type === "Identifier" && effects.has(node.callee.name) && !isValue)
        found.add(node.callee.name);
    },
    AwaitExpression() {
      found.add("await");
    },
  }).visit(program);
  return [...found];
}

/** The path that an import means, from the root of the tree; a package's name as it is. @param {string} path @param {string} from */
function target(path, from) {
  if (from.startsWith("#bus-schemas/")) return from.slice(1);
  if (from.startsWith("#test/")) return from.slice(1);
  return from.startsWith(".") ? relative("/", resolve("/", dirname(path), from)) : from;
}

/** A gateway is a house of its own. @param {string} path */
const houseOf = (path) =>
  path.startsWith("gateways/") ? path.split("/").slice(0, 2).join("/") : (path.split("/")[0] ?? "");

/** The room of a file in its house: a folder, or main or config. @param {string} path */
const roomOf = (path) =>
  path
    .slice(houseOf(path).length + 1)
    .split("/")[0]
    ?.replace(/\.ts$/, "") ?? "";

/** Tests, and what only tests import (fakes, drivers of foreign programs beside the code). @param {Module[]} modules */
function testCode(modules) {
  /** @type {Map<string, string[]>} */
  const importers = new Map();
  for (const { path, imports } of modules)
    for (const { to } of imports) importers.set(to, [...(importers.get(to) ?? []), path]);
  const tests = new Set(
    modules.map(({ path }) => path).filter((path) => /\.test\.ts$/.test(path) || path.startsWith("test/")),
  );
  for (let before = -1; before !== tests.size; ) {
    before = tests.size;
    for (const { path } of modules) {
      const by = importers.get(path);
      if (by?.every((importer) => tests.has(importer))) tests.add(path);
    }
  }
  return tests;
}

/** @type {Record<string, (module: Module) => string[]>} */
const rules = {
  "look only left": ({ path, imports }) => {
    const from = ladder.indexOf(roomOf(path));
    if (!path.startsWith("gateways/") || from < 0) return [];
    return imports
      .filter(({ to }) => houseOf(to) === houseOf(path) && ladder.indexOf(roomOf(to)) > from)
      .map(({ to }) => `looks right at ${to}`);
  },
  "wire and session do not know the bus": ({ path, imports }) =>
    path.startsWith("gateways/") && ["wire", "session"].includes(roomOf(path))
      ? imports
          .filter(({ to }) => to.startsWith("bus-schemas/") && to !== "bus-schemas/result.ts")
          .map(({ to }) => `sees ${to}`)
      : [],
  "translate and model see the pure part of bus-schemas": ({ path, imports }) =>
    ["translate", "model"].includes(roomOf(path)) && houseOf(path) !== "bus-schemas"
      ? imports
          .filter(
            ({ to, typeOnly }) =>
              to.startsWith("bus-schemas/") && !pureBus.test(to) && !(typeOnly && to === draftTypes),
          )
          .map(({ to }) => `sees ${to}`)
      : [],
  "only edge and main see bus, delivery and service": ({ path, imports }) =>
    path.startsWith("gateways/") && roomOf(path) === "config"
      ? imports
          .filter(
            ({ to }) =>
              /^bus-schemas\/(bus|delivery|service)\//.test(to) &&
              to !== "bus-schemas/service/config-values.ts",
          )
          .map(({ to }) => `sees ${to}`)
      : [],
  "gateways and services never import each other": ({ path, imports }) =>
    /^(gateways|conference-svc|presence-svc|media-svc)\b/.test(path)
      ? imports
          .filter(
            ({ to }) =>
              /^(gateways|conference-svc|presence-svc|media-svc|deploy|web-client)\//.test(to) &&
              houseOf(to) !== houseOf(path),
          )
          .map(({ to }) => `imports ${to}`)
      : [],
  "bus-schemas imports none of them": ({ path, imports }) =>
    path.startsWith("bus-schemas/")
      ? imports
          .filter(({ to }) => houses.includes(to.split("/")[0] ?? "") && !to.startsWith("bus-schemas/"))
          .map(({ to }) => `imports ${to}`)
      : [],
  "the product does not know its tests": ({ path, imports }) =>
    imports.filter(({ to }) => to.startsWith("test/")).map(({ to }) => `${path.split("/")[0]} imports ${to}`),
  "a relative path stays in the house": ({ path, imports }) =>
    imports
      .filter(({ from, to }) => from.startsWith(".") && houseOf(to) !== houseOf(path))
      .map(({ from }) => `leaves its house by ${from}`),
  "pure code has no clock, chance, promise, socket or process": ({ path, imports, globals }) => {
    if (!pureRooms.has(roomOf(path)) || /^(bus-schemas|deploy)\//.test(path)) return [];
    const effectful = imports
      .filter(
        ({ from, names, typeOnly }) =>
          from.startsWith("node:") &&
          !typeOnly &&
          !pureNode.has(from) &&
          !names.every((name) => pureNames.has(name)),
      )
      .map(({ from, names }) => `imports ${names.join(", ")} of ${from}`);
    return [...globals.map((name) => `uses ${name}`), ...effectful];
  },
};

/** What breaks a rule. Tests may look everywhere, but not in circles. @param {Module[]} modules @returns {Finding[]} */
export function check(modules) {
  const tests = testCode(modules);
  const product = modules.filter(({ path }) => !tests.has(path));
  const broken = product.flatMap((module) =>
    Object.entries(rules).flatMap(([rule, find]) =>
      find(module).map((why) => ({ rule, path: module.path, why })),
    ),
  );
  return [...broken, ...cycles(modules)];
}

/** Cycles, also those of types alone. @param {Module[]} modules @returns {Finding[]} */
function cycles(modules) {
  const known = new Map(modules.map((module) => [module.path, module]));
  /** @type {Map<string, "open" | "done">} */
  const state = new Map();
  /** @type {Finding[]} */
  const found = [];
  /** @param {string} path @param {string[]} way */
  const walk = (path, way) => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      const ring = [...way.slice(way.indexOf(path)), path];
      found.push({ rule: "no cycles, not even of types", path, why: ring.join(" -> ") });
      return;
    }
    state.set(path, "open");
    for (const { to } of known.get(path)?.imports ?? []) if (known.has(to)) walk(to, [...way, path]);
    state.set(path, "done");
  };
  for (const path of known.keys()) walk(path, []);
  return found;
}

/** @param {string} root @returns {number} exit code */
export function main(root) {
  const modules = readModules(root);
  const arrows = modules.reduce((sum, module) => sum + module.imports.length, 0);
  if (modules.length === 0 || arrows === 0) {
    console.error(`No module or no import was seen under ${root}: the check itself is broken.`);
    return 1;
  }
  const findings = check(modules);
  for (const { rule, path, why } of findings) console.error(`${path}: ${why} (${rule})`);
  console.log(`${modules.length} modules, ${arrows} imports, ${findings.length} break a rule`);
  return findings.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = main(fileURLToPath(new URL("../..", import.meta.url)));
