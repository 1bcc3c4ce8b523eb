// What the gateway tells of a room, put into what the page knows of it; what people should read of it becomes a note.

// Joins and leaves are shown in rooms of up to so many.
const quietAbove = 50;

/** Roles in words for people. */
export const roleWords = { moderator: "moderator", speaker: "a speaker", observer: "a listener" };

const leaving = {
  kicked: "was shown out",
  banned: "was banned",
  "not-a-member": "is no member",
  lost: "lost the connection",
  netsplit: "went with a network that broke in two",
};

const because = (reason) => (reason ? `: ${reason}` : "");
const doneBy = (by) => (by?.nick === undefined ? "" : ` by ${by.nick}`);

/** One event of the room. `isMissed`: history without a request is what was missed; `changed()` draws what has no note. */
export function tellRoom(store, frame, { isMissed, changed }) {
  if (frame.event !== "history") store.count(frame.number);
  switch (frame.event) {
    case "history":
      return onHistory(store, frame, isMissed, changed);
    case "message":
      return onSaid(store, frame, changed);
    case "subject":
    case "retracted":
    case "reacted":
      return void store.entry(frame.event, frame, true);
    case "participant-changed":
      return onPerson(store, frame, changed);
    case "configure":
      Object.assign(store, { settings: frame.settings, title: frame.settings.title ?? "" });
      return store.note(`${frame.originator.nick ?? "The house"} changed the settings`, frame.number);
    case "invited":
      return store.note(`You invited ${frame.uri}`, frame.number);
    case "declined":
      return store.note(`${frame.uri} declined${because(frame.reason)}`, frame.number);
    case "affiliation":
      return store.note(`${frame.uri} is ${frame.affiliation} now`, frame.number);
    case "affiliations":
      for (const { uri, affiliation, reason } of frame.entries)
        store.note(`${affiliation}: ${uri}${because(reason)}`);
      return;
    case "capabilities":
      for (const line of frame.lines) store.note(line);
      if (frame.lines.length === 0) store.note("Nothing here has a name like that.");
      return;
    case "message-delivery":
      if (frame.delivered) return store.numbered(frame.message_id, frame);
      return void store.failed(frame.message_id, frame.reason);
    case "composing-indication":
      return onTyping(store, frame, changed);
    default:
      return onRoster(store, frame, changed);
  }
}

function onSaid(store, frame, changed) {
  stopTyping(store, frame.sender?.participant_id);
  if (frame.type === "status") return store.note(frame.content, frame.number);
  if (!store.entry("message", frame, true) || frame.own) return;
  store.unread += 1;
  changed();
}

function onHistory(store, frame, isMissed, changed) {
  let fresh = 0;
  for (const entry of frame.entries)
    if (store.entry(entry.entry, entry, false) && entry.entry === "message" && !entry.own) fresh += 1;
  if (frame.request === undefined && isMissed) store.unread += fresh;
  else store.more = frame.more;
  changed();
}

function onPerson(store, frame, changed) {
  const { participant, what, from, by } = frame;
  if (frame.was !== undefined) store.people.delete(frame.was);
  const before = store.people.get(participant.participant_id);
  store.people.set(participant.participant_id, participant);
  if (participant.participant_id === store.self?.participant_id) store.self = participant;
  const why = `${doneBy(by)}${because(frame.reason)}`;
  if (what === "nick") store.note(`${from} is now ${participant.nick}`, frame.number);
  else if (what === "role" || (what === "affiliation" && before?.role !== participant.role))
    store.note(`${participant.nick} is ${roleWords[participant.role]} now${why}`, frame.number);
  else if (what === "affiliation")
    store.note(`${participant.nick} is ${participant.affiliation} now${why}`, frame.number);
  else changed();
}

function onRoster(store, frame, changed) {
  const { people } = store;
  switch (frame.event) {
    case "roster":
      if (frame.first) people.clear();
      for (const one of frame.participants) people.set(one.participant_id, one);
      return changed();
    case "participant-joined":
      people.set(frame.participant.participant_id, frame.participant);
      if (people.size > quietAbove) return changed();
      return store.note(`${frame.participant.nick} came in`, frame.number);
    case "participant-left": {
      people.delete(frame.participant_id);
      stopTyping(store, frame.participant_id);
      const how = leaving[frame.cause];
      if (how === undefined && people.size > quietAbove) return changed();
      const words = `${frame.nick} ${how ?? "left"}${doneBy(frame.by)}${because(frame.reason)}`;
      return store.note(words, frame.number);
    }
    case "participants-changed":
      for (const one of frame.joined) people.set(one.participant_id, one);
      for (const one of frame.left) people.delete(one.participant_id);
      store.note(frame.text ?? `${frame.joined.length} came in, ${frame.left.length} left`, frame.number);
  }
}

function onTyping(store, { state, sender, refresh }, changed) {
  stopTyping(store, sender.participant_id);
  if (state === "active") {
    const timer = setTimeout(() => {
      store.typing.delete(sender.participant_id);
      changed();
    }, refresh * 1000);
    store.typing.set(sender.participant_id, { nick: sender.nick, timer });
  }
  changed();
}

function stopTyping({ typing }, who) {
  clearTimeout(typing.get(who)?.timer);
  typing.delete(who);
}
