// One connection's own place in one channel: wanted or not, joining, in, refused or kicked (RFC 2812 §3.2.1, §3.2.8).

export const membershipLimits = {
  /** After a refused JOIN the next try, doubling; other people change modes and bans, we do not knock. */
  firstRetryMs: 15_000,
  lastRetryMs: 600_000,
  /** A JOIN that nobody answers is tried again after that. */
  answerMs: 15_000,
} as const;

export type Place =
  | { readonly at: "out" }
  | { readonly at: "joining" }
  | { readonly at: "in" }
  /** The server's numeric and words. */
  | { readonly at: "refused"; readonly code: string; readonly text: string }
  /** Stays out until the person acts. */
  | { readonly at: "kicked"; readonly by: string; readonly text: string };

export interface Membership {
  readonly wanted: boolean;
  readonly connected: boolean;
  readonly place: Place;
  readonly tries: number;
}

export const notThere: Membership = { wanted: false, connected: false, place: { at: "out" }, tries: 0 };

export type Input =
  | { readonly kind: "want" | "unwant" | "connected" | "lost" | "entered" | "left" | "timer" | "invited" }
  /** The person has acted: what kept him out is to be tried again. */
  | { readonly kind: "act" }
  | { readonly kind: "refused"; readonly code: string; readonly text: string }
  | { readonly kind: "kicked"; readonly by: string; readonly text: string };

export type Output =
  | { readonly do: "join" | "part" | "stop-timer" }
  | { readonly do: "start-timer"; readonly ms: number }
  | { readonly do: "changed" };

export type Step = readonly [Membership, readonly Output[]];

const join = (state: Membership): Step => [
  { ...state, place: { at: "joining" } },
  [{ do: "join" }, { do: "start-timer", ms: membershipLimits.answerMs }],
];

const changed: Output = { do: "changed" };

/** One step; what does not fit the state changes nothing. */
export function step(state: Membership, input: Input): Step {
  const { place } = state;
  switch (input.kind) {
    case "want":
      return state.wanted ? [state, []] : start({ ...state, wanted: true, tries: 0 });
    case "unwant":
      return unwant(state);
    case "connected":
      return start({ ...state, connected: true });
    case "lost":
      // A kick is remembered: a new connection is no act of the person.
      return [
        { ...state, connected: false, place: place.at === "kicked" ? place : { at: "out" } },
        [{ do: "stop-timer" }, changed],
      ];
    case "entered":
      return [
        { ...state, place: { at: "in" }, tries: 0 },
        state.wanted ? [{ do: "stop-timer" }, changed] : [{ do: "part" }, { do: "stop-timer" }],
      ];
    case "left":
      return place.at === "in" && state.wanted
        ? onPutOut(state)
        : [{ ...state, place: { at: "out" } }, [changed]];
    case "kicked":
      return [
        { ...state, place: { at: "kicked", by: input.by, text: input.text } },
        [{ do: "stop-timer" }, changed],
      ];
    case "refused":
      return place.at === "joining" ? onRefused(state, input) : [state, []];
    case "timer":
      return place.at === "joining" || place.at === "refused" || place.at === "out"
        ? start(state)
        : [state, []];
    case "invited":
    case "act":
      return place.at === "in" || place.at === "joining"
        ? [state, []]
        : start({ ...state, place: { at: "out" }, tries: 0 });
  }
}

function start(state: Membership): Step {
  const may = state.wanted && state.connected && state.place.at !== "kicked" && state.place.at !== "in";
  return may ? join(state) : [state, []];
}

function unwant(state: Membership): Step {
  const { place } = state;
  const next: Membership = { ...state, wanted: false, place: { at: "out" }, tries: 0 };
  const there = state.connected && (place.at === "in" || place.at === "joining");
  return [next, there ? [{ do: "part" }, { do: "stop-timer" }] : [{ do: "stop-timer" }]];
}

/** Forced out without a KICK (SAPART, a channel that was closed): like a refused JOIN, tried again later. */
const onPutOut = (state: Membership): Step => wait({ ...state, place: { at: "out" } });

const onRefused = (state: Membership, input: { readonly code: string; readonly text: string }): Step =>
  wait({ ...state, place: { at: "refused", code: input.code, text: input.text } });

function wait(state: Membership): Step {
  const ms = Math.min(
    membershipLimits.lastRetryMs,
    membershipLimits.firstRetryMs * 2 ** Math.min(state.tries, 10),
  );
  return [{ ...state, tries: state.tries + 1 }, [{ do: "start-timer", ms }, changed]];
}
