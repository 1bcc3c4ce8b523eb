// What is said in a room: to all or to one, corrections, answers, reactions, retractions. XEP-0045 §7.4, §7.5; XEP-0308, 0424, 0425, 0444, 0461.
import { bare } from "#bus-schemas/address.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Participant, RoomConfig, RoomEvent, RoomMessage } from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { byNick, type RoomView } from "#bus-schemas/rooms/view.ts";
import { actor, type Context, type Decision, done, legKey, refused, speaker, standing } from "./decision.ts";

/** A message that came to the room's address. */
export function say(context: Context, event: MessageEvent): Decision {
  const { view } = context;
  if (!view.exists || view.config === undefined) return refused("no-such-room");
  // Where a channel cannot put him out he may still be in it: the room does not listen.
  if (event.leg !== undefined && standing(context, event.from) === "outcast") return refused("banned");
  const from = speaker(context, event.leg) ?? stranger(context, event);
  if (from === undefined) return refused("not-joined");
  const nick = event.to.device;
  if (nick !== undefined) return whisper(view, view.config, from, nick, event);
  if (from.role === "observer") return refused("forbidden", "only those who have a voice may speak here");
  return done({ kind: "said", message: message(view, from, event) });
}

/** Somebody of a leg who is not mirrored (too many people there) speaks all the same. */
function stranger(context: Context, event: MessageEvent): Participant | undefined {
  if (event.leg === undefined) return undefined;
  const { from } = event;
  return {
    key: legKey(event.leg, from.local),
    nick: from.display ?? from.local,
    address: bare(from),
    assurance: from.assurance,
    role: "speaker",
    affiliation: "none",
    endpoints: [],
    leg: event.leg,
    joined: context.now,
  };
}

function whisper(
  view: RoomView,
  config: RoomConfig,
  from: Participant,
  nick: string,
  event: MessageEvent,
): Decision {
  const to = byNick(view, nick);
  if (to === undefined) return refused("no-such-person");
  const allowed = {
    everybody: true,
    speakers: from.role !== "observer",
    moderators: from.role === "moderator",
    nobody: false,
  };
  // A moderator can always be asked for help, and can always answer.
  const isHelp = to.role === "moderator" && config.privateMessages !== "nobody";
  if (!allowed[config.privateMessages] && !isHelp) return refused("no-private-messages");
  return done({
    kind: "said",
    message: { ...message(view, from, event), to: { key: to.key, nick: to.nick } },
  });
}

function message(view: RoomView, from: Participant, event: MessageEvent): RoomMessage {
  const corrects = event.correctionOf === undefined ? undefined : findOwn(view, from.key, event.correctionOf);
  const repliesTo = event.replyTo === undefined ? undefined : reply(view, event.replyTo);
  const endpoint = from.endpoints.find(
    ({ address, carrier }) => carrier === event.origin.carrier && address.device === event.from.device,
  );
  const { carrier, messageId } = event.origin;
  return {
    from: actor(from),
    ...(event.leg !== undefined && { leg: event.leg }),
    origin: {
      carrier,
      ...(messageId !== undefined && { messageId }),
      ...(endpoint && { endpoint: endpoint.id }),
    },
    kind: event.kind === "notice" ? "notice" : "chat",
    action: event.action,
    text: event.text,
    ...(event.spans && { spans: event.spans }),
    ...(event.language !== undefined && { language: event.language }),
    ...(event.thread !== undefined && { thread: event.thread }),
    ...(event.written !== undefined && { written: event.written }),
    ...(corrects !== undefined && { corrects }),
    ...(repliesTo && { repliesTo }),
  };
}

/** The room's id of what this person said under his own id; the room's id itself will do too. */
function findOwn(view: RoomView, key: string, id: string): string | undefined {
  const found = view.recent.findLast(
    ({ id: event, change }) =>
      change.kind === "said" &&
      change.message.from.key === key &&
      (change.message.origin.messageId === id || event === id),
  );
  if (found?.change.kind !== "said") return undefined;
  // A correction of a correction is one of the first message (XEP-0308 §3).
  return found.change.message.corrects ?? found.id;
}

function reply(
  view: RoomView,
  to: NonNullable<MessageEvent["replyTo"]>,
): RoomMessage["repliesTo"] | undefined {
  const found = to.id === undefined ? undefined : find(view, to.id);
  if (found?.change.kind !== "said")
    return to.id === undefined
      ? undefined
      : {
          id: to.id.slice(0, 64),
          ...(to.nick !== undefined && { nick: to.nick }),
          ...(to.excerpt !== undefined && { excerpt: to.excerpt }),
        };
  const { nick } = found.change.message.from;
  return { id: found.id, ...(nick !== undefined && { nick }), excerpt: excerpt(found.change.message.text) };
}

const find = (view: RoomView, id: string): RoomEvent | undefined =>
  view.recent.findLast(
    (event) =>
      event.id === id || (event.change.kind === "said" && event.change.message.origin.messageId === id),
  );

/** The first characters, never half of one. */
const excerpt = (text: string): string => [...text.replace(/\s+/gu, " ")].slice(0, 80).join("");

/** Takes a message back: its author, or a moderator. */
export function retract(context: Context, wish: Extract<RoomDo, { kind: "retract" }>): Decision {
  const from = speaker(context, wish.leg);
  if (from === undefined) return refused("not-joined");
  const id = findOwn(context.view, from.key, wish.message) ?? wish.message;
  const found = context.view.recent.findLast((event) => event.id === id);
  if (found?.change.kind !== "said") return refused("no-such-message");
  const moderated = found.change.message.from.key !== from.key;
  if (moderated && from.role !== "moderator") return refused("forbidden");
  return done({
    kind: "retracted",
    message: id,
    by: actor(from),
    moderated,
    ...(wish.reason !== undefined && { reason: wish.reason }),
  });
}

/** Sets all of one person's reactions to one message. */
export function react(context: Context, wish: Extract<RoomDo, { kind: "react" }>, leg?: string): Decision {
  const from = speaker(context, leg);
  if (from === undefined) return refused("not-joined");
  if (from.role === "observer") return refused("forbidden");
  const found = find(context.view, wish.message);
  if (found?.change.kind !== "said") return refused("no-such-message");
  const { carrier } = context;
  const origin = { carrier, ...(wish.messageId !== undefined && { messageId: wish.messageId }) };
  return done({
    kind: "reacted",
    message: found.id,
    by: actor(from),
    emoji: [...new Set(wish.emoji)],
    origin,
  });
}
