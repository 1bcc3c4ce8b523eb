// A SIP client in a room: INVITE with MSRP, NICKNAME, SUBSCRIBE to the roster, REFER (RFC 4579, 4575, 7701). No code of the gateway.
import { type Heard, within } from "./actor.ts";
import { type MsrpClient, type MsrpHeard, type MsrpSay, openMsrpClient } from "./msrp-client.ts";
import {
  cannot,
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
import { readCpim, writeCpim } from "./sip-cpim.ts";
import { type Asked, type ClientDialog, chance, type Headers, SipClient, uriIn } from "./sip-dialogs.ts";
import { headerOf, type SipText, sipUri, statusOf } from "./sip-message.ts";
import { type RosterNews, SipRoster } from "./sip-roster.ts";

export interface SipRoomOptions {
  /** Where gateways listen, on loopback; the next one is tried when one does not answer. */
  readonly ports: readonly number[];
  readonly address: string;
  readonly password: string;
  /** `room@domain`. */
  readonly room: string;
  /** The room's secret. */
  readonly secret?: string;
  /** For TLS: its own certificate, shown by a fingerprint. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly fingerprint: string };
  /** Comes when a focus asks it in; else it only shows that to its user. */
  readonly welcomes?: boolean;
  /** Says again in the next session what the last one did not answer; default: no. */
  readonly again?: boolean;
  /** How long anything may take; default 15 s. */
  readonly patienceMs?: number;
}

const roles: Readonly<Record<string, Occupant["role"]>> = {
  observer: "observer",
  participant: "speaker",
  moderator: "moderator",
};

export class SipRoomPhone implements RoomActor {
  readonly protocol = "sip";
  readonly address: string;
  readonly can: ReadonlySet<Verb> = new Set<Verb>(["whisper", "nick", "topic", "invite", "kick"]);
  readonly sip: SipClient;
  readonly sheet = new SipRoster();
  /** Bodies of all NOTIFYs, for whoever wants to check them. */
  readonly documents: string[] = [];
  /** Sipfrags that came for REFERs. */
  readonly fragments: string[] = [];
  /** CSeq numbers of the rosters that came. */
  readonly cseqs: number[] = [];
  readonly typing: { nick: string; state: string }[] = [];
  readonly #options: SipRoomOptions;
  readonly #notes: RoomNotes;
  readonly #uri: string;
  #msrp: MsrpClient | undefined;
  #call: ClientDialog | undefined;
  #watch: ClientDialog | undefined;
  #nick = "";
  #inside = false;
  #breaking = false;
  #closed = false;
  #joinedAt = 0;
  #version = 0;
  readonly #seen = new Set<string>();
  /** What was answered 200, by Message-ID: a report may take that back. */
  readonly #said = new Map<string, string>();
  /** Messages that came again and were known by their id. */
  again = 0;

  constructor(options: SipRoomOptions) {
    this.#options = options;
    this.address = options.address;
    this.#uri = sipUri(options.room);
    this.#notes = new RoomNotes(this.address);
    this.sip = new SipClient(options);
  }

  get room(): string {
    return this.#options.room;
  }

  /** Under which entity that one sees this one. */
  entity(reader: SipRoomPhone): string {
    return [...reader.sheet.users.values()].find(({ nick }) => nick === this.#nick)?.entity ?? "";
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
    return new Map(
      [...this.sheet.users.values()].map(({ nick, roles: [first = ""] }) => [
        nick,
        { nick, role: roles[first] },
      ]),
    );
  }
  get msrp(): MsrpClient {
    if (this.#msrp === undefined) throw new Error("no MSRP session");
    return this.#msrp;
  }
  sees(match: (entry: Entry) => boolean, withinMs: number): Promise<Entry> {
    return this.#notes.sees(match, withinMs);
  }

  /** Opens its socket and registers. */
  async open(): Promise<this> {
    await this.sip.open();
    this.sip.handle = (asked) => this.#asked(asked);
    await this.#register(600);
    return this;
  }

  async #register(expires: number): Promise<void> {
    const domain = this.address.slice(this.address.lastIndexOf("@") + 1);
    const dialog = { ...this.sip.dialog(sipUri(this.address)), target: `sip:${domain}` };
    const contact: Headers = [["Contact", `${this.sip.contact};expires=${expires}`]];
    const response = await this.sip.request("REGISTER", dialog, contact);
    if (response === undefined || statusOf(response) !== 200)
      throw new Error(`SIP: REGISTER of ${this.address} answered ${response?.start ?? "by nobody"}`);
  }

  // ---- what he does

  async joins(nick: string): Promise<Done> {
    const called = await this.#invite(nick);
    if (called.answer !== "done") return called;
    this.#inside = true;
    const status = nick === "" ? 200 : await this.msrp.nickname(nick);
    if (status !== 200) {
      await this.leaves();
      return status === 0 ? noAnswer : refusedBy(String(status));
    }
    const watched = await this.subscribes();
    if (watched.answer !== "done") return watched;
    const self = await within(
      this.#waitFor(() => this.#myself() !== undefined),
      this.#patience,
    );
    this.#nick = this.#myself() ?? nick;
    return self === undefined ? noAnswer : done;
  }

  get #patience(): number {
    return this.#options.patienceMs ?? 15_000;
  }

  // The focus shows everybody his own address as it is (RFC 4575 §5.6.1).
  #myself(): string | undefined {
    return this.sheet.users.get(sipUri(this.address))?.nick;
  }

  async #waitFor(probe: () => boolean): Promise<true> {
    while (!probe()) await new Promise((resolve) => setTimeout(resolve, 5));
    return true;
  }

  async #invite(display: string): Promise<Done> {
    this.sip.display = display;
    const { secret } = this.#options;
    const at = this.#uri.lastIndexOf("@");
    const uri =
      secret === undefined ? this.#uri : `${this.#uri.slice(0, at)}:${secret}${this.#uri.slice(at)}`;
    const dialog = { ...this.sip.dialog(this.#uri), target: uri };
    this.#joinedAt = Date.now();
    await this.#fresh();
    const headers: Headers = [
      ["Contact", this.sip.contact],
      ["Content-Type", "application/sdp"],
      ["Supported", "timer"],
    ];
    const response = await this.sip.request("INVITE", dialog, headers, this.offer());
    if (response === undefined) return noAnswer;
    if (statusOf(response) !== 200) return refusedBy(String(statusOf(response)));
    this.sip.established(dialog, response);
    this.sip.acknowledge(dialog);
    this.#call = dialog;
    return await this.#connect(pathIn(response.body.toString("utf8")));
  }

  async #connect(path: readonly string[]): Promise<Done> {
    const status = await this.msrp.connect(path);
    return status === 200 ? done : refusedBy(String(status));
  }

  async #fresh(): Promise<void> {
    await this.#msrp?.close();
    const { tls } = this.#options;
    this.#msrp = await openMsrpClient(tls === undefined ? {} : { tls });
    const ear = this.#msrp.messages;
    const { add } = ear;
    ear.add = (heard: MsrpHeard) => {
      add.call(ear, heard);
      this.#heard(heard);
    };
    const { reports } = this.#msrp;
    const { add: addReport } = reports;
    reports.add = (report) => {
      addReport.call(reports, report);
      const text = this.#said.get(report.messageId);
      if (text !== undefined && !report.status.startsWith("000 200")) this.#notes.failures.push(text);
    };
  }

  /** Its description: it connects. */
  offer(): Buffer {
    const { tls } = this.#options;
    const port = /:(\d+)\//.exec(this.msrp.path)?.[1] ?? "9";
    this.#version += 1;
    return Buffer.from(
      [
        "v=0",
        `o=- 1 ${this.#version} IN IP4 127.0.0.1`,
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        `m=message ${port} ${tls === undefined ? "TCP" : "TCP/TLS"}/MSRP *`,
        "a=accept-types:message/cpim",
        "a=accept-wrapped-types:text/plain application/im-iscomposing+xml",
        `a=path:${this.msrp.path}`,
        "a=setup:active",
        ...(tls === undefined ? [] : [`a=fingerprint:${tls.fingerprint}`]),
        "a=chatroom:nickname private-messages",
        "",
      ].join("\r\n"),
    );
  }

  async subscribes(expires = 3600): Promise<Done> {
    const dialog = this.#watch ?? this.sip.dialog(this.#uri);
    const headers: Headers = [
      ["Contact", this.sip.contact],
      ["Event", "conference"],
      ["Accept", "application/conference-info+xml"],
      ["Expires", String(expires)],
    ];
    this.#watch = dialog;
    const response = await this.sip.request("SUBSCRIBE", dialog, headers);
    if (response === undefined) return noAnswer;
    if (statusOf(response) !== 200) {
      this.#watch = undefined;
      return refusedBy(String(statusOf(response)));
    }
    this.sip.established(dialog, response);
    return done;
  }

  async leaves(): Promise<Done> {
    const call = this.#call;
    this.#inside = false;
    this.#call = undefined;
    if (this.#watch?.remoteTag) await this.subscribes(0);
    this.#watch = undefined;
    const response = call && (await this.sip.request("BYE", call, []));
    await this.#msrp?.close();
    this.#left("left");
    return response !== undefined && statusOf(response) === 200 ? done : noAnswer;
  }

  #left(why: string): void {
    const nick = this.#nick;
    this.sheet.users.clear();
    this.sheet.version = undefined;
    this.#notes.add({ kind: "left", nick, text: why });
  }

  says(text: string): Promise<Done> {
    return this.#send(this.#uri, text);
  }
  whispers(nick: string, text: string): Promise<Done> {
    return this.#send(`${this.#uri};gr=${encodeURIComponent(nick)}`, text);
  }

  async #send(to: string, text: string, more: { subject?: string; type?: string } = {}): Promise<Done> {
    const wrapped = writeCpim({
      from: sipUri(this.address),
      to,
      id: `${chance()}@phone`,
      asks: [],
      contentType: more.type ?? "text/plain;charset=UTF-8",
      content: Buffer.from(text, "utf8"),
    });
    const body =
      more.subject === undefined
        ? wrapped
        : Buffer.from(`Subject: ${more.subject}\r\n${wrapped.toString("utf8")}`);
    const messageId = chance();
    const status = await this.#delivered({ contentType: "message/cpim", body, messageId });
    if (status === undefined) return noAnswer;
    if (status === 200) {
      this.#notes.memory.note([messageId], this.#nick, text);
      this.#said.set(messageId, text);
    }
    return status === 200 ? done : refusedBy(String(status));
  }

  /** Sends it; if so asked, what one session does not answer goes under the same id in the next one. */
  async #delivered(say: MsrpSay): Promise<number | undefined> {
    const until = performance.now() + this.#patience;
    if (this.#options.again !== true)
      return (await this.msrp.send({ ...say, withinMs: this.#patience })).statuses[0];
    for (;;) {
      const left = until - performance.now();
      const { msrp } = this;
      if (msrp.connections > 0) {
        const sent = msrp.send({ ...say, withinMs: left }).then(({ statuses }) => statuses[0]);
        const lost = msrp.gone(left).then(
          () => undefined,
          () => undefined,
        );
        const status = await Promise.race([sent, lost]);
        if (status !== undefined || left <= 0) return status;
      }
      if (left <= 0) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A MESSAGE to the room, or to one in it, outside of any session. */
  async writes(text: string, nick?: string): Promise<Done> {
    const uri = nick === undefined ? this.#uri : `${this.#uri};gr=${encodeURIComponent(nick)}`;
    const dialog = this.sip.dialog(uri);
    const response = await this.sip.request(
      "MESSAGE",
      dialog,
      [["Content-Type", "text/plain"]],
      Buffer.from(text),
    );
    if (response === undefined) return noAnswer;
    return statusOf(response) < 300 ? done : refusedBy(String(statusOf(response)));
  }

  /** That he writes, or no longer. */
  async types(state: "active" | "idle"): Promise<Done> {
    const text = `<?xml version="1.0"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>${state}</state></isComposing>`;
    return await this.#send(this.#uri, text, { type: "application/im-iscomposing+xml" });
  }

  topics(text: string): Promise<Done> {
    return this.#send(this.#uri, "", { subject: text });
  }

  async renames(nick: string): Promise<Done> {
    const status = await this.msrp.nickname(nick);
    if (status === 200) this.#nick = nick;
    return status === 200 ? done : status === 0 ? noAnswer : refusedBy(String(status));
  }

  invites(address: string): Promise<Done> {
    return this.refers(`<${sipUri(address)}>`);
  }

  /** He cannot say why: REFER has no place for it. */
  async kicks(nick: string, _reason = ""): Promise<Done> {
    return await this.refers(
      `<${this.#uri};gr=${encodeURIComponent(nick)}?method=BYE>`.replace("?method", ";method"),
    );
  }

  /** A REFER to the room; resolves with its final response. */
  async refers(to: string, headers: Headers = []): Promise<Done> {
    const dialog = this.sip.dialog(this.#uri);
    const response = await this.sip.request("REFER", dialog, [
      ["Contact", this.sip.contact],
      ["Refer-To", to],
      ...headers,
    ]);
    if (response === undefined) return noAnswer;
    return statusOf(response) < 300 ? done : refusedBy(String(statusOf(response)));
  }

  corrects(): Promise<Done> {
    return cannot("sip", "correct");
  }
  reacts(): Promise<Done> {
    return cannot("sip", "react");
  }
  replies(): Promise<Done> {
    return cannot("sip", "reply");
  }
  retracts(): Promise<Done> {
    return cannot("sip", "retract");
  }
  mutes(): Promise<Done> {
    return cannot("sip", "mute");
  }
  voices(): Promise<Done> {
    return cannot("sip", "mute");
  }
  bans(): Promise<Done> {
    return cannot("sip", "ban");
  }
  async history(): Promise<Entry[]> {
    return this.transcript.filter(({ old }) => old === true);
  }

  // ---- what he hears

  #heard(heard: MsrpHeard): void {
    if (this.#seen.has(heard.messageId)) {
      this.again += 1;
      return;
    }
    this.#seen.add(heard.messageId);
    const { headers, contentType, body } = readCpim(heard.body);
    const from = displayIn(headers.get("From") ?? "");
    const toUri = uriIn(headers.get("To") ?? "") ?? "";
    const text = body.toString("utf8");
    if (contentType.startsWith("application/im-iscomposing")) {
      this.typing.push({ nick: from, state: /<state>(\w+)</.exec(text)?.[1] ?? "" });
      return;
    }
    const id = headers.get("imdn.Message-ID");
    const old = Date.parse(headers.get("DateTime") ?? "") < this.#joinedAt;
    const common = { nick: from, id, ...(old && { old }) };
    const subject = headers.get("Subject");
    if (subject !== undefined) return this.#notes.add({ ...common, kind: "subject", text: subject });
    if (from === "") return this.#notes.add({ ...common, kind: "notice", text });
    this.#notes.memory.note([id], from, text);
    const to = toUri.includes(";gr=") ? decodeURIComponent(toUri.split(";gr=")[1] ?? "") : undefined;
    this.#notes.add({ ...common, kind: "said", text, ...(to !== undefined && { to }) });
  }

  #asked({ request, method, respond }: Asked): void {
    const ours = (dialog: ClientDialog | undefined): boolean =>
      dialog !== undefined && headerOf(request, "call-id") === dialog.callId;
    if (method === "NOTIFY") return respond(this.#notified(request, ours(this.#watch)));
    if (method === "BYE" && ours(this.#call)) {
      respond(200);
      return this.#putOut(request);
    }
    if (method === "INVITE") return void this.#called(request, respond, ours(this.#call));
    if (method === "MESSAGE") {
      respond(200);
      return this.#told(request);
    }
    respond(method === "BYE" ? 481 : 501);
  }

  #notified(request: SipText, watched: boolean): number {
    if (headerOf(request, "event").startsWith("refer")) {
      this.fragments.push(
        `${headerOf(request, "subscription-state")} ${request.body.toString("utf8").trim()}`,
      );
      return 200;
    }
    if (!watched || this.#watch === undefined) return 481;
    this.#watch.target = uriIn(headerOf(request, "contact")) ?? this.#watch.target;
    const text = request.body.toString("utf8");
    if (text === "") return 200;
    this.documents.push(text);
    this.cseqs.push(Number.parseInt(headerOf(request, "cseq"), 10));
    const first = this.sheet.version === undefined;
    const news = this.sheet.take(text);
    if (!first) for (const one of news) this.#roster(one);
    return 200;
  }

  #roster(news: RosterNews): void {
    const { nick } = news.user;
    if (news.kind === "joined") this.#notes.add({ kind: "joined", nick, text: "" });
    else if (news.kind === "left") this.#notes.add({ kind: "left", nick, text: news.why });
    else if (news.kind === "renamed") this.#notes.add({ kind: "renamed", nick: news.from, text: nick });
    else this.#notes.add({ kind: "role", nick, text: roles[news.user.roles[0] ?? ""] ?? "" });
  }

  #putOut(request: SipText): void {
    this.#inside = false;
    this.#call = undefined;
    this.#watch = undefined;
    void this.#msrp?.close();
    const reason = headerOf(request, "reason");
    const why = reason.includes("banned") ? "banned" : reason.includes("removed") ? "kicked" : "left";
    this.#left(why);
  }

  // Asked in by the focus, or asked for a new session after the old one broke.
  async #called(request: SipText, respond: Asked["respond"], again: boolean): Promise<void> {
    if (!again && this.#options.welcomes !== true) {
      respond(603);
      const from = uriIn(headerOf(request, "from")) ?? "";
      return this.#notes.add({ kind: "invited", nick: "", text: roomOf(from) });
    }
    if (again && this.#call !== undefined)
      this.#call.target = uriIn(headerOf(request, "contact")) ?? this.#call.target;
    await this.#fresh();
    const tag = chance(4);
    if (!again) {
      const from = headerOf(request, "from");
      this.#call = {
        callId: headerOf(request, "call-id"),
        localTag: tag,
        remoteTag: /;tag=([^;,\s]+)/.exec(from)?.[1] ?? "",
        remote: uriIn(from) ?? "",
        target: uriIn(headerOf(request, "contact")) ?? "",
        cseq: 0,
      };
      this.#inside = true;
      this.#joinedAt = Date.now();
      this.#notes.add({ kind: "invited", nick: "", text: roomOf(uriIn(from) ?? "") });
    }
    respond(
      200,
      [
        ["Contact", this.sip.contact],
        ["Content-Type", "application/sdp"],
      ],
      this.offer(),
      tag,
    );
    await this.#connect(pathIn(request.body.toString("utf8")));
  }

  // An invitation in words.
  #told(request: SipText): void {
    const text = request.body.toString("utf8");
    const heard: Pick<Heard, "from" | "text"> = { from: headerOf(request, "from"), text };
    const room = /(?:sip:)?([^\s<>:]+@rooms\.example)/.exec(text)?.[1];
    if (room !== undefined) this.#notes.add({ kind: "invited", nick: displayIn(heard.from), text: room });
    else this.#notes.add({ kind: "notice", nick: displayIn(heard.from), text });
    // In words, where there is no session any more: "Not delivered: why: the first characters".
    const failed = [...this.#said.values()].find((said) => text.includes(said));
    if (failed !== undefined) this.#notes.failures.push(failed);
  }

  /** Its MSRP connection breaks without a word; it asks for a new session by itself. */
  break(): void {
    if (this.#breaking) return;
    this.#breaking = true;
    this.msrp.break();
    void this.comesBack().finally(() => {
      this.#breaking = false;
    });
  }

  /** A re-INVITE with a new session. */
  async comesBack(): Promise<Done> {
    const call = this.#call;
    if (call === undefined) return noAnswer;
    await this.#fresh();
    const headers: Headers = [
      ["Contact", this.sip.contact],
      ["Content-Type", "application/sdp"],
    ];
    const response = await this.sip.request("INVITE", call, headers, this.offer());
    if (response === undefined) return noAnswer;
    if (statusOf(response) !== 200) return refusedBy(String(statusOf(response)));
    this.sip.established(call, response);
    this.sip.acknowledge(call);
    return await this.#connect(pathIn(response.body.toString("utf8")));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#inside) await within(this.leaves(), 2_000);
    await within(this.#register(0), 2_000);
    await this.#msrp?.close();
    await this.sip.close();
  }
}

const pathIn = (sdp: string): string[] => (/^a=path:(.*?)\r?$/m.exec(sdp)?.[1] ?? "").split(" ");
const displayIn = (value: string): string =>
  (
    /^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*))\s*</
      .exec(value)
      ?.slice(1)
      .find((each) => each !== undefined) ?? ""
  )
    .replace(/\\(.)/g, "$1")
    .trim();
const roomOf = (uri: string): string => decodeURIComponent(uri.replace(/^sips?:/, "").split(";")[0] ?? "");
