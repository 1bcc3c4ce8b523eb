// What an actor of a play can do in a room, whichever protocol he speaks, and what he sees there, in words common to all.
import { Ear } from "./actor.ts";

export type Protocol = "sip" | "xmpp" | "irc" | "web";

/** What came of something done: done, or refused with the protocol's own code; `none`: nobody answered. */
export interface Done {
  readonly answer: "done" | "refused" | "none";
  readonly code?: string;
}
export const done: Done = { answer: "done" };
export const refusedBy = (code: string): Done => ({ answer: "refused", code });
export const noAnswer: Done = { answer: "none" };

/** What a protocol can do in rooms; what is missing its actor refuses to be asked. */
export type Verb =
  | "whisper"
  | "correct"
  | "react"
  | "reply"
  | "retract"
  | "nick"
  | "topic"
  | "invite"
  | "mute"
  | "kick"
  | "ban"
  | "history";

export const entryKinds = [
  "said",
  "subject",
  "reacted",
  "retracted",
  "joined",
  "left",
  "renamed",
  "role",
  "notice",
  "invited",
] as const;
export type EntryKind = (typeof entryKinds)[number];

/** One thing that the actor's user was shown. */
export interface Entry {
  readonly kind: EntryKind;
  /** Whose doing it is, or who is meant: his nick at that moment; empty for the room itself. */
  readonly nick: string;
  /** What was said, the new subject, the emoji, the new nick, the new role, why somebody left, the room one is invited into. */
  readonly text: string;
  /** The room's own id of it, where the protocol shows it. */
  readonly id?: string | undefined;
  /** Only for one: his nick. */
  readonly to?: string | undefined;
  /** What it replaces, answers, reacts to or takes back: the text of that, or its id if this actor never saw it. */
  readonly about?: string | undefined;
  readonly corrects?: boolean;
  /** Told as history. */
  readonly old?: boolean;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
}

/** Who is in the room, as this actor is shown it. */
export interface Occupant {
  readonly nick: string;
  /** visitor, participant, moderator: only where the protocol shows it. */
  readonly role?: "observer" | "speaker" | "moderator" | undefined;
}

export interface RoomActor {
  readonly protocol: Protocol;
  /** `local@domain`, his own. */
  readonly address: string;
  readonly can: ReadonlySet<Verb>;
  /** The nick that he believes to have here. */
  readonly nick: string;
  /** Whether he believes himself in the room. */
  readonly inside: boolean;
  /** Everything that he was shown, in the order in which it came. */
  readonly transcript: readonly Entry[];
  readonly roster: ReadonlyMap<string, Occupant>;
  /** What he was told, as such, that was not said after all, although the room or its gateway had taken it. */
  readonly failures: readonly string[];
  /** Enters; resolves when the whole picture is told, or he is refused. Afterwards his client does what it can to stay in. */
  joins(nick: string): Promise<Done>;
  leaves(): Promise<Done>;
  /** Resolves when the room has it, as far as the protocol tells. */
  says(text: string): Promise<Done>;
  whispers(nick: string, text: string): Promise<Done>;
  /** Replaces his own message that said `old`. */
  corrects(old: string, text: string): Promise<Done>;
  /** To a message that he saw, by its text; several emoji replace those of before. */
  reacts(to: string, emoji: readonly string[]): Promise<Done>;
  replies(to: string, text: string): Promise<Done>;
  retracts(old: string): Promise<Done>;
  renames(nick: string): Promise<Done>;
  topics(text: string): Promise<Done>;
  invites(address: string): Promise<Done>;
  /** Takes or gives a voice. */
  mutes(nick: string): Promise<Done>;
  voices(nick: string): Promise<Done>;
  kicks(nick: string, reason: string): Promise<Done>;
  bans(nick: string, reason: string): Promise<Done>;
  /** What was said before, as the protocol lets one read it, oldest first. */
  history(): Promise<Entry[]>;
  /** The first entry that fits, of all so far or to come; rejects with what there was. */
  sees(match: (entry: Entry) => boolean, withinMs: number): Promise<Entry>;
  /** Breaks the connection without a word; the client comes back by itself. */
  break(): void;
  close(): Promise<void>;
}

/** An entry as one reads it. */
export function readable(entry: Entry): string {
  const { kind, nick, text, about, to } = entry;
  const whom = to === undefined ? nick : `${nick} to ${to}`;
  switch (kind) {
    case "said":
      if (entry.corrects) return `${whom} corrects "${about}": ${text}`;
      return about === undefined ? `${whom}: ${text}` : `${whom} answers "${about}": ${text}`;
    case "subject":
      return `${nick} sets the subject: ${text}`;
    case "reacted":
      return `${nick} reacts to "${about}": ${text}`;
    case "retracted":
      return `${nick} takes back "${about}"`;
    case "joined":
      return `${nick} joins`;
    case "left":
      return `${nick} leaves (${text})`;
    case "renamed":
      return `${nick} is now ${text}`;
    case "role":
      return `${nick} becomes ${text}`;
    case "notice":
      return `notice: ${text}`;
    case "invited":
      return `${nick} invites into ${text}`;
    default:
      return kind satisfies never;
  }
}

/** What was said so far, by the ids under which a client knows it. A message and what replaced it are one: its text is the newest. */
export class Memory {
  /** Any id of a message -> the one by which others mean it. */
  readonly #meant = new Map<string, string>();
  readonly #texts = new Map<string, string>();
  readonly #newest = new Map<string, { id: string; nick: string }>();

  /** `ids`: all names of this message; the first is the one by which it is meant by others, or that of what it replaces. */
  note(ids: readonly (string | undefined)[], nick: string, text: string): void {
    const known = ids.filter((id): id is string => id !== undefined && id !== "");
    const [first] = known;
    if (first === undefined) return;
    const meant = this.#meant.get(first) ?? first;
    for (const id of known) this.#meant.set(id, meant);
    this.#texts.set(meant, text);
    this.#newest.set(text, { id: meant, nick });
  }

  /** The text behind an id, or the id itself. */
  text(id: string): string {
    return this.#texts.get(this.#meant.get(id) ?? id) ?? id;
  }

  /** The newest message of this text. Throws if there was none: a play must not act on what nobody saw. */
  find(text: string): { readonly id: string; readonly nick: string } {
    const found = this.#newest.get(text);
    if (found === undefined) throw new Error(`nobody here has seen "${text}"`);
    return found;
  }
}

/** What most actors have: a transcript that can be waited on, a roster, a memory of ids. */
export class RoomNotes {
  readonly people = new Map<string, Occupant>();
  readonly memory = new Memory();
  /** See RoomActor. */
  readonly failures: string[] = [];
  readonly #entries: Ear<Entry>;

  constructor(name: string) {
    this.#entries = new Ear<Entry>(`${name} sees`);
  }

  get all(): readonly Entry[] {
    return this.#entries.all;
  }

  add(entry: Omit<Entry, "at">): void {
    this.#entries.add({ ...entry, at: performance.now() });
  }

  sees(match: (entry: Entry) => boolean, withinMs: number): Promise<Entry> {
    return this.#entries.next(match, withinMs);
  }
}

/** A protocol that cannot do this says so aloud. */
export const cannot = (protocol: Protocol, verb: Verb): Promise<Done> =>
  Promise.reject(new Error(`${protocol} cannot do this in a room: ${verb}`));
