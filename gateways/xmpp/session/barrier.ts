// When may a written message be called taken? When the server has answered something that was written after it
// (EDGES: IQ ping or `<r/>`), because it works through a component's stanzas in order and an error would have come before.

export interface BarrierState {
  /** Written since the last barrier. */
  readonly written: readonly string[];
  /** In front of the barrier that is under way. */
  readonly covered: readonly string[];
  /** The barrier under way: at most one. */
  readonly token: string | undefined;
  readonly count: number;
}

export type BarrierInput =
  | { readonly kind: "wrote"; readonly id: string }
  | { readonly kind: "answered"; readonly token: string }
  /** An error stanza with this id came. */
  | { readonly kind: "error"; readonly id: string }
  /** The stream is gone; nothing is known of what is pending. */
  | { readonly kind: "lost" };

export type BarrierOutput =
  | { readonly do: "send-barrier"; readonly token: string }
  | { readonly do: "taken"; readonly ids: readonly string[] }
  | { readonly do: "refused"; readonly id: string }
  /** To be sent again on the next stream, in this order. */
  | { readonly do: "unknown"; readonly ids: readonly string[] };

type Step = readonly [BarrierState, readonly BarrierOutput[]];

export const openBarrier: BarrierState = { written: [], covered: [], token: undefined, count: 0 };

/** One step; an answer to no barrier of ours and an error for nothing of ours do nothing. */
export function step(state: BarrierState, input: BarrierInput): Step {
  switch (input.kind) {
    case "wrote":
      return raise({ ...state, written: [...state.written, input.id] });
    case "answered":
      return onAnswer(state, input.token);
    case "error":
      return onError(state, input.id);
    case "lost": {
      const ids = [...state.covered, ...state.written];
      return [{ ...openBarrier, count: state.count }, ids.length > 0 ? [{ do: "unknown", ids }] : []];
    }
  }
}

// One barrier covers all that is written when it is sent; what is written meanwhile waits for the next one.
function raise(state: BarrierState): Step {
  if (state.token !== undefined || state.written.length === 0) return [state, []];
  const count = state.count + 1;
  const token = `parley-barrier-${count}`;
  return [{ written: [], covered: state.written, token, count }, [{ do: "send-barrier", token }]];
}

function onAnswer(state: BarrierState, token: string): Step {
  if (state.token !== token) return [state, []];
  const [next, outputs] = raise({ ...state, covered: [], token: undefined });
  return [next, state.covered.length > 0 ? [{ do: "taken", ids: state.covered }, ...outputs] : outputs];
}

function onError(state: BarrierState, id: string): Step {
  const without = (ids: readonly string[]): readonly string[] => ids.filter((one) => one !== id);
  const next = { ...state, covered: without(state.covered), written: without(state.written) };
  const known = next.covered.length + next.written.length < state.covered.length + state.written.length;
  return known ? [next, [{ do: "refused", id }]] : [state, []];
}
