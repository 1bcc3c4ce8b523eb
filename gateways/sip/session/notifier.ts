// One subscription to a room's roster: when it is notified of what, and how it ends (RFC 6665 §4.2, RFC 4575 §4.4). Pure.

/** How somebody went: RFC 4575 §5.7.6, and why in words. */
export interface Departure {
  readonly method: "departed" | "booted" | "failed";
  readonly reason: string;
}

/** What a NOTIFY is to say: all, or these parts. */
export interface News {
  readonly full: boolean;
  readonly users: ReadonlySet<string>;
  /** By the entity that is seen no longer; without a departure it is only seen as another. */
  readonly gone: ReadonlyMap<string, Departure | undefined>;
  readonly description: boolean;
}

export interface NotifierState {
  readonly phase: "quiet" | "notifying" | "over";
  /** What has happened since the last NOTIFY. */
  readonly news: News | undefined;
  /** The pause between two NOTIFYs has not passed. */
  readonly pausing: boolean;
  /** It is to end with this reason once it may be told. */
  readonly ending: EndReason | undefined;
}
export type EndReason = "timeout" | "noresource" | "rejected" | "deactivated";

export type NotifierInput =
  /** Subscribed, or subscribed again: answered by a NOTIFY of everything, at once (RFC 6665 §4.2.1.3). */
  | { readonly kind: "subscribed"; readonly expiresMs: number }
  | { readonly kind: "happened"; readonly news: News }
  /** The answer to the last NOTIFY; 408 for none. */
  | { readonly kind: "answered"; readonly status: number }
  | { readonly kind: "end"; readonly reason: EndReason }
  | { readonly kind: "timer"; readonly name: string };

export type NotifierOutput =
  | { readonly do: "notify"; readonly news: News; readonly ending: EndReason | undefined }
  | { readonly do: "forget" }
  | { readonly do: "start-timer"; readonly name: "expiry" | "pause"; readonly delayMs: number }
  | { readonly do: "stop-timer"; readonly name: "expiry" | "pause" };

export type NotifierStep = readonly [NotifierState, readonly NotifierOutput[]];

export const newNotifier: NotifierState = {
  phase: "quiet",
  news: undefined,
  pausing: false,
  ending: undefined,
};
export const everything: News = { full: true, users: new Set(), gone: new Map(), description: true };

/** More single users than this are told as everything. */
const mostParts = 50;

/** Both together. */
export function together(a: News | undefined, b: News): News {
  if (a === undefined) return b;
  // Somebody who came back is there; somebody who left after coming is not.
  const users = new Set([...a.users, ...b.users]);
  const gone = new Map([...a.gone, ...b.gone]);
  const full = a.full || b.full || users.size + gone.size > mostParts;
  return full ? everything : { full, users, gone, description: a.description || b.description };
}

/** One step; `pauseMs` is the least time between two NOTIFYs that nobody asked for (RFC 4575 §3.8). */
export const stepNotifier =
  (pauseMs: number) =>
  (state: NotifierState, input: NotifierInput): NotifierStep => {
    if (state.phase === "over") return [state, []];
    switch (input.kind) {
      case "subscribed":
        return onSubscribed(state, input.expiresMs, pauseMs);
      case "happened":
        return maybe({ ...state, news: together(state.news, input.news) }, pauseMs);
      case "answered":
        return onAnswered(state, input.status, pauseMs);
      case "end":
        return maybe(ended(state, input.reason), pauseMs);
      case "timer":
        return input.name === "expiry"
          ? maybe(ended(state, "timeout"), pauseMs)
          : maybe({ ...state, pausing: false }, pauseMs);
    }
  };

const ended = (state: NotifierState, ending: EndReason): NotifierState => ({
  ...state,
  ending,
  news: everything,
  pausing: false,
});

function onSubscribed(state: NotifierState, expiresMs: number, pauseMs: number): NotifierStep {
  if (expiresMs === 0) return maybe(ended(state, "timeout"), pauseMs);
  const [after, outputs] = maybe({ ...state, news: everything, pausing: false }, pauseMs);
  return [after, [{ do: "start-timer", name: "expiry", delayMs: expiresMs }, ...outputs]];
}

// One NOTIFY at a time (RFC 6665 §4.2.2), the last word without delay.
function maybe(state: NotifierState, pauseMs: number): NotifierStep {
  const { news, ending } = state;
  if (state.phase === "notifying" || state.pausing || news === undefined) return [state, []];
  const notify: NotifierOutput = { do: "notify", news, ending };
  const after: NotifierState = { ...state, phase: "notifying", news: undefined, pausing: pauseMs > 0 };
  if (ending !== undefined) return [after, [{ do: "stop-timer", name: "expiry" }, notify]];
  return [after, pauseMs > 0 ? [notify, { do: "start-timer", name: "pause", delayMs: pauseMs }] : [notify]];
}

// RFC 6665 §4.2.2, §4.1.3: these end a subscription, and so does silence.
const fatal: ReadonlySet<number> = new Set([
  404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604,
]);

function onAnswered(state: NotifierState, status: number, pauseMs: number): NotifierStep {
  if (state.phase !== "notifying") return [state, []];
  const told = state.ending !== undefined && state.news === undefined;
  if (told || fatal.has(status)) {
    const stop: readonly NotifierOutput[] = [
      { do: "stop-timer", name: "expiry" },
      { do: "stop-timer", name: "pause" },
    ];
    return [{ ...state, phase: "over" }, [...stop, { do: "forget" }]];
  }
  // What was refused is missing there: everything anew.
  const news = status >= 300 ? everything : state.news;
  return maybe({ ...state, phase: "quiet", news }, pauseMs);
}
