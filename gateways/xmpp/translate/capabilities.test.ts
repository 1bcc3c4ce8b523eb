// The README says what capabilities.ts says.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Carried, heard, message, outcome, room } from "./capabilities.ts";

const words = (text: string): string => text.replace(/\s+/g, " ");
const readme = words(readFileSync(new URL("../README.md", import.meta.url), "utf8"));
const row = ([name, one]: readonly [string, Carried]): string =>
  words(
    `| ${name} | ${one.is} | ${one.is === "carried" ? one.as : one.is === "reduced" ? one.how : one.why} |`,
  );

test.each(
  [
    ...Object.entries<Carried>(message),
    ...Object.entries<Carried>(outcome),
    ...Object.entries<Carried>(heard),
    ...Object.entries<Carried>(room),
  ].map((entry) => [entry[0], row(entry)]),
)("%s is in the README as it is decided", (_, line) => {
  expect(readme).toContain(line);
});
