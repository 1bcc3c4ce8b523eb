// What the page knows of one room: who is in it, what was said in the room's order, what became of it. Pure bookkeeping.

/** Messages kept on the page; older ones go, and can be asked for again. */
const mostMessages = 2000;
const mostNotes = 300;

const collator = new Intl.Collator();
const rank = { moderator: 0, speaker: 1, observer: 2 };

/** People by id, in an order that is made anew only when somebody changed. */
class People extends Map {
  #sorted;
  set(id, person) {
    this.#sorted = undefined;
    return super.set(id, person);
  }
  delete(id) {
    this.#sorted = undefined;
    return super.delete(id);
  }
  clear() {
    this.#sorted = undefined;
    super.clear();
  }
  /** Moderators first, then by nick. */
  get sorted() {
    this.#sorted ??= [...this.values()].sort(
      (a, b) => rank[a.role] - rank[b.role] || collator.compare(a.nick, b.nick),
    );
    return this.#sorted;
  }
}

/** A room of which nothing is known yet; `changed` is called after every change. */
export function openRoomStore(uri, changed) {
  const byEvent = new Map();
  const byOwnId = new Map();
  const people = new People();
  const typing = new Map();
  // Corrections, reactions and retractions of what is not on the page yet.
  const early = new Map();
  let notes = [];
  let made = 0;

  const room = {
    uri,
    /** joining, joined, waiting (for the connection), invited, ended. */
    state: "joining",
    why: "",
    title: "",
    subject: "",
    self: undefined,
    settings: undefined,
    invitation: undefined,
    /** The last number known; what came after it is asked for after a break. */
    last: undefined,
    /** Older messages are to be had. */
    more: false,
    unread: 0,
    people,
    typing,
    touched: 0,
  };

  const count = (number) => {
    if (number !== undefined) room.last = Math.max(room.last ?? 0, number);
  };
  const forget = () => {
    room.last = undefined;
    byEvent.clear();
    early.clear();
    notes = [];
    for (const [id, message] of byOwnId) if (message.number !== undefined) byOwnId.delete(id);
  };

  const apply = (entry) => {
    const target = byEvent.get(entry.corrects ?? entry.retracts ?? entry.reacts_to);
    if (target === undefined) {
      const of = entry.corrects ?? entry.retracts ?? entry.reacts_to;
      early.set(of, [...(early.get(of) ?? []), entry]);
      return;
    }
    if (entry.reacts_to !== undefined) {
      const who = entry.by.participant_id ?? entry.by.nick;
      if (entry.emoji.length === 0) target.reactions.delete(who);
      else target.reactions.set(who, { nick: entry.by.nick, emoji: entry.emoji });
    } else if (entry.retracts !== undefined) {
      target.gone = true;
      target.text = "";
      target.why = entry.reason;
      target.reactions.clear();
    } else if (!target.gone) {
      target.text = entry.content;
      target.edited = true;
    }
    target.version += 1;
  };

  const said = (entry) => {
    const known = byEvent.get(entry.event_id) ?? (entry.own && byOwnId.get(entry.message_id));
    if (known) {
      known.number = entry.number;
      known.state = "numbered";
      known.eventId = entry.event_id;
      known.time = Date.parse(entry.timestamp);
      known.version += 1;
      byEvent.set(entry.event_id, known);
      if (known.corrects !== undefined) apply({ ...entry, corrects: known.corrects });
      return false;
    }
    // A correction is shown in the place of what it corrects, and keeps its place for corrections of corrections.
    if (entry.corrects !== undefined && byEvent.has(entry.corrects)) {
      apply(entry);
      return true;
    }
    const message = {
      id: entry.event_id,
      eventId: entry.event_id,
      ownId: entry.message_id,
      number: entry.number,
      order: made++,
      state: "numbered",
      type: entry.type,
      own: entry.own === true,
      nick: entry.sender?.nick ?? "",
      sender: entry.sender,
      to: entry.to?.nick,
      text: entry.content,
      edited: entry.corrects !== undefined,
      reply: entry.reply_to,
      leg: entry.leg,
      time: Date.parse(entry.timestamp),
      reactions: new Map(),
      // Blank in a history: it was taken back.
      gone: entry.content === "",
      version: 0,
    };
    byEvent.set(message.eventId, message);
    if (message.own && message.ownId !== undefined) byOwnId.set(message.ownId, message);
    for (const one of early.get(message.eventId) ?? []) apply(one);
    early.delete(message.eventId);
    return true;
  };

  const note = (text, number, kind = "note", time = Date.now()) => {
    notes.push({ id: `note-${made}`, order: made++, number: number ?? room.last ?? 0, kind, text, time });
    if (notes.length > mostNotes) notes = notes.slice(-mostNotes);
  };

  const trim = () => {
    if (byEvent.size <= mostMessages) return;
    const oldest = [...byEvent.values()]
      .sort((a, b) => a.number - b.number)
      .slice(0, byEvent.size - mostMessages);
    for (const message of oldest) byEvent.delete(message.eventId);
    room.more = true;
  };

  return Object.assign(room, {
    /** One entry of a history or an event of the same form. True if it is something new to read. */
    entry(kind, entry, isLive) {
      count(entry.number);
      let isNew = false;
      if (kind === "message") isNew = said(entry);
      else if (kind === "subject") {
        if (isLive || room.subject === "") room.subject = entry.text;
        note(
          `${entry.by.nick ?? "The room"} set the topic: ${entry.text || "none"}`,
          entry.number,
          "note",
          Date.parse(entry.timestamp),
        );
      } else apply(entry);
      trim();
      changed();
      return isNew;
    },
    count,
    note(text, number, kind) {
      note(text, number, kind);
      changed();
    },
    /** Everything that is shown anew after this. */
    forget,
    /** A message of one's own that is on its way. */
    pending({ id, text, to, reply, corrects }) {
      const message = {
        id,
        ownId: id,
        order: made++,
        state: "pending",
        type: "normal",
        own: true,
        nick: room.self?.nick ?? "",
        to,
        text,
        reply,
        corrects,
        time: Date.now(),
        reactions: new Map(),
        version: 0,
      };
      byOwnId.set(id, message);
      changed();
      return message;
    },
    numbered(id, ack) {
      const message = byOwnId.get(id);
      if (message === undefined) return;
      if (ack.event_id === undefined) message.state = "accepted";
      else {
        count(ack.number);
        said({ ...ack, own: true, message_id: id, content: message.text });
      }
      message.version += 1;
      changed();
    },
    failed(id, why) {
      const message = byOwnId.get(id);
      if (message === undefined || message.number !== undefined) return false;
      message.state = "failed";
      message.why = why;
      message.version += 1;
      changed();
      return true;
    },
    /** What was written and is not known to be in the room, in the order of writing. */
    unsent: () =>
      [...byOwnId.values()]
        .filter(({ state }) => state === "pending" || state === "accepted")
        .sort((a, b) => a.order - b.order),
    find: (eventId) => byEvent.get(eventId),
    lastOwn: () =>
      [...byEvent.values()]
        .filter(({ own, gone, to }) => own && !gone && to === undefined)
        .sort((a, b) => a.number - b.number)
        .at(-1),
    oldest: () => [...byEvent.values()].sort((a, b) => a.number - b.number)[0],
    /** Messages and notes in the room's order, what is on its way last. */
    lines() {
      const waiting = [...byOwnId.values()].filter(
        ({ number, corrects }) => number === undefined && corrects === undefined,
      );
      const numbered = [...new Set(byEvent.values())].filter(({ corrects }) => corrects === undefined);
      const placed = [...numbered, ...notes].sort((a, b) => a.number - b.number || a.order - b.order);
      return [...placed, ...waiting.sort((a, b) => a.order - b.order)];
    },
    roster: () => people.sorted,
  });
}
