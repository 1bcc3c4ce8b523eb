// The INVITE server transaction: RFC 3261 §17.2.1 with RFC 6026 §7.1. The repetition of a 2xx until its ACK, which RFC 3261
// §13.3.1.4 gives to the core, is done here too: nothing above has to keep the response.
import { lifeMs, t1Ms, t2Ms, t4Ms } from "./timers.ts";

export interface InviteServerState {
  readonly phase: "idle" | "proceeding" | "accepted" | "completed" | "confirmed" | "terminated";
  readonly reliable: boolean;
  /** The next wait of timer G. */
  readonly gMs: number;
  /** Something has been sent that a retransmission is answered with. */
  readonly answered: boolean;
}
/** `trying`: the moment of the 100. G: the final response again. H: no ACK came. I: late ACKs. L: the memory after a 2xx. */
type InviteServerTimer = "trying" | "G" | "H" | "I" | "L";
export type InviteServerInput =
  | { readonly kind: "begin" }
  | { readonly kind: "retransmission" }
  | { readonly kind: "respond"; readonly status: number }
  /** The ACK of a refusal comes with the same branch. */
  | { readonly kind: "ack" }
  /** The ACK of a 2xx was found by its dialog. */
  | { readonly kind: "acknowledged" }
  | { readonly kind: "timer"; readonly name: string };
export type InviteServerOutput =
  | { readonly do: "send" | "send-100" | "unacknowledged" }
  | { readonly do: "start-timer"; readonly name: InviteServerTimer; readonly delayMs: number }
  | { readonly do: "stop-timer"; readonly name: InviteServerTimer };
export type InviteServerStep = readonly [InviteServerState, readonly InviteServerOutput[]];

/** When 100 is sent if nothing else was (RFC 3261 §17.2.1), milliseconds. */
const soonMs = 200;

/** The state before the first step. */
export const newInviteServer = (reliable: boolean): InviteServerState => ({
  phase: "idle",
  reliable,
  gMs: t1Ms,
  answered: false,
});

const stop = (name: InviteServerTimer): InviteServerOutput => ({ do: "stop-timer", name });
const start = (name: InviteServerTimer, delayMs: number): InviteServerOutput => ({
  do: "start-timer",
  name,
  delayMs,
});

/** One step of the machine. A second final response changes nothing. */
export function stepInviteServer(state: InviteServerState, input: InviteServerInput): InviteServerStep {
  if (state.phase === "terminated") return [state, []];
  switch (input.kind) {
    case "begin":
      return state.phase === "idle"
        ? [{ ...state, phase: "proceeding" }, [start("trying", soonMs)]]
        : [state, []];
    case "retransmission":
      return [state, repeats(state) ? [{ do: "send" }] : []];
    case "respond":
      return onRespond(state, input.status);
    case "ack":
      if (state.phase !== "completed") return [state, []];
      if (state.reliable) return [{ ...state, phase: "terminated" }, [stop("G"), stop("H")]];
      return [{ ...state, phase: "confirmed" }, [stop("G"), stop("H"), start("I", t4Ms)]];
    case "acknowledged":
      // H stands for "no ACK has come" in both phases; L goes on absorbing retransmissions.
      return state.phase === "accepted" ? [state, [stop("G"), stop("H")]] : [state, []];
    case "timer":
      return onTimer(state, input.name);
  }
}

// What comes again after a 2xx is absorbed: timer G repeats the 2xx by itself (RFC 6026 §7.1).
const repeats = ({ phase, answered }: InviteServerState): boolean =>
  (phase === "proceeding" && answered) || phase === "completed";

function onRespond(state: InviteServerState, status: number): InviteServerStep {
  if (state.phase !== "proceeding") return [state, []];
  if (status < 200) return [{ ...state, answered: true }, [stop("trying"), { do: "send" }]];
  const repeat = [stop("trying"), { do: "send" } as const, start("H", lifeMs)];
  if (status < 300) {
    // Also over TCP: the ACK of a 2xx comes from end to end, and some hop may lose it (RFC 3261 §13.3.1.4).
    const outputs = [...repeat, start("G", t1Ms), start("L", lifeMs)];
    return [{ ...state, phase: "accepted", answered: true }, outputs];
  }
  const outputs = state.reliable ? repeat : [...repeat, start("G", t1Ms)];
  return [{ ...state, phase: "completed", answered: true }, outputs];
}

function onTimer(state: InviteServerState, name: string): InviteServerStep {
  if (name === "trying")
    return state.phase === "proceeding" && !state.answered
      ? [{ ...state, answered: true }, [{ do: "send-100" }]]
      : [state, []];
  if (name === "G") {
    const gMs = Math.min(2 * state.gMs, t2Ms);
    return [{ ...state, gMs }, [{ do: "send" }, start("G", gMs)]];
  }
  if (name === "H") {
    const tell: readonly InviteServerOutput[] =
      state.phase === "accepted" ? [stop("G"), { do: "unacknowledged" }] : [stop("G")];
    return [{ ...state, phase: "terminated" }, [...tell, stop("L")]];
  }
  return [{ ...state, phase: "terminated" }, []];
}
