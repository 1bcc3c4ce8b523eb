// One message for a person with several homes: what follows from what one home did with it. Pure.
import type { Event } from "../event.ts";
import { limits, type MessageEvent, type Route } from "../events/message.ts";
import { moreUseful, type Reason, Reason as ReasonSchema, saysAbsent } from "../reason.ts";
import type { Delivery } from "./courier.ts";
import type { Ending } from "./item.ts";

/** What one home did with a message. */
export type Done = Delivery | { readonly end: "expired" };

export type Next =
  /** It goes on to this home; `tell`: its sender is told first what this one did. */
  | {
      readonly do: "forward";
      readonly home: string;
      readonly route: Route;
      readonly tell?: Ending;
    }
  /** It waits here, in the mailbox. */
  | { readonly do: "wait" }
  /** This is its end; `tell`: what its sender has not been told yet, undefined if that is nothing. */
  | { readonly do: "end"; readonly ending: Ending; readonly tell: Ending | undefined };

/**
 * The homes are asked in order. `any` ends with the first that takes it; `all` brings it to each, and its sender is told when
 * the first has it. A home where its person is away is passed over and kept in mind: when all others have refused, as far as
 * they say only that he is not there, it waits for him in that home's mailbox. A home that has him and refuses has answered
 * for him. `home`: the one that did it; `now`: milliseconds since 1970.
 */
export function nextHome(event: MessageEvent, home: string, done: Done, now: number): Next {
  const { route } = event;
  if (route === undefined || event.hops >= limits.hops) return atLast(route, done);
  const later = route.later ?? [];
  switch (done.end) {
    case "handed": {
      if (route.deliver === "any") return atLast(route, done);
      const delivered = route.delivered === true || done.delivered === true;
      const tell = untold(route, done);
      const on = onward({ ...route, handed: true, delivered }, later);
      return on === undefined ? atLast(route, done) : { ...on, ...(tell !== undefined && { tell }) };
    }
    case "refused": {
      const refused = worse(refusalOf(route), done.reason);
      const waits = route.handed || saysAbsent(refused) ? later : [];
      return onward({ ...route, refused }, waits) ?? atLast(route, done);
    }
    case "away":
      return onward({ ...route, later: [...later, { home, since: now }] }, []) ?? atLast(route, done);
    case "uncertain": {
      // Nobody knows whether he has it: with `any` another home might give him a second one.
      const on = route.deliver === "all" ? onward({ ...route, refused: "uncertain" }, []) : undefined;
      return on ?? atLast(route, done);
    }
    case "expired":
      return atLast(route, done);
    default:
      return done satisfies never;
  }
}

/** Whether it has another home that has not been asked yet. */
export const mayGoOn = (event: Event): event is MessageEvent =>
  event.type === "message.sent" && (event.route?.remaining.length ?? 0) > 0 && event.hops < limits.hops;

/**
 * The route of a message that waits at `home` and follows its person to `other`; undefined if it has its answer from there.
 * One without a route had a single home when it was accepted: whether `other` is one of his now, the directory says.
 */
export function routeTo(event: MessageEvent, home: string, other: string, now: number): Route | undefined {
  if (event.hops >= limits.hops) return undefined;
  const route = event.route ?? single(other);
  const later = route.later ?? [];
  if (!route.remaining.includes(other) && !later.some((one) => one.home === other)) return undefined;
  return {
    ...route,
    remaining: route.remaining.filter((one) => one !== other),
    later: [...later.filter((one) => one.home !== other), { home, since: now }],
  };
}

const single = (other: string): Route => ({
  deliver: "any",
  remaining: [other],
  handed: false,
});

/** To the next home that has not been asked, else to the first of those where he may appear. */
function onward(route: Route, waits: NonNullable<Route["later"]>): Next | undefined {
  const [next, ...remaining] = route.remaining;
  if (next !== undefined) return { do: "forward", home: next, route: { ...route, remaining } };
  const [first, ...later] = waits;
  return first && { do: "forward", home: first.home, route: { ...route, later } };
}

/** No other home is left: what this one did, with what the others did before it. */
function atLast(route: Route | undefined, done: Done): Next {
  const refused = refusalOf(route);
  if (done.end === "away") {
    if (route?.handed || refused === undefined || saysAbsent(refused)) return { do: "wait" };
    return ended(route, { end: "refused", reason: refused });
  }
  if (route?.handed && done.end !== "handed") return ended(route, { end: "handed" });
  if (done.end !== "refused" || refused === undefined) return ended(route, done);
  const reason = worse(refused, done.reason);
  // The words belong to the reason of this home, not to another's.
  return ended(route, reason === done.reason ? done : { end: "refused", reason });
}

function ended(route: Route | undefined, ending: Ending): Next {
  // Where one home may have it, "refused" would be more than anybody knows.
  if (ending.end === "refused" && ending.reason === "uncertain") return ended(route, { end: "uncertain" });
  return { do: "end", ending, tell: untold(route, ending) };
}

/** What a sender does not know yet: that it was handed over is told once, and that it was delivered. */
function untold(route: Route | undefined, ending: Ending): Ending | undefined {
  if (!route?.handed || ending.end !== "handed") return ending;
  return ending.delivered && !route.delivered ? ending : undefined;
}

function refusalOf(route: Route | undefined): Reason | undefined {
  return ReasonSchema.optional().catch("internal").parse(route?.refused);
}

function worse(before: Reason | undefined, reason: Reason): Reason {
  if (before === undefined) return reason;
  return before === "uncertain" ? before : moreUseful(before, reason);
}
