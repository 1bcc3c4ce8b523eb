// The non-INVITE server transaction: RFC 3261 §17.2.2 with RFC 4320 §4 (100 late and only over UDP, never 408).
import { lifeMs, tryingMs } from "./timers.ts";

export interface ServerState {
  readonly phase: "idle" | "trying" | "proceeding" | "completed" | "terminated";
  readonly reliable: boolean;
}
/** `J`: end of the memory for retransmissions. `trying`: the moment of the late 100. */
type ServerTimer = "J" | "trying";
export type ServerInput =
  | { readonly kind: "begin" }
  | { readonly kind: "retransmission" }
  | { readonly kind: "respond"; readonly status: number }
  | { readonly kind: "timer"; readonly name: string };
type ServerOutput =
  /** The last response again, or the one that is answered now. */
  | { readonly do: "send" }
  | { readonly do: "send-100" }
  | { readonly do: "start-timer"; readonly name: ServerTimer; readonly delayMs: number }
  | { readonly do: "stop-timer"; readonly name: ServerTimer };
export type ServerStep = readonly [ServerState, readonly ServerOutput[]];

/** The state before the first step. */
export const newServer = (reliable: boolean): ServerState => ({ phase: "idle", reliable });

// The first step, when the request has come.
function begin({ reliable }: ServerState): ServerStep {
  const outputs: ServerOutput[] = reliable ? [] : [{ do: "start-timer", name: "trying", delayMs: tryingMs }];
  return [{ phase: "trying", reliable }, outputs];
}

/** One step of the machine. A second final response changes nothing (§17.2.2: it is discarded). */
export function stepServer(state: ServerState, input: ServerInput): ServerStep {
  if (state.phase === "terminated") return [state, []];
  switch (input.kind) {
    case "begin":
      return state.phase === "idle" ? begin(state) : [state, []];
    case "retransmission":
      return [state, state.phase === "trying" ? [] : [{ do: "send" }]];
    case "timer":
      if (input.name === "J") return [{ ...state, phase: "terminated" }, []];
      return state.phase === "trying"
        ? [{ ...state, phase: "proceeding" }, [{ do: "send-100" }]]
        : [state, []];
    case "respond":
      return onRespond(state);
  }
}

function onRespond(state: ServerState): ServerStep {
  if (state.phase === "completed") return [state, []];
  const stop: ServerOutput = { do: "stop-timer", name: "trying" };
  if (state.reliable) return [{ ...state, phase: "terminated" }, [{ do: "send" }]];
  return [
    { ...state, phase: "completed" },
    [stop, { do: "send" }, { do: "start-timer", name: "J", delayMs: lifeMs }],
  ];
}
