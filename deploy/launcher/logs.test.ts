// Logs: the last generation stays, and one that grows is cut under the hands of its writer.
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cutLogs, keepLastLogs } from "./logs.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-logs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

test("a start puts the logs of the last one aside", () => {
  writeFileSync(join(folder, "nats.log"), "last");
  writeFileSync(join(folder, "nats.log.1"), "before that");
  keepLastLogs(folder, ["nats", "sip"]);
  expect(readdirSync(folder)).toEqual(["nats.log.1"]);
  expect(read("nats.log.1")).toBe("last");
});

test("one beyond the limit becomes the last generation; what its writer says next is at the begin of the new one", () => {
  const writer = openSync(join(folder, "nats.log"), "a");
  writeSync(writer, "0123456789");
  cutLogs(folder, ["nats", "sip"], 10);
  expect(read("nats.log")).toBe("0123456789");
  writeSync(writer, "more");
  cutLogs(folder, ["nats", "sip"], 10);
  writeSync(writer, "next");
  closeSync(writer);
  expect([read("nats.log.1"), read("nats.log")]).toEqual(["0123456789more", "next"]);
});
