// One of our people in a conference elsewhere: called in, bound, named, in; called again when he is lost (RFC 4579 §5.1, RFC 7701 §5,
// §7; RFC 7702 §6). Pure.

export const visitLimits = {
  /** Nicks that are tried where the first ones are taken. */
  nicks: 6,
  /** First and longest pause before another call, milliseconds. */
  againMs: { first: 2_000, most: 300_000 },
  /** How long an answer may take, from the call to the nick, milliseconds. */
  enterMs: 30_000,
} as const;

export interface VisitState {
  /** `waiting`: another call follows; `out`: for good. */
  readonly phase: "new" | "inviting" | "binding" | "naming" | "in" | "waiting" | "out";
  /** The nick that he has in our room. */
  readonly wanted: string;
  /** The nick that the focus has given him. */
  readonly nick: string | undefined;
  /** What NICKNAME asks for now. */
  readonly asking: string | undefined;
  readonly tries: number;
  /** The focus knows NICKNAME. */
  readonly names: boolean;
  readonly wasIn: boolean;
  readonly pauseMs: number;
}

export type VisitInput =
  | { readonly kind: "enter" | "bound" | "unbound" | "lost" | "leave" }
  /** Our INVITE is accepted, with media that we can use; `names`: it gives nicknames. */
  | { readonly kind: "accepted"; readonly names: boolean }
  /** The INVITE's final answer; 408 for none, 488 for media that are of no use. */
  | { readonly kind: "refused"; readonly status: number }
  /** The answer to NICKNAME. */
  | { readonly kind: "named"; readonly status: number }
  /** He has another nick in our room. */
  | { readonly kind: "wanted"; readonly nick: string }
  /** BYE of the focus. */
  | { readonly kind: "bye" }
  | { readonly kind: "timer"; readonly name: string };

export type VisitOutput =
  /** `bye`: ends the dialog, or gives the call up; `close`: the MSRP session. */
  | { readonly do: "invite" | "bind" | "bye" | "close" }
  | { readonly do: "name"; readonly nick: string }
  /** He is in; `first`: for the first time. */
  | { readonly do: "in"; readonly first: boolean }
  /** He is not, for now or for good. */
  | { readonly do: "absent" }
  /** His nick there is another than here, or he has none there. */
  | { readonly do: "renicked"; readonly nick: string | undefined }
  /** He cannot be there: tell him. `later`: it is tried again. */
  | { readonly do: "failed"; readonly status: number; readonly later: boolean }
  /** The focus has sent him away. */
  | { readonly do: "removed" }
  | { readonly do: "start-timer"; readonly name: "again" | "late"; readonly delayMs: number }
  | { readonly do: "stop-timer"; readonly name: "again" | "late" };

export type VisitStep = readonly [VisitState, readonly VisitOutput[]];

export const newVisit = (wanted: string): VisitState => ({
  phase: "new",
  wanted,
  nick: undefined,
  asking: undefined,
  tries: 0,
  names: false,
  wasIn: false,
  pauseMs: visitLimits.againMs.first,
});

const same = (state: VisitState): VisitStep => [state, []];
const stop = (name: "again" | "late"): VisitOutput => ({ do: "stop-timer", name });
const hasDialog: ReadonlySet<VisitState["phase"]> = new Set(["inviting", "binding", "naming", "in"]);

/** One step. After `out` nothing changes it but that he enters again. */
export function stepVisit(state: VisitState, input: VisitInput): VisitStep {
  const { phase } = state;
  switch (input.kind) {
    case "enter":
      return phase === "new" || phase === "out" || phase === "waiting" ? call(state) : same(state);
    case "leave":
      return phase === "out" ? same(state) : out(state);
    case "wanted":
      return want({ ...state, wanted: input.nick });
    case "accepted":
      if (phase !== "inviting") return same(state);
      return [{ ...state, phase: "binding", names: input.names }, [{ do: "bind" }]];
    case "refused":
      return phase === "inviting" ? failed(state, input.status) : same(state);
    case "bound":
      return phase === "binding" ? bound(state) : same(state);
    case "unbound":
      return phase === "binding" ? failed(state, 480, { do: "bye" }) : same(state);
    case "named":
      return named(state, input.status);
    case "bye":
      if (!hasDialog.has(phase)) return same(state);
      return [
        { ...state, phase: "out", nick: undefined },
        [stop("late"), { do: "close" }, { do: "absent" }, { do: "removed" }],
      ];
    case "lost":
      return hasDialog.has(phase) && phase !== "inviting" ? wait(state, [{ do: "bye" }]) : same(state);
    case "timer":
      if (input.name === "again") return phase === "waiting" ? call(state) : same(state);
      return hasDialog.has(phase) && phase !== "in" ? failed(state, 408, { do: "bye" }) : same(state);
  }
}

function call(state: VisitState): VisitStep {
  const late: VisitOutput = { do: "start-timer", name: "late", delayMs: visitLimits.enterMs };
  return [
    { ...state, phase: "inviting", nick: undefined, asking: undefined, tries: 0 },
    [stop("again"), late, { do: "invite" }],
  ];
}

function out(state: VisitState): VisitStep {
  const bye: VisitOutput[] = hasDialog.has(state.phase) ? [{ do: "bye" }, { do: "close" }] : [];
  return [
    { ...state, phase: "out", nick: undefined },
    [stop("again"), stop("late"), ...bye, { do: "absent" }],
  ];
}

/** Statuses that speak of this moment, not of him. */
const later: ReadonlySet<number> = new Set([408, 480, 486, 491, 500, 502, 503, 504, 600]);

// Whoever was in comes in again when he can; whoever was never in is told, and is not in our room either.
function failed(state: VisitState, status: number, ...before: VisitOutput[]): VisitStep {
  const again = later.has(status) && state.wasIn;
  const told: VisitOutput = { do: "failed", status, later: again };
  if (!again)
    return [
      { ...state, phase: "out", nick: undefined },
      [stop("late"), ...before, { do: "close" }, { do: "absent" }, told],
    ];
  const [after, outputs] = wait(state, before);
  return [after, [...outputs, told]];
}

function wait(state: VisitState, before: readonly VisitOutput[]): VisitStep {
  const pauseMs = Math.min(state.pauseMs * 2, visitLimits.againMs.most);
  const again: VisitOutput = { do: "start-timer", name: "again", delayMs: state.pauseMs };
  return [
    { ...state, phase: "waiting", nick: undefined, pauseMs },
    [stop("late"), ...before, { do: "close" }, { do: "absent" }, again],
  ];
}

function bound(state: VisitState): VisitStep {
  if (!state.names) return isIn(state, undefined);
  const asking = state.wanted;
  return [{ ...state, phase: "naming", asking }, [{ do: "name", nick: asking }]];
}

function isIn(state: VisitState, nick: string | undefined): VisitStep {
  const after: VisitState = {
    ...{ ...state, phase: "in", nick, asking: undefined, wasIn: true },
    pauseMs: visitLimits.againMs.first,
  };
  const told: VisitOutput[] = nick === state.wanted ? [] : [{ do: "renicked", nick }];
  return [after, [stop("late"), { do: "in", first: !state.wasIn }, ...told]];
}

function want(state: VisitState): VisitStep {
  if (state.phase !== "in" || !state.names || state.wanted === state.nick) return same(state);
  if (state.asking !== undefined) return same(state); // Asked for when the answer is there.
  return [{ ...state, asking: state.wanted, tries: 0 }, [{ do: "name", nick: state.wanted }]];
}

/** The nick is taken, or of a form that the focus does not like: another may go. */
const another: ReadonlySet<number> = new Set([424, 425]);

function named(state: VisitState, status: number): VisitStep {
  const { asking, phase, wanted } = state;
  if (asking === undefined || (phase !== "naming" && phase !== "in")) return same(state);
  if (status === 200) {
    if (phase === "naming") return after(isIn(state, asking));
    const told: VisitOutput[] = asking === wanted ? [] : [{ do: "renicked", nick: asking }];
    return after([{ ...state, nick: asking, asking: undefined }, told]);
  }
  const tries = state.tries + 1;
  if (another.has(status) && tries < visitLimits.nicks) {
    const next = `${wanted} (${tries + 1})`;
    return [{ ...state, asking: next, tries }, [{ do: "name", nick: next }]];
  }
  if (phase === "naming") return isIn(state, undefined);
  return [{ ...state, asking: undefined }, [{ do: "renicked", nick: state.nick }]];
}

// What he wants by now, if that is no variant of what he has got.
function after([state, outputs]: VisitStep): VisitStep {
  if (state.nick?.startsWith(state.wanted) === true) return [state, outputs];
  const [next, more] = want(state);
  return [next, [...outputs, ...more]];
}
