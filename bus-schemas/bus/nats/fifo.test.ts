// The queue behaves as an array does.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Fifo } from "./fifo.ts";

test("any sequence of operations leaves what an array would hold", () => {
  const operation = fc.oneof(
    fc.record({ do: fc.constant("push" as const), count: fc.nat(1_500) }),
    fc.record({ do: fc.constant("shift" as const), count: fc.nat(1_500) }),
    fc.record({ do: fc.constant("unshift" as const), count: fc.nat(5) }),
    fc.record({ do: fc.constant("take" as const), count: fc.integer({ min: 2, max: 9 }) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
      const fifo = new Fifo<number>();
      let model: number[] = [];
      let next = 0;
      for (const { do: what, count } of operations) {
        const fresh = Array.from({ length: count }, () => next++);
        if (what === "push") {
          for (const item of fresh) fifo.push(item);
          model.push(...fresh);
        } else if (what === "shift") {
          for (const _ of fresh) expect(fifo.shift()).toBe(model.shift());
        } else if (what === "unshift") {
          fifo.unshift(fresh);
          model = [...fresh, ...model];
        } else {
          expect(fifo.take((item) => item % count === 0)).toEqual(model.filter((item) => item % count === 0));
          model = model.filter((item) => item % count !== 0);
        }
        expect(fifo.length).toBe(model.length);
      }
      expect(fifo.toArray()).toEqual(model);
    }),
    { numRuns: 60 },
  );
});
