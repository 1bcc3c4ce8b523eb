// The vocabulary tables of bus-schemas/README.md say what the code says.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readme, renewed } from "./print-vocabulary.ts";

test("the README is fresh; if not: node test/contract/print-vocabulary.ts", () => {
  const text = readFileSync(readme, "utf8");
  expect(text).toBe(renewed(text));
});
