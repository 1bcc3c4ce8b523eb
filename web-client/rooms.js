// The rooms of one signed-in person: keeps them in step with the gateway, comes back to them after a break, sends what was cut off.
import { Broken, Refused } from "./link.js";
import { tellRoom } from "./room-events.js";
import { openRoomStore } from "./room-store.js";
import { spelt } from "./store.js";

const retryJoinMs = 2000;
const typingAgainMs = 20_000;

const ending = {
  kicked: "You were shown out",
  banned: "You were banned",
  "not-a-member": "This room is for members only now",
  destroyed: "This room was closed",
  replaced: "You are in this room in another window",
  left: "You left",
};

/**
 * `request(name, fields)` asks the gateway; `kept` holds rooms and unsent text for a reload; `on`: changed(key).
 */
export function openRooms({ request, kept }, on) {
  const rooms = new Map();
  const sessions = new Map();
  let connected = false;

  const keep = () =>
    kept.save(
      [...rooms.values()]
        .filter(({ state }) => state === "joined" || state === "waiting" || state === "joining")
        .map(({ uri, store, wanted }) => ({
          uri,
          nick: store.self?.nick ?? wanted.nick,
          password: wanted.password,
          unsent: store
            .unsent()
            .map(({ ownId, text, to, reply, corrects }) => ({ id: ownId, text, to, reply, corrects })),
        })),
    );

  const open = (uri) => {
    const key = spelt(uri);
    const known = rooms.get(key);
    if (known !== undefined) return known;
    const room = { uri, wanted: {}, session: undefined, typedAt: undefined, timer: undefined };
    room.store = openRoomStore(uri, () => {
      keep();
      on.changed(key);
    });
    Object.defineProperty(room, "state", { get: () => room.store.state });
    rooms.set(key, room);
    return room;
  };

  const setState = (room, state, why = "") => {
    room.store.state = state;
    room.store.why = why;
    keep();
    on.changed(spelt(room.uri));
  };

  const join = async (room) => {
    const { store, wanted, uri } = room;
    sessions.delete(room.session);
    room.session = crypto.randomUUID();
    sessions.set(room.session, room);
    clearTimeout(room.timer);
    const back = store.last !== undefined && store.self !== undefined;
    try {
      await request("videoroom-join", {
        session: room.session,
        uri,
        nick: store.self?.nick ?? wanted.nick,
        password: wanted.password,
        ...(back ? { since: store.last } : {}),
      });
    } catch (error) {
      if (error instanceof Broken || error.code === 503) {
        setState(room, "waiting");
        if (connected) room.timer = setTimeout(() => join(room).catch(ignore), retryJoinMs);
        return;
      }
      // Somebody took the nick meanwhile, or it is that of an earlier visit: any will do.
      if (error.cause === "nick-taken" && (back || wanted.again) && room.triedNick !== true) {
        room.triedNick = true;
        wanted.nick = undefined;
        store.self = undefined;
        return await join(room);
      }
      setState(room, "ended", error.message);
      throw error;
    }
  };

  const write = async (room, message) => {
    const { ownId, text, to, reply, corrects } = message;
    try {
      const ack = await request("videoroom-message", {
        session: room.session,
        message_id: ownId,
        content: text,
        content_type: "text/plain",
        timestamp: new Date(message.time).toISOString(),
        ...(to === undefined ? {} : { to }),
        ...(reply === undefined ? {} : { reply_to: reply }),
        ...(corrects === undefined ? {} : { correction_of: room.store.find(corrects)?.ownId ?? corrects }),
      });
      room.store.numbered(ownId, ack);
    } catch (error) {
      if (!(error instanceof Refused)) return ignore(error);
      // 503: the room is away for a moment; 481, 409: it is being entered again, which sends what is unsent.
      if (error.code === 503) setTimeout(() => room.state === "joined" && write(room, message), retryJoinMs);
      else if (room.state === "joined" || error.code < 481) {
        room.store.failed(ownId, error.message);
        if (corrects !== undefined) room.store.note(`Not corrected: ${error.message}`, undefined, "bad");
      }
    }
  };

  const onState = (room, frame) => {
    const { store } = room;
    if (frame.state === "accepted") {
      // What the page has stays only if all that it missed follows.
      if (frame.since === undefined && store.last !== undefined) store.forget();
      Object.assign(store, { self: frame.self, settings: frame.settings, title: frame.settings.title ?? "" });
      store.subject = frame.subject?.text ?? "";
      room.total = frame.total;
      room.isMissed = frame.since !== undefined;
      room.triedNick = false;
      if (frame.created) store.note("You made this room: you rule it. /help shows what you can do.");
    } else if (frame.state === "established") {
      store.count(frame.number);
      setState(room, "joined");
      for (const message of store.unsent()) void write(room, message);
    } else if (frame.state === "terminated") {
      sessions.delete(room.session);
      store.typing.clear();
      if (frame.cause === "lost" || frame.cause === "unreachable") {
        setState(room, "waiting");
        room.timer = setTimeout(() => join(room).catch(ignore), retryJoinMs);
        return;
      }
      store.people.clear();
      const where = frame.alternate === undefined ? "" : ` Go to ${frame.alternate}.`;
      setState(
        room,
        "ended",
        `${ending[frame.cause] ?? "The room ended"}${frame.reason ? `: ${frame.reason}` : ""}.${where}`,
      );
    }
  };

  const onRoom = (room, frame) => {
    if (frame.event === "session-state") return onState(room, frame);
    tellRoom(room.store, frame, {
      isMissed: room.isMissed === true,
      changed: () => on.changed(spelt(room.uri)),
    });
  };

  for (const { uri, nick, password, unsent } of kept.load()) {
    const room = open(uri);
    room.wanted = { nick, password, again: true };
    room.store.state = "waiting";
    for (const message of unsent) room.store.pending(message);
  }

  return {
    /** Rooms by key, for the list of conversations. */
    all: () => [...rooms.values()].map(({ store }) => store),
    get: (key) => rooms.get(key)?.store,
    /** The connection stands and the account is bound: back into every room. */
    ready() {
      connected = true;
      for (const room of rooms.values())
        if (room.state === "waiting" || room.state === "joined" || room.state === "joining")
          void join(room).catch(ignore);
    },
    lost() {
      connected = false;
      for (const room of rooms.values()) {
        clearTimeout(room.timer);
        if (room.state === "joined" || room.state === "joining") setState(room, "waiting");
      }
    },
    /** One event of a room. */
    event(frame) {
      const room = sessions.get(frame.session);
      if (room !== undefined) onRoom(room, frame);
    },
    /** A message that failed after its request was answered. True if it was of a room. */
    failed: (id, why) => [...rooms.values()].some(({ store }) => store.failed(id, why)),
    invited({ room: uri, originator, reason, password }) {
      const room = open(uri);
      if (room.state === "joined") return;
      room.wanted = { ...room.wanted, password };
      const by = originator.nick ?? originator.uri ?? "Somebody";
      room.store.invitation = { by, uri: originator.uri, reason };
      room.store.unread += 1;
      setState(room, "invited");
    },
    /** Enters; rejects with the gateway's words. */
    async join(uri, { nick, password } = {}) {
      const isNew = !rooms.has(spelt(uri));
      const room = open(uri);
      if (room.state === "joined") return;
      room.wanted = { nick: nick || room.wanted.nick, password: password || room.wanted.password };
      if (nick) room.store.self = undefined;
      setState(room, "joining");
      try {
        await join(room);
      } catch (error) {
        if (isNew) rooms.delete(spelt(uri));
        keep();
        on.changed(spelt(uri));
        throw error;
      }
    },
    async leave(key) {
      const room = rooms.get(key);
      if (room === undefined) return;
      rooms.delete(key);
      clearTimeout(room.timer);
      const { session, state } = room;
      sessions.delete(session);
      keep();
      on.changed(key);
      if (state === "joined" || state === "joining")
        await request("videoroom-leave", { session }).catch(ignore);
    },
    async decline(key) {
      const room = rooms.get(key);
      const by = room?.store.invitation?.uri;
      rooms.delete(key);
      on.changed(key);
      if (by !== undefined) await request("videoroom-decline", { uri: room.uri, to: by }).catch(ignore);
    },
    /** Says something; it goes now, or as soon as the room is there again. */
    say(key, text, { to, reply, corrects } = {}) {
      const room = rooms.get(key);
      const message = room.store.pending({ id: crypto.randomUUID(), text, to, reply, corrects });
      if (room.state === "joined") void write(room, message);
    },
    /** A request about the room; what goes wrong is a note in it. */
    async ask(key, name, fields) {
      const room = rooms.get(key);
      try {
        return await request(name, { session: room.session, ...fields });
      } catch (error) {
        room.store.note(
          error instanceof Broken ? "No connection, try again." : error.message,
          undefined,
          "bad",
        );
      }
    },
    react(key, eventId, emoji) {
      const { store } = rooms.get(key);
      const mine = store.find(eventId)?.reactions.get(store.self?.participant_id)?.emoji ?? [];
      const next = mine.includes(emoji) ? mine.filter((one) => one !== emoji) : [...mine, emoji];
      return this.ask(key, "videoroom-react", { event_id: eventId, emoji: next });
    },
    /** A page of what was said before. */
    earlier(key) {
      const before = rooms.get(key).store.oldest()?.eventId;
      return this.ask(key, "videoroom-history", { limit: 50, ...(before === undefined ? {} : { before }) });
    },
    writing(key, isWriting) {
      const room = rooms.get(key);
      if (room?.state !== "joined") return;
      const now = performance.now();
      if (isWriting ? now - room.typedAt < typingAgainMs : room.typedAt === undefined) return;
      room.typedAt = isWriting ? now : undefined;
      const state = isWriting ? "active" : "idle";
      void request("videoroom-composing-indication", { session: room.session, state }).catch(ignore);
    },
    seen(key) {
      const store = rooms.get(key)?.store;
      if (store === undefined || store.unread === 0) return;
      store.unread = 0;
      on.changed(key);
    },
  };
}

// The next connection makes good for it, or the room's note has said it.
function ignore(error) {
  if (error instanceof Broken || error instanceof Refused) return;
  throw error;
}
