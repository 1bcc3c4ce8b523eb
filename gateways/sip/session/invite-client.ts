// The INVITE client transaction: RFC 3261 §17.1.1 with RFC 6026 §7.2.
import { lifeMs, t1Ms } from "./timers.ts";

export interface InviteClientState {
  readonly phase: "idle" | "calling" | "proceeding" | "accepted" | "completed" | "terminated";
  readonly reliable: boolean;
  /** The next wait of timer A. */
  readonly aMs: number;
}
/** A: again. B: nobody answers. D: late refusals. M: late 2xx, of other forks too. */
type InviteClientTimer = "A" | "B" | "D" | "M";
export type InviteClientInput =
  | { readonly kind: "begin" | "transport-failed" }
  | { readonly kind: "response"; readonly status: number }
  | { readonly kind: "timer"; readonly name: string };
export type InviteClientOutput =
  | { readonly do: "send" }
  /** ACK to a refusal, from here; that of a 2xx is the business of the dialog. */
  | { readonly do: "ack" }
  /** Hand the response to the user of the transaction: each 2xx, the first refusal, each provisional one. */
  | { readonly do: "pass-up" }
  | { readonly do: "give-up"; readonly why: "timeout" | "transport" }
  | { readonly do: "start-timer"; readonly name: InviteClientTimer; readonly delayMs: number }
  | { readonly do: "stop-timer"; readonly name: InviteClientTimer };
export type InviteClientStep = readonly [InviteClientState, readonly InviteClientOutput[]];

/** The state before the first step. */
export const newInviteClient = (reliable: boolean): InviteClientState => ({
  phase: "idle",
  reliable,
  aMs: t1Ms,
});

const start = (name: InviteClientTimer, delayMs: number): InviteClientOutput => ({
  do: "start-timer",
  name,
  delayMs,
});
const quiet: readonly InviteClientOutput[] = [
  { do: "stop-timer", name: "A" },
  { do: "stop-timer", name: "B" },
];

/** One step of the machine. What does not belong to the phase changes nothing. */
export function stepInviteClient(state: InviteClientState, input: InviteClientInput): InviteClientStep {
  if (state.phase === "terminated") return [state, []];
  switch (input.kind) {
    case "begin":
      return state.phase === "idle" ? begin(state) : [state, []];
    case "transport-failed":
      if (state.phase !== "calling" && state.phase !== "proceeding") return [state, []];
      return [{ ...state, phase: "terminated" }, [...quiet, { do: "give-up", why: "transport" }]];
    case "response":
      return onResponse(state, input.status);
    case "timer":
      return onTimer(state, input.name);
  }
}

function begin(state: InviteClientState): InviteClientStep {
  const outputs: InviteClientOutput[] = [{ do: "send" }, start("B", lifeMs)];
  if (!state.reliable) outputs.push(start("A", t1Ms));
  return [{ ...state, phase: "calling" }, outputs];
}

function onResponse(state: InviteClientState, status: number): InviteClientStep {
  const waiting = state.phase === "calling" || state.phase === "proceeding";
  if (status < 200)
    return waiting ? [{ ...state, phase: "proceeding" }, [...quiet, { do: "pass-up" }]] : [state, []];
  if (status < 300) {
    if (state.phase === "accepted") return [state, [{ do: "pass-up" }]];
    if (!waiting) return [state, []];
    return [{ ...state, phase: "accepted" }, [...quiet, { do: "pass-up" }, start("M", lifeMs)]];
  }
  if (state.phase === "completed") return [state, [{ do: "ack" }]];
  if (!waiting) return [state, []];
  const outputs: InviteClientOutput[] = [...quiet, { do: "ack" }, { do: "pass-up" }];
  if (state.reliable) return [{ ...state, phase: "terminated" }, outputs];
  return [{ ...state, phase: "completed" }, [...outputs, start("D", lifeMs)]];
}

function onTimer(state: InviteClientState, name: string): InviteClientStep {
  if (name === "A" && state.phase === "calling") {
    const aMs = 2 * state.aMs;
    return [{ ...state, aMs }, [{ do: "send" }, start("A", aMs)]];
  }
  if (name === "B" && state.phase === "calling")
    return [{ ...state, phase: "terminated" }, [...quiet, { do: "give-up", why: "timeout" }]];
  if (name === "D" || name === "M") return [{ ...state, phase: "terminated" }, []];
  return [state, []];
}
