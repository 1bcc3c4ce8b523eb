// What is typed into a room: things said, and commands that begin with a slash. Pure.

/** A nick at the beginning of `rest`: in quotes, or the longest known one, or the first word. */
function splitNick(rest, nicks) {
  const quoted = /^"([^"]+)"\s*(.*)$/s.exec(rest);
  if (quoted) return [quoted[1], quoted[2]];
  const known = nicks
    .filter(
      (nick) =>
        rest.toLowerCase() === nick.toLowerCase() || rest.toLowerCase().startsWith(`${nick.toLowerCase()} `),
    )
    .sort((a, b) => b.length - a.length)[0];
  if (known !== undefined) return [known, rest.slice(known.length).trim()];
  const [, nick = "", tail = ""] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  return [nick, tail];
}

const because = (reason) => (reason === "" ? {} : { reason });
const role = (name) => (nick, reason) => ({
  ask: "videoroom-role",
  fields: { nick, role: name, ...because(reason) },
});
const affiliation = (name) => (who, reason) => ({
  ask: "videoroom-affiliation",
  fields: {
    changes: [
      { ...(who.includes("@") ? { uri: who } : { nick: who }), affiliation: name, ...because(reason) },
    ],
  },
});

/** Commands about one person: what follows his nick is the reason. */
const aboutSomebody = {
  kick: (nick, reason) => ({ ask: "videoroom-kick", fields: { nick, ...because(reason) } }),
  ban: affiliation("outcast"),
  unban: affiliation("none"),
  member: affiliation("member"),
  mute: role("observer"),
  voice: role("speaker"),
  moderator: role("moderator"),
  invite: (who, reason) => ({ ask: "videoroom-invite", fields: { participants: [who], ...because(reason) } }),
};

/** What /set can set, and how its value is read. */
const settings = {
  title: String,
  description: String,
  password: (text) => (text === "" ? null : text),
  persistent: isYes,
  listed: isYes,
  members_only: isYes,
  moderated: isYes,
  open_addresses: isYes,
  subject_by: String,
  invites_by: String,
  private_messages: String,
  max_participants: Number,
  history: Number,
};

function isYes(text) {
  return ["yes", "on", "true", "1"].includes(text.toLowerCase());
}

function set(rest) {
  const [, name = "", value = ""] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  if (!Object.hasOwn(settings, name))
    return { wrong: `/set one of ${Object.keys(settings).join(", ")}, and its value` };
  return { ask: "videoroom-configure", fields: { config: { [name]: settings[name](value) } } };
}

/** What /help says. */
export const help = [
  "/me waves · /msg nick text · /nick name · /topic text",
  "/away text · /back · /invite address reason · /leave",
  "/mute nick · /voice nick · /moderator nick · /kick nick reason · /ban nick reason · /unban address · /destroy reason",
  "/set title Tea, or moderated yes … (/set alone names all) · /lists shows members and the banned",
  "/capabilities shows what becomes of what is said here on each protocol and channel; /capabilities reactions tells why",
  "A nick with blanks goes in quotes. A line that is to begin with a slash: write two.",
];

/**
 * What a line means: `{ say, to? }`, `{ ask, fields }` (a request to the room), `{ join }`, `{ leave }`, `{ help }`, or
 * `{ wrong }` with a sentence.
 */
export function parseLine(line, nicks) {
  if (line.startsWith("//")) return { say: line.slice(1) };
  if (!line.startsWith("/") || /^\/me\s/.test(line)) return { say: line };
  const [, name = "", rest = ""] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? [];
  const command = name.toLowerCase();
  if (command in aboutSomebody && Object.hasOwn(aboutSomebody, command)) {
    const [nick, tail] = splitNick(rest, nicks);
    return nick === "" ? { wrong: `/${command} whom?` } : aboutSomebody[command](nick, tail.trim());
  }
  switch (command) {
    case "nick":
      return rest === ""
        ? { wrong: "/nick and the new name" }
        : { ask: "videoroom-nick", fields: { nick: rest } };
    case "topic":
    case "subject":
      return { ask: "videoroom-subject", fields: { text: rest } };
    case "msg":
    case "w": {
      const [to, text] = splitNick(rest, nicks);
      return to === "" || text === "" ? { wrong: "/msg nick text" } : { say: text, to };
    }
    case "away":
      return { ask: "videoroom-status", fields: { show: "away", text: rest } };
    case "back":
      return { ask: "videoroom-status", fields: { show: "available" } };
    case "set":
      return set(rest);
    case "lists":
      return { ask: "videoroom-affiliations", fields: {} };
    case "capabilities":
      return { ask: "videoroom-capabilities", fields: rest === "" ? {} : { about: rest.trim() } };
    case "destroy":
      return { ask: "videoroom-destroy", fields: because(rest) };
    case "join":
      return rest.includes("@") ? { join: rest.trim() } : { wrong: "/join room@domain" };
    case "leave":
    case "part":
      return { leave: true };
    case "help":
      return { help: true };
    default:
      return { wrong: `there is no /${command}; /help shows what there is` };
  }
}
