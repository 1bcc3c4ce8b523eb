// Takes out of a body what was only written for clients without the feature: XEP-0428 §3.
import { child, type Element, elements, ns } from "../wire/element.ts";

// What this gateway carries by its meaning. All else (replies, reactions) keeps its fallback: it is all that arrives.
const mapped: ReadonlySet<string> = new Set([ns.correct, ns.receipts, ns.markers, ns.chatStates]);

// What a room carries by its meaning, beside that.
const mappedInRooms: ReadonlySet<string> = new Set([...mapped, ns.reply, ns.reactions, ns.retract]);

/**
 * The body without the fallback ranges of mapped features; offsets count Unicode code points (XEP-0426 §3). Rooms carry more
 * of them than letters between two people.
 */
export function withoutFallback(stanza: Element, body: string, toRoom = false): string {
  const known = toRoom ? mappedInRooms : mapped;
  const ranges = rangesOf(stanza, known);
  if (ranges.length === 0) return body;
  const points = Array.from(body);
  return points.filter((_, at) => !ranges.some(([from, to]) => at >= from && at < to)).join("");
}

/** What a reply quotes (XEP-0461 §3). */
export function quotedBy(stanza: Element, body: string): string {
  const ranges = rangesOf(stanza, new Set([ns.reply]));
  const points = Array.from(body);
  return points.filter((_, at) => ranges.some(([from, to]) => at >= from && at < to)).join("");
}

const rangesOf = (stanza: Element, known: ReadonlySet<string>): (readonly [number, number])[] =>
  elements(stanza)
    .filter((one) => one.name === "fallback" && one.xmlns === ns.fallback && known.has(one.attrs.for ?? ""))
    .flatMap(bodyRanges);

function bodyRanges(fallback: Element): (readonly [number, number])[] {
  const parts = elements(fallback).filter((one) => one.xmlns === ns.fallback);
  // Without a range the whole is meant; a `<subject/>` alone leaves the body as it is.
  if (parts.length === 0) return [[0, Number.POSITIVE_INFINITY]];
  const body = child(fallback, "body", ns.fallback);
  if (!body) return [];
  const from = Number(body.attrs.start ?? 0);
  const to = Number(body.attrs.end ?? Number.POSITIVE_INFINITY);
  return Number.isInteger(from) && from >= 0 && to > from ? [[from, to]] : [];
}
