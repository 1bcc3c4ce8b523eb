// A web client in a room, on `ws`, in the sylkRTC-2 vocabulary: keeps its place over breaks, sends again what was not answered.
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import { retry, within } from "./actor.ts";
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

type Json = Record<string, unknown>;

export interface WebRoomOptions {
  /** Where gateways listen, on loopback; the next one is tried when one does not answer. */
  readonly ports: readonly number[];
  readonly address: string;
  readonly password: string;
  /** `room@domain`. */
  readonly room: string;
  /** The same for all connections of this actor; default: one of its own. */
  readonly device?: string;
  /** The room's secret. */
  readonly secret?: string;
  /** How long anything may take, over all breaks; default 30 s. */
  readonly patienceMs?: number;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const listOf = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const nickOf = (value: unknown): string => textOf((value as Json | undefined)?.nick);

interface Outgoing {
  readonly request: Json;
  readonly settle: (answer: Json) => void;
}

export class WebRoom implements RoomActor {
  readonly protocol = "web";
  readonly address: string;
  readonly can: ReadonlySet<Verb> = new Set<Verb>([
    ...(["whisper", "correct", "react", "reply", "retract", "nick", "topic"] as const),
    ...(["invite", "mute", "kick", "ban", "history"] as const),
  ]);
  readonly #options: WebRoomOptions;
  readonly #device: string;
  readonly #notes: RoomNotes;
  readonly #answers = new Map<string, (answer: Json) => void>();
  /** Said, and neither numbered nor refused yet, by message id. */
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #seen = new Set<string>();
  /** What he said, by his own id. */
  readonly #sent = new Map<string, Json>();
  /** His own id of what he said, by the room's id: corrections name it. */
  readonly #own = new Map<string, string>();
  #socket: WebSocket | undefined;
  #turn = 0;
  #count = 0;
  #nick = "";
  #last: number | undefined;
  #session = "";
  #inside = false;
  #wanted = false;
  #returning = false;
  #resumed = false;
  #established: (() => void) | undefined;
  #page: Entry[] | undefined;
  #pageMore = false;
  #pageOldest = "";
  /** Connections made so far. */
  connections = 0;

  constructor(options: WebRoomOptions) {
    this.#options = options;
    this.address = options.address;
    this.#device = options.device ?? randomUUID();
    this.#notes = new RoomNotes(options.address);
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
  sees(match: (entry: Entry) => boolean, withinMs: number): Promise<Entry> {
    return this.#notes.sees(match, withinMs);
  }

  /** Connects and logs in without entering, to be invited. Rejects with the gateway's error. */
  async open(): Promise<this> {
    if (this.#socket?.readyState !== WebSocket.OPEN) await this.#connect();
    return this;
  }

  async joins(nick: string): Promise<Done> {
    this.#nick = nick;
    await this.open();
    const answer = await this.#join();
    if (answer?.sylkrtc === "ack") this.#wanted = true;
    return doneOf(answer);
  }

  async leaves(): Promise<Done> {
    this.#wanted = false;
    const answer = await this.#ask("leave", {});
    this.#inside = false;
    return doneOf(answer);
  }

  says(text: string): Promise<Done> {
    return this.#say(text, {});
  }
  whispers(nick: string, text: string): Promise<Done> {
    return this.#say(text, { to: nick });
  }
  corrects(old: string, text: string): Promise<Done> {
    const { id } = this.#notes.memory.find(old);
    return this.#say(text, { correction_of: this.#own.get(id) ?? id });
  }
  replies(to: string, text: string): Promise<Done> {
    const { id, nick } = this.#notes.memory.find(to);
    return this.#say(text, { reply_to: { event_id: id, nick, excerpt: to.slice(0, 80) } });
  }
  reacts(to: string, emoji: readonly string[]): Promise<Done> {
    return this.#does("react", { event_id: this.#notes.memory.find(to).id, emoji });
  }
  retracts(old: string): Promise<Done> {
    return this.#does("retract", { event_id: this.#notes.memory.find(old).id });
  }
  renames(nick: string): Promise<Done> {
    return this.#does("nick", { nick });
  }
  topics(text: string): Promise<Done> {
    return this.#does("subject", { text });
  }
  invites(address: string): Promise<Done> {
    return this.#does("invite", { participants: [address] });
  }
  mutes(nick: string): Promise<Done> {
    return this.#does("role", { nick, role: "observer" });
  }
  voices(nick: string): Promise<Done> {
    return this.#does("role", { nick, role: "speaker" });
  }
  kicks(nick: string, reason: string): Promise<Done> {
    return this.#does("kick", { nick, reason });
  }
  bans(nick: string, reason: string): Promise<Done> {
    return this.#does("affiliation", { changes: [{ nick, affiliation: "outcast", reason }] });
  }
  writes(state: "active" | "idle"): Promise<Done> {
    return this.#does("composing-indication", { state });
  }

  async history(): Promise<Entry[]> {
    let all: Entry[] = [];
    for (let before: string | undefined; ; before = this.#pageOldest) {
      this.#page = [];
      this.#pageOldest = "";
      const answer = await this.#ask("history", { limit: 100, ...(before !== undefined && { before }) });
      if (answer?.sylkrtc !== "ack") throw new Error(`no history: ${JSON.stringify(answer)}`);
      const page: Entry[] = this.#page;
      this.#page = undefined;
      all = [...page, ...all];
      if (!this.#pageMore || page.length === 0 || this.#pageOldest === "") return all;
    }
  }

  break(): void {
    this.#socket?.terminate();
  }

  async close(): Promise<void> {
    this.#wanted = false;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(true)));
    socket.close();
    if ((await within(closed, 2000)) === undefined) socket.terminate();
  }

  async #connect(): Promise<void> {
    const { ports, password } = this.#options;
    const port = ports[this.#turn % ports.length];
    this.#turn += 1;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/webrtcgateway/ws`, ["sylkRTC-2"], {
      handshakeTimeout: 3000,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.on("error", reject);
    });
    this.#socket = socket;
    this.connections += 1;
    socket.on("message", (data) => this.#onFrame(JSON.parse(String(data)) as Json));
    socket.once("close", () => this.#onClose(socket));
    const account = this.address;
    const credentials = { password, password_type: "plain", device_id: this.#device, user_agent: "cast" };
    const added = await this.#request({ sylkrtc: "account-add", account, ...credentials });
    if (added?.sylkrtc !== "ack") {
      socket.terminate();
      throw new Error(`web: ${textOf(added?.error) || "no answer to account-add"}`);
    }
    await this.#request({ sylkrtc: "account-register", account });
  }

  async #join(): Promise<Json | undefined> {
    this.#session = randomUUID();
    const established = new Promise<true>((resolve) => {
      this.#established = () => resolve(true);
    });
    const { secret, room, patienceMs } = this.#options;
    const answer = await this.#ask("join", {
      account: this.address,
      uri: room,
      nick: this.#nick,
      ...(secret !== undefined && { password: secret }),
      ...(this.#last !== undefined && { since: this.#last }),
    });
    if (answer?.sylkrtc !== "ack") return answer;
    if ((await within(established, patienceMs ?? 30_000)) === undefined) return undefined;
    this.#inside = true;
    for (const [id, outgoing] of this.#outgoing) this.#write(id, outgoing);
    return answer;
  }

  #onClose(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#inside = false;
    for (const answer of [...this.#answers.values()]) answer({});
    this.#answers.clear();
    this.#comeBack();
  }

  #comeBack(): void {
    if (!this.#wanted || this.#returning) return;
    this.#returning = true;
    const attempt = async (): Promise<void> => {
      await this.open();
      const answer = await this.#join();
      if (answer?.sylkrtc === "ack") return;
      // Banned meanwhile, or the room is gone: nothing to come back to.
      if (answer?.sylkrtc === "error" && answer.code !== 503) this.#wanted = false;
      throw new Error("not in yet");
    };
    void retry(attempt, () => !this.#wanted).finally(() => {
      this.#returning = false;
    });
  }

  #say(content: string, extra: Json): Promise<Done> {
    const id = randomUUID();
    const message = { message_id: id, content, content_type: "text/plain", ...extra };
    const request = { sylkrtc: "videoroom-message", ...message };
    return new Promise((resolve) => {
      const settle = (answer: Json | undefined): void => {
        clearTimeout(late);
        this.#outgoing.delete(id);
        resolve(doneOf(answer));
      };
      const late = setTimeout(() => settle(undefined), this.#options.patienceMs ?? 30_000);
      this.#sent.set(id, request);
      const outgoing: Outgoing = { request, settle };
      this.#outgoing.set(id, outgoing);
      if (this.#inside) this.#write(id, outgoing);
      else if (!this.#wanted) settle({ sylkrtc: "error", code: "not in the room" });
    });
  }

  #write(id: string, { request, settle }: Outgoing): void {
    this.#count += 1;
    const transaction = `t${this.#count}`;
    this.#answers.set(transaction, (answer) => {
      // "Try again later" refuses nothing; a break is made good by coming back.
      if (answer.code === 503) setTimeout(() => this.#writeAgain(id), 200);
      else if (answer.sylkrtc === "error") settle(answer);
      else if (answer.sylkrtc === "ack") {
        this.#said(request, answer);
        settle(answer);
      }
    });
    this.#send({ ...request, session: this.#session, transaction });
  }

  #writeAgain(id: string): void {
    const outgoing = this.#outgoing.get(id);
    if (outgoing !== undefined && this.#inside) this.#write(id, outgoing);
  }

  /** What he said himself stands in the transcript where the room put it: the answer comes in the room's order. */
  #said(request: Json, answer: Json): void {
    if (answer.event_id === undefined) return;
    const { content, message_id, to, correction_of, reply_to } = request;
    const corrects = [...this.#own].find(([, id]) => id === correction_of)?.[0] ?? correction_of;
    this.#show({
      ...answer,
      content,
      message_id,
      own: true,
      sender: { nick: this.#nick },
      ...(to !== undefined && { to: { nick: to } }),
      ...(corrects !== undefined && { corrects }),
      ...(reply_to !== undefined && { reply_to }),
      event: "message",
    });
  }

  async #does(name: string, fields: Json): Promise<Done> {
    return doneOf(await this.#ask(name, fields));
  }

  #ask(name: string, fields: Json): Promise<Json | undefined> {
    return this.#request({ sylkrtc: `videoroom-${name}`, session: this.#session, ...fields });
  }

  async #request(fields: Json): Promise<Json | undefined> {
    this.#count += 1;
    const transaction = `t${this.#count}`;
    const answer = new Promise<Json>((resolve) => this.#answers.set(transaction, resolve));
    this.#send({ ...fields, transaction });
    const came = await within(answer, this.#options.patienceMs ?? 30_000);
    return came?.sylkrtc === undefined ? undefined : came;
  }

  #send(frame: Json): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #onFrame(frame: Json): void {
    if (frame.sylkrtc === "ack" || frame.sylkrtc === "error") {
      const transaction = textOf(frame.transaction);
      const answer = this.#answers.get(transaction);
      this.#answers.delete(transaction);
      answer?.(frame);
    } else if (frame.sylkrtc === "account-event" && frame.event === "message") this.#onMessage(frame);
    else if (frame.sylkrtc === "account-event" && frame.event === "disposition-notification") {
      if (frame.state === "failed") this.#failed(frame);
    } else if (frame.sylkrtc === "videoroom-event" && frame.session === this.#session) this.#onRoom(frame);
  }

  #onMessage(frame: Json): void {
    void this.#request({ sylkrtc: "account-ack", account: this.address, message_id: frame.message_id });
    const invitation = frame.invitation as Json | undefined;
    if (invitation === undefined || this.#seen.has(textOf(frame.message_id))) return;
    this.#seen.add(textOf(frame.message_id));
    const by = invitation.originator as Json | undefined;
    const nick = textOf(by?.nick) || textOf(by?.uri);
    this.#notes.add({ kind: "invited", nick, text: textOf(invitation.room) });
  }

  #onRoom(frame: Json): void {
    if (typeof frame.number === "number") this.#last = Math.max(this.#last ?? 0, frame.number);
    switch (frame.event) {
      case "session-state":
        return this.#onState(frame);
      case "roster":
        if (frame.first === true) this.#notes.people.clear();
        for (const person of listOf(frame.participants)) this.#person(person);
        return;
      case "history":
        return this.#onHistory(frame);
      case "participant-joined":
        this.#person(frame.participant as Json);
        return this.#notes.add({ kind: "joined", nick: nickOf(frame.participant), text: "" });
      case "participant-left":
        return this.#left(frame);
      case "participant-changed":
        return this.#changed(frame);
      case "participants-changed":
        for (const person of listOf(frame.joined)) {
          this.#person(person);
          this.#notes.add({ kind: "joined", nick: nickOf(person), text: "" });
        }
        for (const gone of listOf(frame.left)) this.#left(gone);
        return;
      case "message-delivery":
        return this.#delivery(frame);
      case "message":
      case "subject":
      case "retracted":
      case "reacted":
        return this.#show(frame);
    }
  }

  /** What became of something that had been answered before the room had numbered it. */
  #delivery(frame: Json): void {
    const request = this.#sent.get(textOf(frame.message_id));
    if (frame.delivered !== true) this.#failed(frame);
    else if (request !== undefined) this.#said(request, frame);
  }

  #failed(frame: Json): void {
    const request = this.#sent.get(textOf(frame.message_id));
    if (request !== undefined) this.#notes.failures.push(textOf(request.content));
  }

  #onState(frame: Json): void {
    switch (frame.state) {
      case "accepted":
        this.#nick = nickOf(frame.self);
        this.#resumed = frame.resumed === true;
        return;
      case "established":
        this.#established?.();
        return;
      case "terminated": {
        const cause = textOf(frame.cause);
        const mayReturn = ["lost", "unreachable"].includes(cause);
        this.#inside = false;
        this.#wanted &&= mayReturn;
        this.#notes.people.clear();
        if (cause !== "replaced" && !mayReturn)
          this.#notes.add({ kind: "left", nick: this.#nick, text: cause });
        this.#comeBack();
      }
    }
  }

  #onHistory(frame: Json): void {
    const entries = listOf(frame.entries).map((entry): Json => ({ ...entry, event: entry.entry }));
    if (frame.request === undefined) {
      for (const entry of entries) {
        if (typeof entry.number === "number") this.#last = Math.max(this.#last ?? 0, entry.number);
        this.#show(entry, !this.#resumed);
      }
      return;
    }
    this.#pageMore = frame.more === true;
    this.#pageOldest ||= textOf(entries[0]?.event_id);
    for (const entry of entries) {
      this.#note(entry);
      this.#page?.push({ ...this.#entryOf(entry, true), at: performance.now() });
    }
  }

  #person(person: Json): void {
    const nick = textOf(person.nick);
    const role = textOf(person.role) as Occupant["role"];
    this.#notes.people.set(nick, { nick, role });
  }

  #left(gone: Json): void {
    const nick = textOf(gone.nick);
    this.#notes.people.delete(nick);
    this.#notes.add({ kind: "left", nick, text: textOf(gone.cause) });
  }

  #changed(frame: Json): void {
    const person = frame.participant as Json;
    const nick = textOf(person.nick);
    if (frame.what === "nick") {
      const from = textOf(frame.from);
      this.#notes.people.delete(from);
      if (from === this.#nick) this.#nick = nick;
      this.#notes.add({ kind: "renamed", nick: from, text: nick });
    }
    const before = this.#notes.people.get(nick);
    this.#person(person);
    if (frame.what !== "nick" && before !== undefined && before.role !== person.role)
      this.#notes.add({ kind: "role", nick, text: textOf(person.role) });
  }

  #show(frame: Json, old = false): void {
    const id = textOf(frame.event_id);
    if (id !== "" && this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#note(frame);
    this.#notes.add(this.#entryOf(frame, old));
    // What was missed may hold what he said himself, just before the break.
    if (frame.own === true) this.#outgoing.get(textOf(frame.message_id))?.settle({ sylkrtc: "ack" });
  }

  #note(frame: Json): void {
    if (frame.event !== "message") return;
    const id = textOf(frame.event_id);
    if (frame.own === true) this.#own.set(id, textOf(frame.message_id));
    // A message and what replaced it are one: acting on the new text means the first.
    const meant = textOf(frame.corrects) || id;
    this.#notes.memory.note([meant, id], nickOf(frame.sender), textOf(frame.content));
  }

  #entryOf(frame: Json, isOld: boolean): Omit<Entry, "at"> {
    const common = { id: textOf(frame.event_id), ...(isOld && { old: true }) };
    const { memory } = this.#notes;
    switch (frame.event) {
      case "subject":
        return { ...common, kind: "subject", nick: nickOf(frame.by), text: textOf(frame.text) };
      case "retracted": {
        const about = memory.text(textOf(frame.retracts));
        return { ...common, kind: "retracted", nick: nickOf(frame.by), text: "", about };
      }
      case "reacted": {
        const about = memory.text(textOf(frame.reacts_to));
        const text = ((frame.emoji ?? []) as string[]).join(" ");
        return { ...common, kind: "reacted", nick: nickOf(frame.by), text, about };
      }
      default:
        return { ...common, ...this.#saidOf(frame) };
    }
  }

  #saidOf(frame: Json): Omit<Entry, "at"> {
    const text = textOf(frame.content);
    if (frame.type === "status") return { kind: "notice", nick: "", text };
    const [corrects, answers] = [
      textOf(frame.corrects),
      textOf((frame.reply_to as Json | undefined)?.event_id),
    ];
    return {
      kind: "said",
      nick: nickOf(frame.sender),
      text,
      ...(frame.to !== undefined && { to: nickOf(frame.to) }),
      ...(answers !== "" && { about: this.#notes.memory.text(answers) }),
      ...(corrects !== "" && { about: this.#corrected(corrects), corrects: true }),
    };
  }

  /** What stood there before this correction was noted. */
  #corrected(id: string): string {
    const before = this.#notes.all.findLast((entry) => entry.kind === "said" && entry.id === id);
    return before?.text ?? this.#notes.memory.text(id);
  }
}

function doneOf(answer: Json | undefined): Done {
  if (answer?.sylkrtc === "ack") return done;
  if (answer?.sylkrtc !== "error") return noAnswer;
  const code = answer.code ?? answer.error;
  return refusedBy(String(code));
}
