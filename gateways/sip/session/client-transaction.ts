// The non-INVITE client transaction: RFC 3261 §17.1.2.
import { lifeMs, t1Ms, t2Ms, t4Ms } from "./timers.ts";

export interface ClientState {
  readonly phase: "idle" | "trying" | "proceeding" | "completed" | "terminated";
  /** TCP: nothing is sent twice. */
  readonly reliable: boolean;
  /** The next wait of timer E. */
  readonly eMs: number;
}
type ClientTimer = "E" | "F" | "K";
export type ClientInput =
  | { readonly kind: "begin" }
  | { readonly kind: "timer"; readonly name: string }
  | { readonly kind: "response"; readonly status: number }
  | { readonly kind: "transport-failed" }
  /** The user of the transaction waits no longer: another target is to be tried. */
  | { readonly kind: "abandon" };
export type ClientOutput =
  | { readonly do: "send" }
  | { readonly do: "start-timer"; readonly name: ClientTimer; readonly delayMs: number }
  | { readonly do: "stop-timer"; readonly name: ClientTimer }
  /** Hand the response to the user of the transaction. */
  | { readonly do: "pass-up" }
  | { readonly do: "give-up"; readonly why: "timeout" | "transport" };
export type ClientStep = readonly [ClientState, readonly ClientOutput[]];

/** The state before the first step. */
export const newClient = (reliable: boolean): ClientState => ({ phase: "idle", reliable, eMs: t1Ms });

// The first step: send, and wait.
function begin({ reliable }: ClientState): ClientStep {
  const state: ClientState = { phase: "trying", reliable, eMs: t1Ms };
  const outputs: ClientOutput[] = [{ do: "send" }, { do: "start-timer", name: "F", delayMs: lifeMs }];
  if (!reliable) outputs.push({ do: "start-timer", name: "E", delayMs: t1Ms });
  return [state, outputs];
}

/** One step of the machine. What does not belong to the phase changes nothing. */
export function stepClient(state: ClientState, input: ClientInput): ClientStep {
  if (state.phase === "terminated") return [state, []];
  switch (input.kind) {
    case "begin":
      return state.phase === "idle" ? begin(state) : [state, []];
    case "timer":
      return onTimer(state, input.name);
    case "response":
      return onResponse(state, input.status);
    case "transport-failed":
      if (state.phase === "completed") return [state, []];
      return [{ ...state, phase: "terminated" }, [...stopAll, { do: "give-up", why: "transport" }]];
    case "abandon":
      if (state.phase !== "trying") return [state, []];
      return [{ ...state, phase: "terminated" }, [...stopAll, { do: "give-up", why: "timeout" }]];
  }
}

const stopAll: readonly ClientOutput[] = [
  { do: "stop-timer", name: "E" },
  { do: "stop-timer", name: "F" },
];

function onTimer(state: ClientState, name: string): ClientStep {
  if (name === "K") return [{ ...state, phase: "terminated" }, []];
  if (state.phase === "completed") return [state, []];
  if (name === "F")
    return [
      { ...state, phase: "terminated" },
      [
        { do: "stop-timer", name: "E" },
        { do: "give-up", why: "timeout" },
      ],
    ];
  const eMs = state.phase === "proceeding" ? t2Ms : Math.min(2 * state.eMs, t2Ms);
  return [{ ...state, eMs }, [{ do: "send" }, { do: "start-timer", name: "E", delayMs: eMs }]];
}

function onResponse(state: ClientState, status: number): ClientStep {
  if (state.phase === "completed") return [state, []];
  if (status < 200) return [{ ...state, phase: "proceeding" }, [{ do: "pass-up" }]];
  if (state.reliable) return [{ ...state, phase: "terminated" }, [...stopAll, { do: "pass-up" }]];
  return [
    { ...state, phase: "completed" },
    [...stopAll, { do: "pass-up" }, { do: "start-timer", name: "K", delayMs: t4Ms }],
  ];
}
