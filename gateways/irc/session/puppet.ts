// The life of one connection to a network: lazily opened, released when idle, opened again with back-off when lost.

export const lifeLimits = {
  firstRetryMs: 1_000,
  /** Longest wait between two tries; also the first one when trying again will hardly help (banned, wrong password). */
  lastRetryMs: 300_000,
  /** A connection that stood this long counts as a good one: the next loss starts from the first wait again. */
  steadyMs: 60_000,
} as const;

export type Life =
  /** Nobody needs it. */
  | { readonly name: "idle" }
  | { readonly name: "connecting"; readonly failures: number }
  | { readonly name: "ready"; readonly failures: number; readonly since: number }
  /** Lost or refused; waiting for the next try. */
  | { readonly name: "waiting"; readonly failures: number };

export type Input =
  | { readonly kind: "need" }
  | { readonly kind: "opened"; readonly now: number }
  /** `spread` is a random number from 0 to 1 that keeps many from coming back at the same moment. */
  | { readonly kind: "closed"; readonly retry: boolean; readonly now: number; readonly spread: number }
  | { readonly kind: "timer" }
  | { readonly kind: "release" };

export type Output =
  | { readonly do: "connect" }
  | { readonly do: "disconnect" }
  | { readonly do: "start-timer"; readonly ms: number }
  | { readonly do: "stop-timer" };

export type Step = readonly [Life, readonly Output[]];

export const idle: Life = { name: "idle" };

/** Milliseconds before try number `failures` + 1: doubling, between three quarters and five quarters of the mark. */
export function retryMs(failures: number, spread: number): number {
  const mark = Math.min(lifeLimits.lastRetryMs, lifeLimits.firstRetryMs * 2 ** Math.min(failures - 1, 20));
  return Math.round(mark * (0.75 + spread / 2));
}

/** One step; what does not fit the state changes nothing. */
export function step(life: Life, input: Input): Step {
  switch (input.kind) {
    case "need":
      return life.name === "idle" ? [{ name: "connecting", failures: 0 }, [{ do: "connect" }]] : [life, []];
    case "opened":
      return life.name === "connecting"
        ? [{ name: "ready", failures: life.failures, since: input.now }, []]
        : [life, []];
    case "timer":
      return life.name === "waiting"
        ? [{ name: "connecting", failures: life.failures }, [{ do: "connect" }]]
        : [life, []];
    case "closed":
      return onClosed(life, input);
    case "release":
      return onRelease(life);
  }
}

function onClosed(life: Life, input: Extract<Input, { kind: "closed" }>): Step {
  if (life.name === "idle" || life.name === "waiting") return [life, []];
  const steady = life.name === "ready" && input.now - life.since >= lifeLimits.steadyMs;
  const failures = steady ? 1 : life.failures + 1;
  const ms = input.retry ? retryMs(failures, input.spread) : lifeLimits.lastRetryMs;
  return [{ name: "waiting", failures }, [{ do: "start-timer", ms }]];
}

function onRelease(life: Life): Step {
  switch (life.name) {
    case "idle":
      return [life, []];
    case "waiting":
      return [idle, [{ do: "stop-timer" }]];
    case "connecting":
    case "ready":
      return [idle, [{ do: "disconnect" }]];
  }
}
