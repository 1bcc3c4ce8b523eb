import { expect, test } from "vitest";
import { recall } from "./recall.ts";

test("keeps so many, and forgets those that were set first", () => {
  const memory = recall<number>(3);
  for (const [n, key] of ["a", "b", "c"].entries()) memory.set(key, n);
  memory.set("a", 9);
  memory.set("d", 3);
  expect([...memory.values()]).toEqual([2, 9, 3]);
  expect(memory.get("b")).toBeUndefined();
  memory.delete("a");
  expect(memory.get("a")).toBeUndefined();
});
