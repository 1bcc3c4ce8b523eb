// From a room to the browser: each thing that happened, as somebody in the room may see it. sylkRTC-2 videoroom events and additions.
import type { Actor, Participant, RoomChange, RoomConfig, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomSummary } from "#bus-schemas/events/room-command.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type {
  RoomActor,
  RoomEntry,
  RoomHappening,
  RoomLine,
  RoomPerson,
  RoomSaid,
  RoomSettings,
} from "../wire/room-event.ts";
import { formatAddress } from "./address.ts";

/** Who looks: the participant's key, whether he may see addresses, and the id under which he knows a participant. */
export interface Viewer {
  readonly key: string;
  readonly seesAddresses: boolean;
  readonly idOf: (key: string) => string;
}

type Change<Kind extends RoomChange["kind"]> = Extract<RoomChange, { kind: Kind }>;

const given = <T extends object>(part: T | undefined): T | Record<never, never> => part ?? {};
const because = (reason: string | undefined) => given(reason === undefined ? undefined : { reason });

/** Whether this participant may see real addresses (XEP-0045 §4.1: non-anonymous, or a moderator). */
export function seesAddresses(view: RoomView, key: string): boolean {
  return view.config?.openAddresses === true || view.participants.get(key)?.role === "moderator";
}

/** A participant for the roster. */
export const personOf = (participant: Participant, viewer: Viewer): RoomPerson => ({
  participant_id: viewer.idOf(participant.key),
  nick: participant.nick,
  ...given(
    viewer.seesAddresses || participant.key === viewer.key
      ? { uri: formatAddress(participant.address) }
      : undefined,
  ),
  role: participant.role,
  affiliation: participant.affiliation,
  assurance: participant.assurance,
  carriers: [...new Set(participant.endpoints.map(({ carrier }) => carrier))],
  ...given(participant.leg === undefined ? undefined : { leg: participant.leg }),
  ...given(participant.status && { show: participant.status.show }),
  ...given(participant.status?.text === undefined ? undefined : { status: participant.status.text }),
});

/** Who did it. Nothing of an actor whom the room itself does not name. */
const actorOf = (actor: Actor | undefined, viewer: Viewer): RoomActor => ({
  ...given(actor?.key === undefined ? undefined : { participant_id: viewer.idOf(actor.key) }),
  ...given(actor?.nick === undefined ? undefined : { nick: actor.nick }),
  ...given(
    actor?.address !== undefined && (viewer.seesAddresses || actor.key === viewer.key)
      ? { uri: formatAddress(actor.address) }
      : undefined,
  ),
});
const by = (actor: Actor | undefined, viewer: Viewer) =>
  given(actor === undefined ? undefined : { by: actorOf(actor, viewer) });

/** A room's configuration; of the secret only that there is one. */
export const settingsOf = (config: RoomConfig): RoomSettings => ({
  ...given(config.title === undefined ? undefined : { title: config.title }),
  ...given(config.description === undefined ? undefined : { description: config.description }),
  persistent: config.persistent,
  listed: config.listed,
  members_only: config.membersOnly,
  moderated: config.moderated,
  open_addresses: config.openAddresses,
  subject_by: config.subjectBy,
  invites_by: config.invitesBy,
  private_messages: config.privateMessages,
  needs_password: config.password !== undefined,
  max_participants: config.maxParticipants,
  history: config.history,
  ...given(config.language === undefined ? undefined : { language: config.language }),
});

/** A line of the list of rooms. */
export const lineOf = (summary: RoomSummary): RoomLine => ({
  uri: formatAddress(summary.room),
  ...given(summary.title === undefined ? undefined : { title: summary.title }),
  ...given(summary.subject === undefined ? undefined : { subject: summary.subject }),
  participants: summary.participants,
});

/** What this viewer is told of an event, after which the room is as `view` says; undefined: nothing. */
export function happening(event: RoomEvent, view: RoomView, viewer: Viewer): RoomHappening | undefined {
  const { change, number } = event;
  switch (change.kind) {
    case "joined":
      return { event: "participant-joined", number, participant: personOf(change.participant, viewer) };
    case "left":
      return leftOf(change, number, viewer);
    case "renamed":
      return changed(event, view, viewer, change.key, { what: "nick", from: change.from });
    case "rekeyed":
      return changed(event, view, viewer, change.to, { what: "identity", was: viewer.idOf(change.key) });
    case "status":
      return changed(event, view, viewer, change.key, { what: "status" });
    case "role":
      return changed(event, view, viewer, change.key, {
        what: "role",
        ...by(change.by, viewer),
        ...because(change.reason),
      });
    case "affiliation":
      return affiliationOf(event, change, view, viewer);
    case "configured":
      return {
        event: "configure",
        number,
        originator: actorOf(change.by, viewer),
        settings: settingsOf(change.config),
      };
    case "said":
    case "subject":
    case "retracted":
    case "reacted": {
      const entry = entryOf(event, viewer);
      if (entry === undefined) return undefined;
      const { entry: name, ...rest } = entry;
      return { event: name, ...rest } as RoomHappening;
    }
    case "notice":
      return change.to === undefined || change.to === viewer.key ? noticeOf(event, change) : undefined;
    case "roster":
      return {
        event: "participants-changed",
        number,
        joined: change.joined.map((one) => personOf(one, viewer)),
        left: change.gone.map(({ key, nick, cause }) => ({ participant_id: viewer.idOf(key), nick, cause })),
        ...given(change.text === undefined ? undefined : { text: change.text }),
      };
    case "invited":
      return change.by.key === viewer.key
        ? { event: "invited", number, uri: formatAddress(change.to), by: actorOf(change.by, viewer) }
        : undefined;
    case "declined":
      return change.to.key === viewer.key
        ? { event: "declined", number, uri: formatAddress(change.from), ...because(change.reason) }
        : undefined;
    case "destroyed":
      return {
        event: "session-state",
        state: "terminated",
        code: 410,
        cause: "destroyed",
        ...because(change.reason),
        ...given(change.alternate && { alternate: formatAddress(change.alternate) }),
      };
    case "owner":
    case "created":
    case "endpoint":
    case "endpoint-gone":
      return undefined;
    default:
      return change satisfies never;
  }
}

function leftOf({ gone }: Change<"left">, number: number, viewer: Viewer): RoomHappening {
  const ending = { cause: gone.cause, ...because(gone.reason) };
  if (gone.key === viewer.key)
    return { event: "session-state", state: "terminated", code: endingCodes[gone.cause] ?? 480, ...ending };
  return {
    event: "participant-left",
    number,
    participant_id: viewer.idOf(gone.key),
    nick: gone.nick,
    ...by(gone.by, viewer),
    ...ending,
  };
}

const endingCodes: Readonly<Record<string, number>> = { left: 200, kicked: 403, banned: 403, destroyed: 410 };

function changed(
  { number }: RoomEvent,
  view: RoomView,
  viewer: Viewer,
  key: string,
  rest: Omit<Extract<RoomHappening, { event: "participant-changed" }>, "event" | "number" | "participant">,
): RoomHappening | undefined {
  const participant = view.participants.get(key);
  if (participant === undefined) return undefined;
  return { event: "participant-changed", number, participant: personOf(participant, viewer), ...rest };
}

function affiliationOf(
  event: RoomEvent,
  change: Change<"affiliation">,
  view: RoomView,
  viewer: Viewer,
): RoomHappening | undefined {
  const why = { ...by(change.by, viewer), ...because(change.reason) };
  if (change.key !== undefined)
    return changed(event, view, viewer, change.key, { what: "affiliation", ...why });
  // Of somebody who is not there only those are told who may see addresses at all.
  if (!viewer.seesAddresses) return undefined;
  const { address, affiliation } = change;
  return { event: "affiliation", number: event.number, uri: formatAddress(address), affiliation, ...why };
}

const noticeOf = (event: RoomEvent, change: Change<"notice">): RoomHappening => ({
  event: "message",
  number: event.number,
  event_id: event.id,
  type: "status",
  content_type: "text/plain",
  content: change.text,
  sender: {},
  timestamp: new Date(event.time).toISOString(),
  ...given(change.leg === undefined ? undefined : { leg: change.leg }),
});

/** Those who are told of an event in another way than everybody else: by key. */
export function concerned({ change }: RoomEvent): readonly (string | undefined)[] {
  switch (change.kind) {
    case "said":
      return [change.message.from.key, change.message.to?.key];
    case "joined":
      return [change.participant.key];
    case "left":
      return [change.gone.key, change.gone.by?.key];
    case "roster":
      return [...change.joined, ...change.gone].map(({ key }) => key);
    case "rekeyed":
      return [change.key, change.to];
    case "renamed":
    case "status":
      return [change.key];
    case "role":
    case "affiliation":
      return [change.key, change.by?.key];
    case "subject":
    case "retracted":
    case "reacted":
    case "configured":
    case "invited":
      return [change.by?.key];
    case "declined":
      return [change.to.key];
    case "notice":
      return [change.to];
    case "destroyed":
    case "owner":
    case "created":
    case "endpoint":
    case "endpoint-gone":
      return [];
    default:
      return change satisfies never;
  }
}

/** What is kept as history: said, subject, retracted, reacted; undefined for anything else, and for what is private to others. */
export function entryOf(event: RoomEvent, viewer: Viewer): RoomEntry | undefined {
  const { change } = event;
  const common = { number: event.number, event_id: event.id, timestamp: new Date(event.time).toISOString() };
  switch (change.kind) {
    case "said":
      return isFor(change, viewer) ? { entry: "message", ...common, ...saidOf(change, viewer) } : undefined;
    case "subject":
      return { entry: "subject", ...common, text: change.text, by: actorOf(change.by, viewer) };
    case "retracted":
      return {
        entry: "retracted",
        ...common,
        retracts: change.message,
        by: actorOf(change.by, viewer),
        moderated: change.moderated,
        ...because(change.reason),
      };
    case "reacted":
      return {
        entry: "reacted",
        ...common,
        reacts_to: change.message,
        by: actorOf(change.by, viewer),
        emoji: change.emoji,
      };
    default:
      return undefined;
  }
}

/** The entries of a page of history, without the text of what has been taken back within it. */
export function entriesOf(events: readonly RoomEvent[], viewer: Viewer): RoomEntry[] {
  const gone = new Set(events.flatMap(({ change }) => (change.kind === "retracted" ? [change.message] : [])));
  return events.flatMap((event) => {
    const entry = entryOf(event, viewer);
    if (entry === undefined) return [];
    return [entry.entry === "message" && gone.has(entry.event_id) ? { ...entry, content: "" } : entry];
  });
}

const isFor = ({ message }: Change<"said">, viewer: Viewer): boolean =>
  message.to === undefined || message.to.key === viewer.key || message.from.key === viewer.key;

const saidOf = (
  { message }: Change<"said">,
  viewer: Viewer,
): Omit<RoomSaid, "number" | "event_id" | "timestamp"> => ({
  type: "normal",
  content_type: "text/plain",
  content: message.action ? `/me ${message.text}` : message.text,
  sender: {
    ...actorOf(message.from, viewer),
    ...given(message.from.nick === undefined ? undefined : { display_name: message.from.nick }),
  },
  ...given(message.origin.messageId === undefined ? undefined : { message_id: message.origin.messageId }),
  ...given(message.from.key === viewer.key ? { own: true as const } : undefined),
  ...given(message.to && { to: { participant_id: viewer.idOf(message.to.key), nick: message.to.nick } }),
  ...given(message.corrects === undefined ? undefined : { corrects: message.corrects }),
  ...given(message.repliesTo && { reply_to: replyOf(message.repliesTo) }),
  ...given(message.kind === "notice" ? { kind: "notice" as const } : undefined),
  ...given(message.leg === undefined ? undefined : { leg: message.leg }),
  ...given(message.thread === undefined ? undefined : { thread: message.thread }),
  ...given(message.language === undefined ? undefined : { language: message.language }),
});

const replyOf = ({
  id,
  nick,
  excerpt,
}: NonNullable<Change<"said">["message"]["repliesTo"]>): NonNullable<RoomSaid["reply_to"]> => ({
  event_id: id,
  ...given(nick === undefined ? undefined : { nick }),
  ...given(excerpt === undefined ? undefined : { excerpt }),
});
