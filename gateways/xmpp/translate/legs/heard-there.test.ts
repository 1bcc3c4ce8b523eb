// The README shows what our rooms hear of foreign ones as the table says it.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Carried } from "../capabilities.ts";
import { heardThere } from "./heard-there.ts";

const readme = readFileSync(new URL("../../edge/legs/README.md", import.meta.url), "utf8").replace(
  / +\|/g,
  " |",
);
const words = (one: Carried): string =>
  one.is === "carried" ? one.as : one.is === "reduced" ? one.how : one.why;

test.each(Object.entries<Carried>(heardThere))("%s", (name, one) => {
  expect(readme).toContain(`| ${name} | ${one.is} | ${words(one)} |`);
});
