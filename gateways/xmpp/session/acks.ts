// Which numbered stanzas the bus holds, so that `<a h/>` never runs ahead of a gap (urn:parley:ack:0).

export interface AckState {
  /** The number of the last stanza that came. */
  readonly received: number;
  /** All up to this one are held. */
  readonly held: number;
  /** Those above `held` that are held already. */
  readonly ahead: ReadonlySet<number>;
}

/** The state after a stream began whose server has acknowledged numbers up to `h` behind it. */
export const openAcks = (h: number): AckState => ({ received: h, held: h, ahead: new Set() });

/** A stanza came: the state, in which `received` is its number. */
export const arrived = (state: AckState): AckState => ({ ...state, received: state.received + 1 });

/** Number `n` is held for good. `held` has grown if there is no gap before it. */
export function hold(state: AckState, n: number): AckState {
  if (n <= state.held || n > state.received) return state;
  if (n === state.held + 1 && state.ahead.size === 0) return { ...state, held: n };
  const ahead = new Set(state.ahead).add(n);
  let held = state.held;
  while (ahead.delete(held + 1)) held += 1;
  return { ...state, held, ahead };
}
