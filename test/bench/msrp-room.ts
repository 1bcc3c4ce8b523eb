// What the MSRP bench measures: the gateway's MSRP stack with a room around it that repeats everything to everybody else.
// It runs as a process of its own under `--expose-gc` and takes orders from its parent.
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Metrics } from "#bus-schemas/service/service.ts";
import { openWheel } from "#bus-schemas/service/wheel.ts";
import { openMsrp } from "../../gateways/sip/edge/msrp/open.ts";
import type { MsrpSession } from "../../gateways/sip/edge/msrp/port.ts";
import { fakeService } from "../support/fake-service.ts";

export type RoomOrder =
  | { readonly do: "open"; readonly paths: readonly string[]; readonly failureReport: "yes" | "no" }
  | { readonly do: "usage" };

export interface RoomUsage {
  readonly sessions: number;
  /** Heap in use and memory outside of it, after a forced collection. */
  readonly heldBytes: number;
  readonly rssBytes: number;
  readonly cpuMicros: number;
  /** Sends that did not end with 200. */
  readonly failed: number;
}

const clock = openClock();
// The fake service keeps every count that is made, and that would be measured as memory of the stack.
const metrics: Metrics = {
  counter: () => ({ add: () => undefined }),
  histogram: () => ({ record: () => undefined }),
  gauge: () => undefined,
};
const parts = { clock, wheel: openWheel(clock), log: fakeService({ clock }).log, metrics };
const stack = await openMsrp(parts, { listen: [{ scheme: "msrp", address: "127.0.0.1", port: 0 }] });
const members = new Set<MsrpSession>();
let failed = 0;

function open(failureReport: "yes" | "no", path: string): string {
  const session = stack.expect(
    { acceptTypes: ["*"], maxSize: 65_536 },
    {
      message: (message) => {
        const { messageId, contentType, body } = message;
        const copy = { messageId, contentType, body, failureReport };
        for (const member of members)
          if (member !== session)
            member.send(copy).then(
              ({ status }) => {
                if (status !== 200) failed += 1;
              },
              () => undefined, // It never rejects.
            );
        message.answer(200);
      },
      closed: () => members.delete(session),
    },
  );
  session.accept([path]);
  members.add(session);
  return session.localPath.join(" ");
}

async function usage(): Promise<RoomUsage> {
  // Sockets that are closing end in turns of the loop.
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    globalThis.gc?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    sessions: members.size,
    heldBytes: heapUsed + external,
    rssBytes: rss,
    cpuMicros: user + system,
    failed,
  };
}

process.on("message", (order: RoomOrder) => {
  if (order.do === "open") {
    failed = 0;
    process.send?.(order.paths.map((path) => open(order.failureReport, path)));
  } else
    usage().then(
      (answer) => process.send?.(answer),
      (error: unknown) => {
        throw error;
      },
    );
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
