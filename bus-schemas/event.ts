// Everything that travels on the bus, as one union.
import { z } from "zod";
import { MessageEvent } from "./events/message.ts";
import { OutcomeEvent } from "./events/outcome.ts";

export const Event = z.discriminatedUnion("type", [MessageEvent, OutcomeEvent]);
export type Event = z.infer<typeof Event>;
export type EventType = Event["type"];
