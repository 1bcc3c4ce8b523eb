// A day in the room: what two people do there, one after the other, and the table of what each of them must be shown of it.
import { setTimeout as sleep } from "node:timers/promises";
import type { Done, Protocol, RoomActor, Verb } from "#test/cast/room-actor.ts";

/** Everybody in the play, by nick and address. */
export interface Names {
  readonly host: string;
  readonly guest: string;
  /** The guest's later nick. */
  readonly renamed: string;
  /** The address of somebody who is asked in. */
  readonly stranger: string;
}

export interface Cast {
  readonly host: RoomActor;
  readonly guest: RoomActor;
  readonly stranger: RoomActor;
  readonly names: Names;
}

/** Who reads, and whether it is his own doing. */
export interface Reader {
  readonly protocol: Protocol;
  readonly isActor: boolean;
  /** How he came to it who did it. */
  readonly by: Protocol;
}

export interface Act {
  readonly name: string;
  readonly by: "host" | "guest";
  /** What the actor's protocol must be able to do; it is left out otherwise. */
  readonly verb?: Verb;
  /** What the host must have been able to do before. */
  readonly after?: Verb;
  /** Only moderators may: nobody on IRC is one in the room. */
  readonly rules?: boolean;
  readonly play: (cast: Cast) => Promise<Done>;
  /** The code with which it is refused, by the actor's protocol. */
  readonly refused?: Readonly<Record<Protocol, string>>;
  /** Something said: on IRC the refusal comes as a notice of the gateway. */
  readonly noticed?: boolean;
  /** The line that this reader is shown; undefined: nothing, see `dropped`. */
  readonly shown: (reader: Reader, names: Names) => string | undefined;
}

/** Whether the protocol shows a speaker his own words: a MUC and the page do, MSRP and IRC never. */
const echoes: Readonly<Record<Protocol, boolean>> = { sip: false, xmpp: true, irc: false, web: true };

/** Said to all: by whom it is shown, in what form; his own only where his protocol echoes. */
const said =
  (
    who: "host" | "guest" | "renamed",
    forms: Readonly<Partial<Record<Protocol, string>>> & { readonly all: string },
  ) =>
  ({ protocol, isActor }: Reader, names: Names): string | undefined => {
    const form = forms[protocol] ?? forms.all;
    return isActor && !echoes[protocol] ? undefined : `${names[who]}${form}`;
  };

/** What only XMPP and the web can show, to everybody incl. the actor. */
const reduced =
  (line: (names: Names) => string) =>
  ({ protocol }: Reader, names: Names): string | undefined =>
    protocol === "xmpp" || protocol === "web" ? line(names) : undefined;

const everybody =
  (line: (names: Names) => string) =>
  (_reader: Reader, names: Names): string =>
    line(names);

const newcomer =
  (line: (names: Names) => string) =>
  ({ isActor }: Reader, names: Names): string | undefined =>
    isActor ? undefined : line(names);

/** IRC says who is banned when he comes; that his words were refused he is told by a notice. */
const forbidden = { sip: "403", xmpp: "forbidden", irc: "474", web: "403" } as const;

/** The day. Whoever is put out is shown that himself; nothing of what is told while he is away. */
export const day: readonly Act[] = [
  {
    name: "the guest enters",
    by: "guest",
    play: ({ guest, names }) => guest.joins(names.guest),
    shown: newcomer(({ guest }) => `${guest} joins`),
  },
  {
    name: "the host speaks",
    by: "host",
    play: ({ host }) => host.says("good mourning"),
    shown: said("host", { all: ": good mourning" }),
  },
  {
    name: "the guest answers the host's greeting in words",
    by: "guest",
    play: ({ guest }) => guest.says("hello & <welcome> ✅"),
    shown: said("guest", { all: ": hello & <welcome> ✅" }),
  },
  {
    name: "the guest reacts",
    by: "guest",
    verb: "react",
    play: ({ guest }) => guest.reacts("good mourning", ["👍", "🎉"]),
    shown: reduced(({ guest }) => `${guest} reacts to "good mourning": 👍 🎉`),
  },
  {
    name: "the host corrects himself",
    by: "host",
    verb: "correct",
    play: ({ host }) => host.corrects("good mourning", "good morning"),
    shown: said("host", {
      all: ` corrects "good mourning": good morning`,
      sip: ": * good morning",
      irc: ": * good morning",
    }),
  },
  {
    name: "the host reacts to the guest",
    by: "host",
    verb: "react",
    play: ({ host }) => host.reacts("hello & <welcome> ✅", ["👋"]),
    shown: reduced(({ host }) => `${host} reacts to "hello & <welcome> ✅": 👋`),
  },
  {
    name: "the host replies to the guest",
    by: "host",
    verb: "reply",
    play: ({ host }) => host.replies("hello & <welcome> ✅", "so glad"),
    shown: ({ protocol, isActor }, { host, guest }) => {
      if (protocol === "sip")
        return isActor ? undefined : `${host}: > ${guest}: hello & <welcome> ✅\nso glad`;
      if (protocol === "irc") return isActor ? undefined : `${host}: ${guest}: so glad`;
      return `${host} answers "hello & <welcome> ✅": so glad`;
    },
  },
  {
    name: "the host whispers",
    by: "host",
    verb: "whisper",
    play: ({ host, names }) => host.whispers(names.guest, "between us"),
    shown: ({ protocol, isActor }, { host, guest }) =>
      isActor && protocol !== "web" ? undefined : `${host} to ${guest}: between us`,
  },
  {
    name: "the guest whispers back",
    by: "guest",
    verb: "whisper",
    play: ({ guest, names }) => guest.whispers(names.host, "I see"),
    shown: ({ protocol, isActor }, { host, guest }) =>
      isActor && protocol !== "web" ? undefined : `${guest} to ${host}: I see`,
  },
  {
    name: "the guest takes another nick",
    by: "guest",
    verb: "nick",
    play: ({ guest, names }) => guest.renames(names.renamed),
    shown: everybody(({ guest, renamed }) => `${guest} is now ${renamed}`),
  },
  {
    name: "the host sets the subject",
    by: "host",
    verb: "topic",
    play: ({ host }) => host.topics("the day's agenda"),
    // In a channel it is the bot who does that for others.
    shown: ({ protocol, by }, { host }) =>
      `${protocol === "irc" && by !== "irc" ? "" : host} sets the subject: the day's agenda`,
  },
  {
    name: "the host takes something back",
    by: "host",
    verb: "retract",
    play: async ({ host }) => {
      await host.says("a secret");
      return await host.retracts("a secret");
    },
    shown: ({ protocol, isActor }, { host }) => {
      const before = isActor && !echoes[protocol] ? "" : `${host}: a secret`;
      if (protocol === "xmpp" || protocol === "web") return `${before}\n${host} takes back "a secret"`;
      return before;
    },
  },
  {
    name: "the host asks a stranger in",
    by: "host",
    verb: "invite",
    play: ({ host, names }) => host.invites(names.stranger),
    shown: () => undefined,
  },
  {
    name: "the host mutes the guest",
    by: "host",
    verb: "mute",
    rules: true,
    play: ({ host, names }) => host.mutes(names.renamed),
    shown: ({ protocol }, { renamed }) => (protocol === "irc" ? undefined : `${renamed} becomes observer`),
  },
  {
    name: "the guest may not speak",
    by: "guest",
    after: "mute",
    rules: true,
    play: ({ guest }) => guest.says("mm mm"),
    refused: forbidden,
    noticed: true,
    shown: () => undefined,
  },
  {
    name: "the host gives him his voice back",
    by: "host",
    verb: "mute",
    rules: true,
    play: ({ host, names }) => host.voices(names.renamed),
    shown: ({ protocol }, { renamed }) => (protocol === "irc" ? undefined : `${renamed} becomes speaker`),
  },
  {
    name: "the guest speaks again",
    by: "guest",
    play: ({ guest }) => guest.says("I can speak"),
    shown: said("renamed", { all: ": I can speak" }),
  },
  {
    name: "the guest leaves",
    by: "guest",
    play: ({ guest }) => guest.leaves(),
    shown: everybody(({ renamed }) => `${renamed} leaves (left)`),
  },
  {
    name: "the host speaks to himself",
    by: "host",
    play: async ({ host, guest }) => {
      const answer = await host.says("while you were out");
      // A channel and its room hear each other a moment later: the guest must still be out then.
      if (guest.protocol === "irc" || host.protocol === "irc") await sleep(1_500);
      return answer;
    },
    shown: ({ protocol, isActor }, { host }) =>
      isActor && echoes[protocol] ? `${host}: while you were out` : undefined,
  },
  {
    name: "the guest comes back",
    by: "guest",
    play: ({ guest, names }) => guest.joins(names.renamed),
    shown: newcomer(({ renamed }) => `${renamed} joins`),
  },
  {
    name: "the host kicks the guest",
    by: "host",
    verb: "kick",
    rules: true,
    play: ({ host, names }) => host.kicks(names.renamed, "enough for now"),
    shown: everybody(({ renamed }) => `${renamed} leaves (kicked)`),
  },
  {
    name: "the guest comes back from the kick",
    by: "guest",
    rules: true,
    play: ({ guest, names }) => guest.joins(names.renamed),
    shown: newcomer(({ renamed }) => `${renamed} joins`),
  },
  {
    name: "the host bans the guest",
    by: "host",
    verb: "ban",
    rules: true,
    play: ({ host, names }) => host.bans(names.renamed, "for good"),
    shown: ({ protocol }, { renamed }) => `${renamed} leaves (${protocol === "irc" ? "kicked" : "banned"})`,
  },
  {
    name: "the guest may not come back",
    by: "guest",
    after: "ban",
    rules: true,
    play: ({ guest, names }) => guest.joins(names.renamed),
    refused: forbidden,
    shown: () => undefined,
  },
];
