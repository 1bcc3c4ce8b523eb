// A reader whose lease runs out for a moment: what it hears meanwhile goes on afterwards.
import { expect, test } from "vitest";
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Ear, Heard } from "./ear.ts";
import { Reader } from "./reader.ts";

test("what is heard while the lease has run out is passed on once it is there again", async () => {
  const passed: string[] = [];
  let holds = true;
  const heard = (text: string): Heard =>
    ({
      print: text,
      at: Date.now(),
      fact: { is: "said" },
      link: { pause() {}, resume() {} },
    }) as unknown as Heard;
  const reader = new Reader({
    channel: "#lobby",
    clock: openClock(),
    log: { warn: () => undefined } as never,
    bucket: { get: async () => undefined, put: async () => undefined } as never,
    ear: { scroll: [], since: undefined, link: undefined } as unknown as Ear,
    holds: () => holds,
    pass: async ({ print }) => void passed.push(print),
    follow: async () => undefined,
    gap: async () => undefined,
    began: async () => undefined,
  });
  reader.begin();
  reader.heard(heard("before"));
  await expect.poll(() => passed).toEqual(["before"]);
  holds = false;
  reader.heard(heard("meanwhile"));
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(passed).toEqual(["before"]);
  holds = true;
  await expect.poll(() => passed).toEqual(["before", "meanwhile"]);
  reader.end();
});
