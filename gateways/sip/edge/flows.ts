// Requests by a TCP flow that another instance holds: asked of it live, answered with the end (RFC 5626 §5.3 in our house).
import { z } from "zod";
import type { Bus, Reader } from "#bus-schemas/bus/port.ts";
import { instanceSubject } from "#bus-schemas/subject.ts";
import { lifeMs } from "../session/timers.ts";
import type { SipRequest } from "../wire/message.ts";
import { parseDatagram } from "../wire/parse.ts";
import { print } from "../wire/print.ts";
import type { Transactions } from "./transactions.ts";
import type { Target } from "./transport-types.ts";

const Asked = z.object({
  flow: z.string(),
  address: z.string(),
  port: z.number(),
  /** The request, printed, base64. */
  request: z.string(),
});
const Told = z.object({
  kind: z.enum(["final", "timeout", "transport", "broken", "no-flow"]),
  status: z.number().optional(),
});

/** What became of a request, as far as outbound needs to know. */
export type End =
  | { readonly kind: "final"; readonly status: number }
  | { readonly kind: "timeout" | "transport" | "broken" };

const what = "sip-flow";

/** Answers other instances that ask for one of our flows. */
export function serveFlows(
  bus: Bus,
  instance: string,
  transactions: Transactions,
  hasFlow: (flow: string) => boolean,
): Reader {
  return bus.listen(instanceSubject(instance, what), (live) => {
    const tell = (told: z.infer<typeof Told>): void => live.answer(Buffer.from(JSON.stringify(told)));
    const asked = readAs(Asked, live.data);
    const parsed = asked === undefined ? undefined : parseDatagram(Buffer.from(asked.request, "base64"));
    if (asked === undefined || parsed?.kind !== "message" || parsed.message.kind !== "request") return;
    if (!hasFlow(asked.flow)) return tell({ kind: "no-flow" });
    const target: Target = { transport: "tcp", address: asked.address, port: asked.port, flow: asked.flow };
    void transactions.request(parsed.message, target).then((ending) => {
      tell(
        ending.kind === "final" ? { kind: "final", status: ending.response.status } : { kind: ending.kind },
      );
    });
  });
}

/** Asks `owner` to send by its flow; undefined when that instance or its flow is gone. */
export async function askFlow(
  bus: Bus,
  owner: string,
  request: SipRequest,
  target: Target,
): Promise<End | undefined> {
  const { flow, address, port } = target;
  const asked = { flow, address, port, request: print(request).toString("base64") };
  const answer = await bus.ask(
    instanceSubject(owner, what),
    Buffer.from(JSON.stringify(asked)),
    lifeMs + 1_000,
  );
  const told = answer === undefined ? undefined : readAs(Told, answer);
  if (told === undefined || told.kind === "no-flow") return undefined;
  if (told.kind === "final") return { kind: "final", status: told.status ?? 500 };
  return { kind: told.kind };
}

function readAs<T extends z.ZodType>(schema: T, bytes: Uint8Array): z.output<T> | undefined {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return undefined; // Not from an instance of ours: answered by nobody.
  }
}
