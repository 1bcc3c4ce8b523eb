// The whole picture of a room for somebody who enters it: himself, settings, subject, the roster in pages, and history. XEP-0045 §7.2 in meaning.
import type { Participant, RoomEvent } from "#bus-schemas/events/room.ts";
import { type RoomView, recentLimit } from "#bus-schemas/rooms/view.ts";
import { limits } from "../wire/limits.ts";
import type { RoomEntry, RoomHappening, RoomSubject } from "../wire/room-event.ts";
import { formatAddress } from "./address.ts";
import { entriesOf, personOf, settingsOf, type Viewer } from "./room-from-bus.ts";

/** The roster in frames; always at least one. */
export function rosterPages(view: RoomView, viewer: Viewer): RoomHappening[] {
  const people = [...view.participants.values()];
  const pages: RoomHappening[] = [];
  for (let at = 0; at === 0 || at < people.length; at += limits.rosterPage)
    pages.push({
      event: "roster",
      participants: people.slice(at, at + limits.rosterPage).map((one) => personOf(one, viewer)),
      first: at === 0,
      last: at + limits.rosterPage >= people.length,
    });
  return pages;
}

/** The first frame: the session is taken. Undefined if he is not in the room, or there is none. */
export function acceptedFrame(
  view: RoomView,
  viewer: Viewer,
  about: { readonly resumed: boolean; readonly created: boolean; readonly since?: number },
): RoomHappening | undefined {
  const self: Participant | undefined = view.participants.get(viewer.key);
  if (self === undefined || view.config === undefined) return undefined;
  const subject = subjectOf(view, viewer);
  return {
    event: "session-state",
    state: "accepted",
    audio: false,
    video: false,
    uri: formatAddress(view.room),
    settings: settingsOf(view.config),
    self: personOf(self, viewer),
    total: view.participants.size,
    ...(subject === undefined ? {} : { subject }),
    resumed: about.resumed,
    ...(about.since === undefined ? {} : { since: about.since }),
    ...(about.created ? { created: true } : {}),
  };
}

function subjectOf({ subject, number }: RoomView, viewer: Viewer): RoomSubject | undefined {
  if (subject === undefined) return undefined;
  const { by, text, time } = subject;
  return {
    number,
    event_id: "",
    text,
    by: {
      ...(by.key === undefined ? {} : { participant_id: viewer.idOf(by.key) }),
      ...(by.nick === undefined ? {} : { nick: by.nick }),
    },
    timestamp: new Date(time).toISOString(),
  };
}

// A view that has had to let go of something is full, or nearly so in octets: its limit less its longest message.
const cutBytes = 100 * 1024;
const isCut = ({ recent, recentBytes }: RoomView): boolean =>
  recent.length >= recentLimit || recentBytes > cutBytes;

/** The newest entries of the view that this viewer may see, at most `most`. */
export function recentFrame(view: RoomView, viewer: Viewer, most: number): RoomHappening {
  const entries = entriesOf(view.recent, viewer);
  const shown = most === 0 ? [] : entries.slice(-most);
  return { event: "history", entries: shown, more: shown.length < entries.length || isCut(view) };
}

/** What was kept as history, in frames of a size that one can read; at least one. */
export function historyFrames(
  events: readonly RoomEvent[],
  viewer: Viewer,
  about: { readonly more: boolean; readonly request?: string },
): RoomHappening[] {
  const pages: RoomEntry[][] = [[]];
  let size = 0;
  for (const entry of entriesOf(events, viewer)) {
    if (size > limits.historyCharacters) {
      pages.push([]);
      size = 0;
    }
    pages.at(-1)?.push(entry);
    size += entry.entry === "message" ? entry.content.length : 0;
  }
  return pages.map((entries) => ({ event: "history", entries, ...about }));
}

/** All that was said after this number, if the view reaches back so far; undefined if not. */
export function saidSince(view: RoomView, viewer: Viewer, since: number): RoomHappening[] | undefined {
  const [oldest] = view.recent;
  if (since < view.number && (oldest === undefined || oldest.number > since + 1)) return undefined;
  const events = view.recent.filter(({ number }) => number > since);
  return historyFrames(events, viewer, { more: false });
}
