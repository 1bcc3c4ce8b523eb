// Reasons: a closed list, a sentence for each, and an order for a sender who was refused in several places.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { moreUseful, Reason, reasons, reasonText } from "./reason.ts";

test("every reason has a sentence that fits an excerpt", () => {
  expect(Object.keys(reasonText).sort()).toEqual([...reasons].sort());
  for (const text of Object.values(reasonText)) expect(text).toMatch(/^[a-z ]{5,60}$/);
});

test("a blocked sender learns no more than a forbidden one", () => {
  expect(reasonText.blocked).toBe(reasonText.forbidden);
});

test("no other text is a reason", () => {
  expect(Reason.safeParse("bad-luck").success).toBe(false);
});

describe("the more useful of two", () => {
  test.each([
    ["too-large", "forbidden", "too-large"],
    ["unreachable", "forbidden", "forbidden"],
    ["unknown-user", "unreachable", "unreachable"],
    ["internal", "unknown-user", "unknown-user"],
  ] as const)("%s and %s: %s", (a, b, better) => {
    expect(moreUseful(a, b)).toBe(better);
  });

  test("is one of both, whichever comes first, and total over the list", () => {
    const reason = fc.constantFrom(...reasons);
    fc.assert(
      fc.property(reason, reason, reason, (a, b, c) => {
        expect([a, b]).toContain(moreUseful(a, b));
        expect(moreUseful(a, b)).toBe(moreUseful(b, a));
        expect(moreUseful(moreUseful(a, b), c)).toBe(moreUseful(a, moreUseful(b, c)));
      }),
    );
  });
});
