// The README says what capabilities.ts and errors.ts say.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { capabilities, inRooms, onlyOnSip, row } from "./capabilities.ts";
import { statusOf } from "./errors.ts";
import { roomErrors } from "./room/errors.ts";

// The columns of the README's tables are padded.
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8").replace(/ +/g, " ");
const rows = [...Object.values(capabilities), onlyOnSip, inRooms].flatMap((table) =>
  Object.entries(table).map(([name, fate]) => row(name, fate)),
);

test.each(rows)("%s", (line) => {
  expect(readme).toContain(line);
});
test.each(Object.entries(statusOf))("%s is answered %i", (reason, status) => {
  expect(readme).toContain(`| ${reason} | ${status} |`);
});
test.each(Object.entries(roomErrors))("in rooms %s is answered %o", (reason, { sip, msrp }) => {
  expect(readme).toContain(`| ${reason} | ${sip} | ${msrp} |`);
});
