// The life of one participant's call: an INVITE dialog with one MSRP session in it (RFC 4579 §5, RFC 7701 §5). Pure.

export interface CallState {
  /** `inviting`: not answered; `answered`: 200 is sent, no ACK yet. */
  readonly sip: "inviting" | "answered" | "confirmed" | "ended";
  readonly msrp: "waiting" | "bound" | "gone";
  /** A re-INVITE of ours is under way. */
  readonly asking: boolean;
  /** How often it was tried to get a lost session back. */
  readonly tries: number;
}

export type CallInput =
  /** The room has taken him; or not, and with which status he is told. */
  | { readonly kind: "entered" }
  | { readonly kind: "refused"; readonly status: number }
  | { readonly kind: "cancel" | "ack" | "no-ack" | "bye" }
  /** Whom we had asked in has accepted, and has our ACK. */
  | { readonly kind: "accepted" }
  | { readonly kind: "bound" | "lost" }
  /** There is a new MSRP session, by a re-INVITE of either side. */
  | { readonly kind: "renewed" }
  /** Our re-INVITE was refused, or nobody answered it (408). */
  | { readonly kind: "not-renewed"; readonly status: number }
  /** The room has let him go. */
  | { readonly kind: "expelled" }
  /** The session timer has run out. */
  | { readonly kind: "expired" }
  | { readonly kind: "timer"; readonly name: string };

export type CallOutput =
  | { readonly do: "answer" }
  | { readonly do: "refuse"; readonly status: number }
  /** Tell the room that he leaves; that his connection broke. */
  | { readonly do: "leave" | "disconnected" }
  | { readonly do: "bye" }
  /** Ask for a new MSRP session. */
  | { readonly do: "re-invite" }
  | { readonly do: "close-msrp" }
  /** Nothing of it is needed any more. */
  | { readonly do: "forget" }
  | { readonly do: "start-timer"; readonly name: "again"; readonly delayMs: number }
  | { readonly do: "stop-timer"; readonly name: "again" };

export type CallStep = readonly [CallState, readonly CallOutput[]];

/** How long a client may take to come back by itself before it is asked, milliseconds; then how long between two tries. */
const firstMs = 1_500;
const againMs = 5_000;
/** So often it is tried; the room lets him go meanwhile. */
const mostTries = 15;

/** A new call, and one that another process held. */
export const newCall: CallState = { sip: "inviting", msrp: "waiting", asking: false, tries: 0 };
export const orphanedCall: CallState = { sip: "confirmed", msrp: "gone", asking: false, tries: 0 };

const end = (state: CallState, ...outputs: CallOutput[]): CallStep => [
  { ...state, sip: "ended", asking: false },
  [{ do: "stop-timer", name: "again" }, ...outputs, { do: "close-msrp" }, { do: "forget" }],
];
const same = (state: CallState): CallStep => [state, []];

/** One step. After its end nothing changes it, but that a late entry is taken back. */
export function stepCall(state: CallState, input: CallInput): CallStep {
  if (state.sip === "ended") return input.kind === "entered" ? [state, [{ do: "leave" }]] : same(state);
  switch (input.kind) {
    case "entered":
      return state.sip === "inviting" ? [{ ...state, sip: "answered" }, [{ do: "answer" }]] : same(state);
    case "refused":
      return state.sip === "inviting" ? end(state, { do: "refuse", status: input.status }) : same(state);
    case "cancel":
      return state.sip === "inviting" ? end(state) : same(state);
    case "accepted":
      return state.sip === "inviting" ? [{ ...state, sip: "confirmed" }, []] : same(state);
    case "ack":
      return state.sip === "answered" ? [{ ...state, sip: "confirmed" }, []] : same(state);
    case "no-ack":
    case "expired":
      return end(state, { do: "bye" }, { do: "leave" });
    case "bye":
      return end(state, { do: "leave" });
    case "expelled":
      return state.sip === "inviting" ? end(state, { do: "refuse", status: 480 }) : end(state, { do: "bye" });
    case "bound":
      return [{ ...state, msrp: "bound", tries: 0 }, [{ do: "stop-timer", name: "again" }]];
    case "lost":
      return onLost(state);
    case "renewed":
      return [{ ...state, msrp: "waiting", asking: false }, [{ do: "stop-timer", name: "again" }]];
    case "not-renewed":
      return onNotRenewed(state, input.status);
    case "timer":
      if (state.msrp !== "gone" || state.asking) return same(state);
      return [{ ...state, asking: true, tries: state.tries + 1 }, [{ do: "re-invite" }]];
  }
}

function onLost(state: CallState): CallStep {
  if (state.msrp === "gone") return same(state);
  const delayMs = state.tries === 0 ? firstMs : againMs;
  return [
    { ...state, msrp: "gone" },
    [{ do: "disconnected" }, { do: "start-timer", name: "again", delayMs }],
  ];
}

// RFC 5057 §5: what ends the dialog, and what only this request.
const fatal: ReadonlySet<number> = new Set([404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604]);

function onNotRenewed(state: CallState, status: number): CallStep {
  const after = { ...state, asking: false };
  if (fatal.has(status)) return end(after, { do: "leave" });
  if (state.msrp !== "gone") return [after, []];
  if (state.tries >= mostTries) return end(after, { do: "bye" }, { do: "leave" });
  return [after, [{ do: "start-timer", name: "again", delayMs: againMs }]];
}
