// What of a room a channel is shown that is a leg of it, by the leg's mode and by what the server passes on; complete by type.
import {
  type CarrierCapabilities,
  type DeedTable,
  deedTable,
  type Facts,
  type Fate,
  publishedTable,
  type SaidPart,
} from "#bus-schemas/rooms/capabilities.ts";
import { roomChanges } from "./capabilities.ts";

const carried: Fate = { is: "carried" };
const reduced = (how: string): Fate => ({ is: "reduced", how });
const dropped = (why: string): Fate => ({ is: "dropped", why });

/** What a server offers matters to us by these names (IRCv3). */
const named = ["message-tags", "echo-message", "account-tag", "labeled-response"] as const;

/** What is known of a server: its network's name, the longest nick, what was agreed upon with it. */
export const factsOf = (
  caps: ReadonlySet<string>,
  { network, nickLength }: { readonly network?: string | undefined; readonly nickLength: number },
): Facts => ({
  ...(network !== undefined && { network: network.slice(0, 200) }),
  nickLength,
  ...Object.fromEntries(named.map((name) => [name, caps.has(name)])),
});

const noTags = dropped("this server passes no tags on");
const oneNick = (what: string): Fate => dropped(`a bot has one nick for all: ${what}`);

const said = {
  kind: carried,
  action: { is: "carried", as: "CTCP ACTION" },
  text: reduced("in lines; empty lines and control characters but TAB are left out"),
  spans: reduced("bold, italic, underline, strike and mono by their codes; quote and link have none"),
  language: dropped("IRC has no place for it"),
  thread: dropped("IRC has no threads"),
  written: dropped("the server stamps the line"),
  to: reduced("from the speaker's own nick to that person alone, in lines"),
  corrects: reduced("the corrected text behind an asterisk"),
  repliesTo: reduced(
    "`nick: text`; as a reply tag too where the server passes tags on and the message is known",
  ),
} as const satisfies Record<SaidPart, Fate>;

/** In a channel where each of our people has his own nick. `tags`: whether the server passes tags on; undefined: not known yet. */
export const byPuppets = (tags: boolean | undefined): DeedTable =>
  deedTable(
    tags === false ? { ...roomChanges, reacted: noTags } : roomChanges,
    tags === false ? { ...said, repliesTo: reduced("`nick: text`") } : said,
    tags === false ? noTags : reduced("a typing tag of his own nick where the server passes tags on"),
  );

/** In a channel where one bot relays. */
export const byBot: DeedTable = deedTable(
  {
    ...roomChanges,
    joined: oneNick("nobody is seen to come"),
    left: reduced("somebody of the channel is kicked if the bot is operator; nobody of ours is seen to go"),
    renamed: reduced("the new name stands before his words"),
    status: oneNick("nobody is seen to be away"),
    role: reduced("+o and +v for people of the channel, if the bot is operator"),
    reacted: oneNick("nobody is seen to react"),
  },
  {
    ...said,
    action: reduced("`* nick text`"),
    text: reduced("`<nick> text`, in lines; empty lines and control characters but TAB are left out"),
    to: { is: "refused", why: "a bot passes nothing on in private" },
  },
  oneNick("nobody is seen to write"),
);

/** What is published of one network. */
export const published = (carrier: string, facts?: Facts): CarrierCapabilities => {
  const tags = facts?.["message-tags"];
  return {
    carrier,
    legs: {
      puppets: publishedTable(byPuppets(typeof tags === "boolean" ? tags : undefined)),
      bot: publishedTable(byBot),
    },
    ...(facts !== undefined && { facts }),
  };
};
