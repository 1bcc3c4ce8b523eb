// What health says of the service nick: a machine, so that a short break of its connection does not show.

export const wellnessLimits = {
  /** How long an owner may be without the nick after he had it, or after he took it over: connections come back. */
  graceMs: 10_000,
  /** At the start slots are taken one by one: whoever has not got the service's by then stands by. */
  settleMs: 1_000,
} as const;

export interface Wellness {
  readonly well: boolean;
  /** Whether the service nick is this instance's matter. */
  readonly owner: boolean;
  /** The nick that is on the network now, and why none is. */
  readonly nick: string | undefined;
  readonly why: string;
  readonly timing: boolean;
}

export type WellnessInput =
  /** The courier runs. */
  | { readonly kind: "opened" }
  | { readonly kind: "own"; readonly owned: boolean }
  | { readonly kind: "ready"; readonly nick: string }
  | { readonly kind: "lost"; readonly why: string }
  | { readonly kind: "timer" };

export type WellnessOutput =
  | { readonly do: "start-timer"; readonly ms: number }
  | { readonly do: "stop-timer" };

type WellnessStep = readonly [Wellness, readonly WellnessOutput[]];

/** At the start: not well until something is known. */
export const unknown: Wellness = { well: false, owner: false, nick: undefined, why: "", timing: false };

/** What health says in this state; `wanted` is the service nick. */
export function saying({ well, owner, nick, why }: Wellness, wanted: string): string | undefined {
  if (!owner) return well ? "standing by" : "opening";
  if (nick !== undefined) return nick === wanted ? undefined : `the service nick is in use: here as ${nick}`;
  const state = well ? "service nick is coming back" : "service nick not on the network yet";
  return why === "" ? state : `${state}: ${why}`;
}

/** One step. */
export function stepWellness(state: Wellness, input: WellnessInput): WellnessStep {
  switch (input.kind) {
    case "opened":
      return state.owner ? [state, []] : timed(state, wellnessLimits.settleMs);
    case "own":
      return input.owned === state.owner ? [state, []] : onOwn(state, input.owned);
    case "ready":
      return state.owner ? untimed({ ...state, well: true, nick: input.nick, why: "" }) : [state, []];
    case "lost":
      return state.owner ? onLost({ ...state, nick: undefined, why: input.why }) : [state, []];
    case "timer":
      return [{ ...state, well: !state.owner, timing: false }, []];
  }
}

function onOwn(state: Wellness, owner: boolean): WellnessStep {
  const next: Wellness = { ...state, owner, nick: undefined, why: "" };
  if (!owner) return untimed({ ...next, well: true });
  return next.well ? timed(next, wellnessLimits.graceMs) : untimed(next);
}

// The first loss counts: tries that fail meanwhile do not begin the wait anew.
const onLost = (state: Wellness): WellnessStep =>
  state.well && !state.timing ? timed(state, wellnessLimits.graceMs) : [state, []];

const timed = (state: Wellness, ms: number): WellnessStep => [
  { ...state, timing: true },
  [{ do: "start-timer", ms }],
];

const untimed = (state: Wellness): WellnessStep =>
  state.timing ? [{ ...state, timing: false }, [{ do: "stop-timer" }]] : [state, []];
