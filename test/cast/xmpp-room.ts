// A room as an XMPP client sees it (XEP-0045), with XEP-0249, 0308, 0313, 0359, 0424, 0444, 0461; on the kit's own client, no gateway code.
import { randomUUID } from "node:crypto";
import { within } from "./actor.ts";
import {
  type Done,
  done,
  type Entry,
  noAnswer,
  type Occupant,
  type RoomActor,
  RoomNotes,
  refusedBy,
  type Verb,
} from "./room-actor.ts";
import type { XmppClient } from "./xmpp-client.ts";
import { addressOf, jidOf } from "./xmpp-jid.ts";
import { childOf, escapeXml, type Node } from "./xmpp-stream.ts";

const ns = {
  muc: "http://jabber.org/protocol/muc",
  user: "http://jabber.org/protocol/muc#user",
  admin: "http://jabber.org/protocol/muc#admin",
  correct: "urn:xmpp:message-correct:0",
  ids: "urn:xmpp:sid:0",
  retract: "urn:xmpp:message-retract:1",
  reactions: "urn:xmpp:reactions:0",
  reply: "urn:xmpp:reply:0",
  fallback: "urn:xmpp:fallback:0",
  mam: "urn:xmpp:mam:2",
} as const;

const roles: Readonly<Record<string, NonNullable<Occupant["role"]>>> = {
  visitor: "observer",
  participant: "speaker",
  moderator: "moderator",
};

/** How long the room may take to answer anything. */
const patienceMs = 40_000;

type Settle = (answer: Done) => void;

export class XmppRoom implements RoomActor {
  readonly protocol = "xmpp";
  readonly can: ReadonlySet<Verb> = new Set<Verb>([
    "whisper",
    "correct",
    "react",
    "reply",
    "retract",
    "nick",
    "topic",
    "invite",
    "mute",
    "kick",
    "ban",
    "history",
  ]);
  readonly #client: XmppClient;
  readonly #room: string;
  readonly #notes: RoomNotes;
  /** Id of a stanza of ours -> who waits for its answer. */
  readonly #waiting = new Map<string, Settle>();
  /** Pages of the archive that are being read, by query. */
  readonly #pages = new Map<string, Entry[]>();
  #nick = "";
  #inside = false;
  /** The room's picture is being told: roster and history are no news. */
  #entering: Settle | undefined;

  /** `room`: local@domain. */
  constructor(client: XmppClient, room: string) {
    this.#client = client;
    this.#room = room;
    this.#notes = new RoomNotes(`${client.address} in ${room}`);
    client.listen((node) => this.#onNode(node));
    // A session that could not be resumed is in no room: it enters again before it says what it had left.
    client.greet(() => (this.#inside ? this.#entrance(this.#nick, randomUUID()) : ""));
  }

  get address(): string {
    return this.#client.address;
  }
  get nick(): string {
    return this.#nick;
  }
  get inside(): boolean {
    return this.#inside;
  }
  get transcript(): readonly Entry[] {
    return this.#notes.all;
  }
  get failures(): readonly string[] {
    return this.#notes.failures;
  }
  get roster(): ReadonlyMap<string, Occupant> {
    return this.#notes.people;
  }
  readonly #seen = new Set<string>();
  /** Messages that came again and were known by their id. */
  again = 0;

  sees(match: (entry: Entry) => boolean, withinMs: number): Promise<Entry> {
    return this.#notes.sees(match, withinMs);
  }

  async joins(nick: string): Promise<Done> {
    const id = randomUUID();
    this.#nick = nick;
    const entered = new Promise<Done>((resolve) => {
      this.#entering = resolve;
      this.#waiting.set(id, resolve);
    });
    this.#notes.people.clear();
    void this.#client.sendStanza(this.#entrance(nick, id), id);
    const answer = (await within(entered, patienceMs)) ?? noAnswer;
    this.#waiting.delete(id);
    this.#entering = undefined;
    this.#inside = answer.answer === "done";
    return answer;
  }

  async leaves(): Promise<Done> {
    this.#inside = false;
    const since = performance.now();
    const self = this.#nick;
    const isGone = ({ kind, nick, at }: Entry): boolean => kind === "left" && nick === self && at >= since;
    const gone = this.sees(isGone, patienceMs).then(
      () => done,
      () => noAnswer,
    );
    void this.#client.sendStanza(`<presence to='${this.#occupant(self)}' type='unavailable'/>`, randomUUID());
    return await gone;
  }

  says(text: string): Promise<Done> {
    return this.#says(text, "");
  }

  async whispers(nick: string, text: string): Promise<Done> {
    const id = randomUUID();
    const xml = `<message to='${this.#occupant(nick)}' id='${id}' type='chat'><body>${escapeXml(text)}</body><x xmlns='${ns.user}'/></message>`;
    // A private message is not given back: what is not refused within a moment went.
    const answer = await this.#ask(id, xml, 1_500);
    if (answer.answer === "none") this.#notes.memory.note([id], this.#nick, text);
    return answer.answer === "none" ? done : answer;
  }

  corrects(old: string, text: string): Promise<Done> {
    const own = this.#own.get(old);
    if (own === undefined) throw new Error(`${this.address} never said "${old}"`);
    return this.#says(text, `<replace xmlns='${ns.correct}' id='${own}'/>`);
  }

  reacts(to: string, emoji: readonly string[]): Promise<Done> {
    const reactions = emoji.map((one) => `<reaction>${escapeXml(one)}</reaction>`).join("");
    const { id } = this.#notes.memory.find(to);
    return this.#sends(`<reactions xmlns='${ns.reactions}' id='${escapeXml(id)}'>${reactions}</reactions>`);
  }

  replies(to: string, text: string): Promise<Done> {
    const { id, nick } = this.#notes.memory.find(to);
    return this.#says(
      text,
      `<reply xmlns='${ns.reply}' to='${this.#occupant(nick)}' id='${escapeXml(id)}'/>`,
    );
  }

  async retracts(old: string): Promise<Done> {
    const { id } = this.#notes.memory.find(old);
    const stanza = randomUUID();
    const xml = `<message to='${this.#bare}' id='${stanza}' type='groupchat'><retract xmlns='${ns.retract}' id='${escapeXml(id)}'/><body>/me retracted a message</body></message>`;
    return await this.#until(stanza, xml, ({ kind, about }) => kind === "retracted" && about === old);
  }

  async renames(nick: string): Promise<Done> {
    const id = randomUUID();
    const xml = `<presence to='${this.#occupant(nick)}' id='${id}'/>`;
    return await this.#until(id, xml, ({ kind, text }) => kind === "renamed" && text === nick);
  }

  async topics(text: string): Promise<Done> {
    const id = randomUUID();
    const xml = `<message to='${this.#bare}' id='${id}' type='groupchat'><subject>${escapeXml(text)}</subject></message>`;
    return await this.#until(id, xml, (entry) => entry.kind === "subject" && entry.text === text);
  }

  async invites(address: string): Promise<Done> {
    const id = randomUUID();
    const xml = `<message to='${this.#bare}' id='${id}'><x xmlns='${ns.user}'><invite to='${escapeXml(jidOf(address))}'/></x></message>`;
    const answer = await this.#ask(id, xml, 1_000);
    return answer.answer === "none" ? done : answer;
  }

  mutes(nick: string): Promise<Done> {
    return this.#rank(nick, "role='visitor'");
  }
  voices(nick: string): Promise<Done> {
    return this.#rank(nick, "role='participant'");
  }
  kicks(nick: string, reason: string): Promise<Done> {
    return this.#rank(nick, "role='none'", reason);
  }
  bans(nick: string, reason: string): Promise<Done> {
    // By nick alone: who may ban sees real addresses, but a play knows the nick.
    return this.#rank(nick, "affiliation='outcast'", reason);
  }

  async history(): Promise<Entry[]> {
    const id = randomUUID();
    const entries: Entry[] = [];
    this.#pages.set(id, entries);
    const xml = `<iq to='${this.#bare}' type='set' id='${id}'><query xmlns='${ns.mam}' queryid='${id}'><set xmlns='http://jabber.org/protocol/rsm'><max>100</max><before/></set></query></iq>`;
    const answer = await this.#ask(id, xml, patienceMs);
    this.#pages.delete(id);
    if (answer.answer !== "done")
      throw new Error(`${this.address}: the archive says ${answer.code ?? "nothing"}`);
    return entries;
  }

  break(): void {
    this.#client.break();
  }
  close(): Promise<void> {
    return this.#client.close();
  }

  /** What this client said -> its own id, for corrections. */
  readonly #own = new Map<string, string>();

  get #bare(): string {
    return escapeXml(jidOf(this.#room));
  }

  #occupant(nick: string): string {
    return `${this.#bare}/${escapeXml(nick)}`;
  }

  #entrance(nick: string, id: string): string {
    return `<presence to='${this.#occupant(nick)}' id='${id}'><x xmlns='${ns.muc}'/></presence>`;
  }

  async #says(text: string, inside: string): Promise<Done> {
    return await this.#sends(`<body>${escapeXml(text)}</body>${inside}`, (id) => this.#own.set(text, id));
  }

  /** A message to the room, done when the room gives it back. */
  async #sends(inside: string, sent: (id: string) => void = () => undefined): Promise<Done> {
    const id = randomUUID();
    sent(id);
    return await this.#ask(
      id,
      `<message to='${this.#bare}' id='${id}' type='groupchat'>${inside}</message>`,
      60_000,
    );
  }

  #rank(nick: string, attrs: string, reason?: string): Promise<Done> {
    const why = reason === undefined ? "" : `<reason>${escapeXml(reason)}</reason>`;
    const id = randomUUID();
    const item = `<item nick='${escapeXml(nick)}' ${attrs}>${why}</item>`;
    const xml = `<iq to='${this.#bare}' type='set' id='${id}'><query xmlns='${ns.admin}'>${item}</query></iq>`;
    return this.#ask(id, xml, patienceMs);
  }

  /** Sends a stanza and waits for what answers it by its id. */
  async #ask(id: string, xml: string, withinMs: number): Promise<Done> {
    const answer = new Promise<Done>((resolve) => this.#waiting.set(id, resolve));
    void this.#client.sendStanza(xml, id);
    const settled = (await within(answer, withinMs)) ?? noAnswer;
    this.#waiting.delete(id);
    return settled;
  }

  /** Sends a stanza and waits for what everybody is shown of it, or for its error. */
  async #until(id: string, xml: string, match: (entry: Entry) => boolean): Promise<Done> {
    const since = performance.now();
    const shown = this.sees((entry) => entry.at >= since && match(entry), patienceMs).then(
      () => done,
      () => noAnswer,
    );
    return await Promise.race([shown, this.#ask(id, xml, patienceMs)]);
  }

  #onNode(node: Node): boolean {
    const { from = "", id, type } = node.attrs;
    if (addressOf(from) !== this.#room) return false;
    if (node.name === "iq") {
      if (type === "get" || type === "set") return false;
      this.#settle(id, type === "result" ? done : refusedBy(conditionOf(node)));
      return true;
    }
    if (type === "error") this.#settle(id, refusedBy(conditionOf(node)));
    else if (node.name === "presence") this.#onPresence(node, from.slice(from.indexOf("/") + 1), type);
    else this.#onMessage(node, from.includes("/") ? from.slice(from.indexOf("/") + 1) : "");
    return true;
  }

  #settle(id: string | undefined, answer: Done): void {
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (waiting !== undefined) return waiting(answer);
    const [text] = [...this.#own].find(([, own]) => own === id) ?? [];
    if (answer.answer === "refused" && text !== undefined) this.#notes.failures.push(text);
  }

  #onPresence(node: Node, nick: string, type: string | undefined): void {
    const x = childOf(node, "x", ns.user);
    const codes = new Set(x?.children.filter(({ name }) => name === "status").map(({ attrs }) => attrs.code));
    const item = childOf(x, "item");
    const isSelf = codes.has("110");
    const { people } = this.#notes;
    if (type === "unavailable") {
      const newNick = item?.attrs.nick;
      const before = people.get(nick);
      people.delete(nick);
      if (codes.has("303") && newNick !== undefined) {
        people.set(newNick, { ...before, nick: newNick });
        if (isSelf) this.#nick = newNick;
        return this.#notes.add({ kind: "renamed", nick, text: newNick });
      }
      if (isSelf) this.#inside = false;
      return this.#notes.add({ kind: "left", nick, text: causeOf(codes, x) });
    }
    if (type !== undefined) return;
    const role = roles[item?.attrs.role ?? ""];
    const before = people.get(nick);
    people.set(nick, { nick, role });
    if (isSelf) this.#nick = nick;
    if (this.#entering !== undefined) return;
    if (before === undefined) this.#notes.add({ kind: "joined", nick, text: "" });
    else if (before.role !== role) this.#notes.add({ kind: "role", nick, text: role ?? "" });
  }

  #onMessage(node: Node, nick: string): void {
    const result = childOf(node, "result", ns.mam);
    if (result !== undefined) return this.#onArchived(result);
    const entry = this.#read(node, nick);
    const { id } = node.attrs;
    if (nick === this.#nick) this.#settle(id, done);
    if (entry !== undefined && this.#isNew(entry)) this.#notes.add(entry);
    // The subject, even an empty one, ends the picture (XEP-0045 §7.2.15).
    if (childOf(node, "subject") !== undefined && childOf(node, "body") === undefined) this.#entering?.(done);
  }

  /** What comes again is known by the room's id of it (XEP-0359 §4), as clients with an archive know it. */
  #isNew({ id, old }: Omit<Entry, "at">): boolean {
    if (id === undefined || old === true) return true;
    const isNew = !this.#seen.has(id);
    this.#seen.add(id);
    if (!isNew) this.again += 1;
    return isNew;
  }

  #read(node: Node, nick: string): Omit<Entry, "at"> | undefined {
    const { id: own, type } = node.attrs;
    const id = node.children.find(({ name, attrs }) => name === "stanza-id" && attrs.by === jidOf(this.#room))
      ?.attrs.id;
    const old = childOf(node, "delay") === undefined ? {} : { old: true };
    const common = { nick, id, ...old };
    const { memory } = this.#notes;
    const reactions = childOf(node, "reactions", ns.reactions);
    if (reactions !== undefined) {
      const text = reactions.children.map((one) => one.text).join(" ");
      return { kind: "reacted", ...common, text, about: memory.text(reactions.attrs.id ?? "") };
    }
    const retract = childOf(node, "retract", ns.retract);
    if (retract !== undefined)
      return { kind: "retracted", ...common, text: "", about: memory.text(retract.attrs.id ?? "") };
    const invite = childOf(childOf(node, "x", ns.user), "invite");
    if (invite !== undefined)
      return { kind: "invited", nick: addressOf(invite.attrs.from ?? ""), text: this.#room };
    const subject = childOf(node, "subject");
    const body = childOf(node, "body");
    if (subject !== undefined && body === undefined)
      return subject.text === "" && this.#entering
        ? undefined
        : { kind: "subject", ...common, text: subject.text };
    if (body === undefined) return undefined;
    if (nick === "") return { kind: "notice", nick: "", text: body.text, id, ...old };
    const isPrivate = type === "chat";
    const reply = childOf(node, "reply", ns.reply);
    const replace = childOf(node, "replace", ns.correct);
    const text = reply === undefined ? body.text : withoutQuote(node, body.text);
    const about = reply?.attrs.id ?? replace?.attrs.id;
    const entry = {
      kind: "said",
      ...common,
      text,
      ...(isPrivate && { to: this.#nick }),
      ...(about !== undefined && { about: memory.text(about) }),
      ...(replace !== undefined && { corrects: true }),
    } as const;
    memory.note([replace?.attrs.id, id, own], nick, text);
    return entry;
  }

  #onArchived(result: Node): void {
    const page = this.#pages.get(result.attrs.queryid ?? "");
    const message = childOf(childOf(result, "forwarded"), "message");
    if (page === undefined || message === undefined) return;
    const from = message.attrs.from ?? "";
    const entry = this.#read(message, from.includes("/") ? from.slice(from.indexOf("/") + 1) : "");
    if (entry !== undefined) page.push({ ...entry, old: true, id: result.attrs.id, at: performance.now() });
  }
}

const conditionOf = (node: Node): string =>
  childOf(node, "error")?.children.find(({ name }) => name !== "text")?.name ?? "undefined-condition";

function causeOf(codes: ReadonlySet<string | undefined>, x: Node | undefined): string {
  if (childOf(x, "destroy") !== undefined) return "destroyed";
  if (codes.has("333")) return "lost";
  if (codes.has("307")) return "kicked";
  if (codes.has("301")) return "banned";
  if (codes.has("321") || codes.has("322")) return "not-a-member";
  return codes.has("332") ? "shutdown" : "left";
}

/** The text without the quotation that clients cut off who know replies; offsets are code points (XEP-0428, XEP-0426). */
function withoutQuote(node: Node, text: string): string {
  const range = childOf(
    node.children.find(({ name, attrs }) => name === "fallback" && attrs.for === ns.reply),
    "body",
  );
  if (range === undefined) return text;
  const points = [...text];
  return [...points.slice(0, Number(range.attrs.start)), ...points.slice(Number(range.attrs.end))].join("");
}
