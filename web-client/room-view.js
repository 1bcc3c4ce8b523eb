// Draws a room into the page: topic, people, what was said with answers, corrections and reactions. All text goes in as text.
import { roleWords } from "./room-events.js";
import { element, time } from "./view.js";

const $ = (id) => document.getElementById(id);
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const emoji = ["👍", "❤️", "😄", "🎉", "😮", "😢"];
// Of a large room so many people are listed; the filter finds the others.
const mostShown = 200;
const nickColours = 8;

/** One of a few colours, the same for a nick everywhere. */
const colourOf = (nick) => {
  let sum = 0;
  for (const sign of nick) sum = (sum * 31 + (sign.codePointAt(0) ?? 0)) % 9973;
  return `c${sum % nickColours}`;
};

const button = (className, text, label, click) => {
  const made = element("button", className, text);
  made.type = "button";
  if (label) {
    made.title = label;
    made.setAttribute("aria-label", label);
  }
  made.addEventListener("click", click);
  return made;
};

let drawnFor;
const drawn = new Map();

/** The lines of one room. `acts`: reply, edit, retract, react, whisper, retry by message. */
export function drawLines(room, acts) {
  const list = $("messages");
  if (drawnFor !== room) {
    drawnFor = room;
    drawn.clear();
    list.replaceChildren();
  }
  if (room === undefined) return;
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const lines = room.lines();
  const ids = new Set(lines.map((line) => keyOf(line)));
  for (const [key, { item }] of drawn) {
    if (ids.has(key)) continue;
    item.remove();
    drawn.delete(key);
  }
  let before = earlierButton(room, list, acts);
  let lastDay;
  for (const old of list.querySelectorAll(".day")) old.remove();
  for (const line of lines) {
    const item = itemFor(line, room, acts);
    const name = day.format(line.time);
    if (name !== lastDay) {
      const stamp = element("p", "day", name);
      list.insertBefore(stamp, before ? before.nextSibling : list.firstChild);
      before = stamp;
      lastDay = name;
    }
    const next = before ? before.nextSibling : list.firstChild;
    if (item !== next) list.insertBefore(item, next);
    before = item;
  }
  if (atEnd) list.scrollTop = list.scrollHeight;
}

// A message that was sent keeps its place on the page when it gets its number.
const keyOf = (line) => (line.own && line.ownId ? `own-${line.ownId}` : line.id);

function earlierButton(room, list, acts) {
  const known = list.querySelector(".earlier");
  if (!room.more || room.state !== "joined") {
    known?.remove();
    return undefined;
  }
  if (known) return known;
  const made = button("earlier quiet", "Show what was said before", undefined, () => acts.earlier());
  list.prepend(made);
  return made;
}

function itemFor(line, room, acts) {
  const key = keyOf(line);
  const rules = room.self?.role === "moderator";
  const version = `${line.version} ${line.state} ${rules} ${room.state}`;
  const known = drawn.get(key);
  if (known?.version === version) return known.item;
  const item = line.kind === undefined ? messageItem(line, room, rules, acts) : noteItem(line);
  if (known) {
    const hadFocus = known.item.contains(document.activeElement);
    known.item.replaceWith(item);
    if (hadFocus) item.querySelector("button")?.focus();
  }
  drawn.set(key, { item, version });
  return item;
}

const noteItem = ({ kind, text }) => element("p", kind === "bad" ? "room-note bad" : "room-note", text);

function messageItem(message, room, rules, acts) {
  const { own, nick, to, text, gone } = message;
  const item = element("article", `message room ${own ? "outgoing" : "incoming"}`);
  item.dataset.id = message.eventId ?? message.id;
  const bubble = element("div", to === undefined ? "bubble" : "bubble private");
  const isAction = text.startsWith("/me ");
  const head = element("p", "head");
  head.append(element("strong", `nick ${colourOf(nick)}`, nick));
  if (to !== undefined) head.append(element("span", "whom", own ? `to ${to} alone` : "to you alone"));
  if (message.leg !== undefined) head.append(element("span", "whom", message.leg));
  bubble.append(head);
  if (message.reply) bubble.append(quote(message.reply, room));
  if (gone)
    bubble.append(element("p", "body gone", message.why ? `taken back: ${message.why}` : "taken back"));
  else bubble.append(element("p", "body", isAction ? `* ${nick} ${text.slice(4)}` : text));
  if (isAction) item.classList.add("action");
  bubble.append(reactionsOf(message, room, acts), metaOf(message));
  if (message.state === "failed") bubble.append(element("p", "failure", `Not said: ${message.why}`));
  item.append(bubble);
  if (message.eventId !== undefined && !gone && room.state === "joined")
    item.append(toolsOf(message, rules, acts));
  return item;
}

function quote(reply, room) {
  const original = room.find(reply.event_id);
  const made = element("blockquote", "quote");
  const nick = original?.nick ?? reply.nick;
  if (nick) made.append(element("strong", "", nick));
  made.append(element("span", "", (original?.gone ? "taken back" : original?.text) ?? reply.excerpt ?? ""));
  return made;
}

function reactionsOf(message, room, acts) {
  const row = element("div", "reactions");
  const by = new Map();
  for (const [who, { nick, emoji: some }] of message.reactions)
    for (const one of some) by.set(one, [...(by.get(one) ?? []), { who, nick }]);
  for (const [sign, people] of by) {
    const mine = people.some(({ who }) => who === room.self?.participant_id);
    const label = `${sign} by ${people.map(({ nick }) => nick).join(", ")}`;
    const made = button(mine ? "reaction mine" : "reaction", `${sign} ${people.length}`, label, () =>
      acts.react(message, sign),
    );
    made.setAttribute("aria-pressed", String(mine));
    row.append(made);
  }
  return row;
}

function metaOf(message) {
  const meta = element("div", "meta");
  if (message.edited && !message.gone) meta.append(element("span", "edited", "corrected"));
  const stamp = element("time", "", time.format(message.time));
  stamp.dateTime = new Date(message.time).toISOString();
  meta.append(stamp);
  if (message.own) {
    const [sign, words] = states[message.state] ?? ["", message.state];
    const state = element("span", "state", sign);
    state.title = words;
    state.setAttribute("role", "img");
    state.setAttribute("aria-label", words);
    state.dataset.state = message.state;
    meta.append(state);
  }
  return meta;
}

const states = {
  pending: ["○", "waiting to be sent"],
  accepted: ["✓", "accepted"],
  numbered: ["✓✓", "in the room"],
  failed: ["!", "not said"],
};

function toolsOf(message, rules, acts) {
  const tools = element("div", "tools");
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", `Message of ${message.nick}`);
  if (message.to !== undefined) {
    const whom = message.own ? message.to : message.nick;
    tools.append(button("tool", "↩", `Write to ${whom} alone`, () => acts.whisper(whom)));
    return tools;
  }
  tools.append(button("tool", "↩", "Answer", () => acts.reply(message)));
  const palette = element("div", "palette");
  palette.hidden = true;
  for (const sign of emoji)
    palette.append(
      button("tool", sign, `React with ${sign}`, () => {
        palette.hidden = true;
        acts.react(message, sign);
      }),
    );
  const react = button("tool", "☺", "React", () => {
    palette.hidden = !palette.hidden;
    react.setAttribute("aria-expanded", String(!palette.hidden));
    if (!palette.hidden) palette.firstChild.focus();
  });
  react.setAttribute("aria-expanded", "false");
  tools.append(react);
  if (message.own) tools.append(button("tool", "✎", "Correct", () => acts.edit(message)));
  if (message.own || rules) tools.append(button("tool", "✕", "Take back", () => acts.retract(message)));
  tools.append(palette);
  return tools;
}

/** Title, topic, state, who writes; what stands instead of the compose box. */
export function drawHead(room, acts) {
  $("contact").textContent = room.title || room.uri;
  $("contact").title = room.uri;
  $("topic").textContent = room.subject;
  $("topic").title = room.subject;
  $("people-count").textContent = String(room.people.size);
  const names = [...room.typing.values()].map(({ nick }) => nick);
  const many =
    names.length > 3
      ? "Several people are writing …"
      : `${names.join(", ")} ${names.length === 1 ? "is" : "are"} writing …`;
  $("typing").textContent = names.length === 0 ? "" : many;
  const banner = $("banner");
  const words = bannerOf(room);
  if (banner.dataset.shown === words) return;
  banner.dataset.shown = words;
  banner.replaceChildren(element("span", "", words));
  banner.hidden = words === "";
  if (room.state === "invited") {
    banner.append(button("", "Enter", undefined, () => acts.enter()));
    banner.append(button("quiet", "Decline", undefined, () => acts.decline()));
  } else if (room.state === "ended") {
    banner.append(button("", "Enter again", undefined, () => acts.enter()));
    banner.append(button("quiet", "Forget it", undefined, () => acts.leave()));
  }
}

function bannerOf(room) {
  switch (room.state) {
    case "invited":
      return `${room.invitation.by} invites you${room.invitation.reason ? `: ${room.invitation.reason}` : ""}`;
    case "ended":
      return room.why;
    case "waiting":
      return "No connection to the room, trying again …";
    case "joining":
      return "Entering …";
    default:
      return "";
  }
}

let rosterDrawn = "";

/** The people of a room; those who rule get buttons for it. */
export function drawRoster(room, acts) {
  const filter = $("people-filter").value.trim().toLowerCase();
  const people = room.roster().filter(({ nick }) => nick.toLowerCase().includes(filter));
  const rules = room.self?.role === "moderator";
  const shown = people.slice(0, mostShown);
  const now = JSON.stringify([room.uri, rules, room.state, people.length, shown]);
  if (now === rosterDrawn) return;
  rosterDrawn = now;
  $("people-filter").hidden = room.people.size <= 20;
  const open = document.querySelector("#people details[open]")?.dataset.id;
  const list = $("people-list");
  list.replaceChildren(...shown.map((person) => personItem(person, room, rules, acts)));
  if (people.length > shown.length)
    list.append(element("li", "more", `and ${people.length - shown.length} more`));
  const again = open && list.querySelector(`details[data-id="${CSS.escape(open)}"]`);
  if (again) again.open = true;
}

function personItem(person, room, rules, acts) {
  const { nick } = person;
  const item = element("li");
  const details = element("details");
  details.dataset.id = person.participant_id;
  const summary = element("summary");
  summary.append(element("span", `nick ${colourOf(nick)}`, nick));
  if (person.role !== "speaker") summary.append(element("span", "role", roleWords[person.role]));
  if (person.leg) summary.append(element("span", "role", person.leg));
  if (person.show && person.show !== "available")
    summary.append(element("span", "role", person.status || person.show));
  details.append(summary);
  if (person.uri) details.append(element("p", "address", person.uri));
  const isSelf = person.participant_id === room.self?.participant_id;
  const choices = element("div", "choices");
  if (!isSelf) choices.append(button("quiet", "Write to", undefined, () => acts.whisper(nick)));
  if (rules && !isSelf) {
    const silent = person.role === "observer";
    choices.append(
      button("quiet", silent ? "Give a voice" : "Take the voice", undefined, () =>
        acts.ask("videoroom-role", { nick, role: silent ? "speaker" : "observer" }),
      ),
      button("quiet", "Show out", undefined, () => acts.ask("videoroom-kick", { nick })),
      button("quiet", "Ban", undefined, () =>
        acts.ask("videoroom-affiliation", { changes: [{ nick, affiliation: "outcast" }] }),
      ),
    );
  }
  details.append(choices);
  item.append(details);
  return item;
}

/** What the next line will do: answer, correct, or go to one alone. */
export function drawContext(words, cancel) {
  const line = $("context");
  line.hidden = words === undefined;
  line.replaceChildren();
  if (words === undefined) return;
  line.append(element("span", "", words), button("quiet", "✕", "Never mind", cancel));
}

/** The rooms that one may enter, to choose from. */
export function drawRoomList(rooms, choose) {
  $("room-list").replaceChildren(
    ...rooms.map(({ uri, title, subject, participants }) => {
      const item = element("li");
      const made = button("", "", undefined, () => choose(uri));
      made.append(
        element("strong", "", title ?? uri),
        element("span", "count", `${participants} there`),
        element("span", "last", subject ?? uri),
      );
      item.append(made);
      return item;
    }),
  );
}
