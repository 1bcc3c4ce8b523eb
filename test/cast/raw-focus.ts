// A conference focus of its own, for tests (RFC 4579, RFC 4575, RFC 7701): no independent focus is installed here, so this one stands
// in for it. It shares no code with the gateway: what both sides misread alike only a foreign focus would show.
import { type MsrpClient, type MsrpHeard, openMsrpClient } from "./msrp-client.ts";
import { readCpim, writeCpim } from "./sip-cpim.ts";
import { type Asked, type ClientDialog, chance, type Headers, SipClient, uriIn } from "./sip-dialogs.ts";
import { headerOf, type SipText, statusOf } from "./sip-message.ts";

/** Somebody who called. */
export interface FocusCaller {
  /** His URI in From. */
  readonly aor: string;
  readonly dialog: ClientDialog;
  readonly msrp: MsrpClient;
  readonly contact: string;
  nick: string;
}

export interface FocusHeard {
  /** The caller's URI. */
  readonly by: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly type: string;
}

interface Watcher {
  readonly dialog: ClientDialog;
  version: number;
}

interface Native {
  readonly entity: string;
  nick: string;
  role: string;
}

const plain = (uri: string): string => uri.split(";")[0] ?? uri;
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

export class RawFocus {
  readonly room: string;
  readonly callers: FocusCaller[] = [];
  readonly heard: FocusHeard[] = [];
  /** Methods that came, in order. */
  readonly methods: string[] = [];
  /** What INVITE is answered instead of 200; what SEND is. */
  refuses: number | undefined;
  refusesWords: string | undefined;
  /** What the SDP says of chat rooms; empty: nothing. */
  chatroom = "nickname private-messages";
  readonly takenNicks = new Set<string>();
  subject = "";
  readonly #sip: SipClient;
  readonly #natives = new Map<string, Native>();
  readonly #watchers: Watcher[] = [];

  /** `room`: local@domain. */
  constructor(room: string) {
    this.room = `sip:${room}`;
    this.#sip = new SipClient({ ports: [0], address: room, password: "" });
  }

  get port(): number {
    return this.#sip.port;
  }
  get nicks(): string[] {
    return this.callers.map(({ nick }) => nick).sort();
  }
  /** What callers have said, each once. */
  get words(): string[] {
    return this.heard.filter(({ type }) => type.startsWith("text/plain")).map(({ text }) => text);
  }

  async open(): Promise<this> {
    await this.#sip.open();
    this.#sip.handle = (asked) => void this.#asked(asked);
    return this;
  }

  // ---- people of its own

  /** Entities are addresses of its own domain. */
  enters(nick: string, role = "participant"): void {
    const host = this.room.split("@")[1] ?? "";
    this.#natives.set(nick, { entity: `sip:${nick.toLowerCase()}@people.${host}`, nick, role });
    this.#notify(this.#native(nick, "full"));
  }
  leaves(nick: string, method = "departed", reason = ""): void {
    const user = this.#native(nick, "deleted", method, reason);
    this.#natives.delete(nick);
    this.#notify(user);
  }
  renames(from: string, to: string): void {
    const native = this.#natives.get(from);
    if (native === undefined) throw new Error(`nobody is called ${from}`);
    this.#natives.delete(from);
    native.nick = to;
    this.#natives.set(to, native);
    this.#notify(this.#native(to, "full"));
  }
  names(subject: string): void {
    this.subject = subject;
    this.#notify("");
  }
  /** A document goes missing: the next one leaves a gap. */
  forgetsOne(): void {
    for (const watcher of this.#watchers) watcher.version += 1;
  }
  /** Says it to all callers; `to`: only to them. Resolves with the statuses of their answers. */
  async says(nick: string, text: string, to: { id?: string; only?: string } = {}): Promise<number[]> {
    const entity = this.#natives.get(nick)?.entity ?? `sip:${nick}@nowhere.example`;
    const readers = this.callers.filter(({ aor }) => to.only === undefined || aor === to.only);
    const body = writeCpim({
      ...{ from: entity, to: to.only ?? this.room, id: to.id ?? chance(), asks: [] },
      ...{ contentType: "text/plain;charset=UTF-8", content: Buffer.from(text) },
    });
    const said = await Promise.all(
      readers.map(({ msrp }) => msrp.send({ contentType: "message/cpim", body })),
    );
    return said.map(({ statuses: [status = 0] }) => status);
  }

  /** Sends a caller away. */
  async byes(caller: FocusCaller, reason = "removed"): Promise<number> {
    this.#gone(caller);
    const headers: Headers = [["Reason", `SIP;cause=403;text="${reason}"`]];
    const response = await this.#sip.request("BYE", caller.dialog, headers);
    await caller.msrp.close();
    return response === undefined ? 0 : statusOf(response);
  }

  /** The conference is no more. */
  ends(): void {
    for (const watcher of this.#watchers)
      void this.#send(watcher, "deleted", "", "terminated;reason=noresource");
  }

  async close(): Promise<void> {
    await Promise.all(this.callers.map(({ msrp }) => msrp.close()));
    await this.#sip.close();
  }

  // ---- what callers want

  async #asked({ request, method, respond }: Asked): Promise<void> {
    this.methods.push(method);
    const callId = headerOf(request, "call-id");
    switch (method) {
      case "INVITE":
        return this.#invite(request, respond);
      case "BYE": {
        const caller = this.callers.find(({ dialog }) => dialog.callId === callId);
        respond(caller === undefined ? 481 : 200);
        if (caller === undefined) return;
        this.#gone(caller);
        return caller.msrp.close();
      }
      case "SUBSCRIBE":
        return this.#subscribe(request, respond);
      default:
        respond(method === "CANCEL" ? 200 : 405);
    }
  }

  async #invite(request: SipText, respond: Asked["respond"]): Promise<void> {
    if (this.refuses !== undefined) return respond(this.refuses);
    const tag = chance(4);
    const aor = uriIn(headerOf(request, "from")) ?? "";
    const sdp = request.body.toString("utf8");
    const msrp: MsrpClient = await openMsrpClient({
      answer: (packet) => {
        if (packet.what === "NICKNAME") return this.#named(caller, packet.fields.get("use-nickname") ?? "");
        return packet.body === undefined || packet.body.length === 0
          ? "200 OK"
          : (this.refusesWords ?? "200 OK");
      },
    });
    const caller: FocusCaller = {
      ...{ aor, msrp, nick: "", contact: uriIn(headerOf(request, "contact")) ?? "" },
      dialog: this.#dialogOf(request, tag),
    };
    this.callers.push(caller);
    msrp.expect((/^a=path:(.*)$/m.exec(sdp)?.[1] ?? "").trim().split(" "));
    const { messages } = msrp;
    const { add } = messages;
    messages.add = (heard: MsrpHeard) => {
      add.call(messages, heard);
      if (heard.body.length > 0) void this.#spread(caller, heard);
    };
    const port = /:(\d+)\//.exec(msrp.path)?.[1] ?? "9";
    const answer = [
      ...["v=0", "o=focus 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"],
      ...[`m=message ${port} TCP/MSRP *`, "a=accept-types:message/cpim", "a=accept-wrapped-types:*"],
      ...[`a=path:${msrp.path}`, "a=setup:passive"],
      ...(this.chatroom === "" ? [] : [`a=chatroom:${this.chatroom}`]),
      "",
    ].join("\r\n");
    const headers: Headers = [
      ["Contact", `${this.#sip.contact};isfocus`],
      ["Content-Type", "application/sdp"],
    ];
    respond(200, headers, Buffer.from(answer), tag);
    this.#notify(this.#caller(caller, "full"));
  }

  #named(caller: FocusCaller, quoted: string): string {
    const nick = quoted.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1");
    const isTaken =
      this.takenNicks.has(nick) ||
      this.#natives.has(nick) ||
      this.callers.some((each) => each !== caller && each.nick === nick);
    if (isTaken) return "425 Nickname in use";
    caller.nick = nick;
    this.#notify(this.#caller(caller, "full"));
    return "200 OK";
  }

  // To all but the one who said it; each gets it under an id of its own.
  async #spread(caller: FocusCaller, heard: MsrpHeard): Promise<void> {
    const { headers, contentType, body } = readCpim(heard.body);
    const [from = "", to = ""] = ["From", "To"].map((name) => uriIn(headers.get(name) ?? ""));
    this.heard.push({ by: caller.aor, from, to, text: body.toString("utf8"), type: contentType });
    if (this.refusesWords !== undefined) return;
    const others = this.callers.filter((each) => each !== caller && (to === this.room || each.aor === to));
    await Promise.all(
      others.map(({ msrp }) =>
        msrp.send({ contentType: "message/cpim", body: heard.body }).catch(() => undefined),
      ),
    );
  }

  async #subscribe(request: SipText, respond: Asked["respond"]): Promise<void> {
    const callId = headerOf(request, "call-id");
    const expires = Number(headerOf(request, "expires"));
    const known = this.#watchers.find(({ dialog }) => dialog.callId === callId);
    const tag = known?.dialog.localTag ?? chance(4);
    const watcher = known ?? { dialog: this.#dialogOf(request, tag), version: 0 };
    if (known === undefined) this.#watchers.push(watcher);
    respond(
      200,
      [
        ["Contact", this.#sip.contact],
        ["Expires", String(expires)],
      ],
      Buffer.alloc(0),
      tag,
    );
    const users = [
      ...this.callers.map((caller) => this.#caller(caller, "full")),
      ...[...this.#natives.keys()].map((nick) => this.#native(nick, "full")),
    ].join("");
    const state = expires === 0 ? "terminated;reason=timeout" : `active;expires=${expires}`;
    if (expires === 0) this.#watchers.splice(this.#watchers.indexOf(watcher), 1);
    await this.#send(watcher, "full", users, state);
  }

  #dialogOf(request: SipText, tag: string): ClientDialog {
    const from = headerOf(request, "from");
    return {
      ...{ callId: headerOf(request, "call-id"), localTag: tag, cseq: 0 },
      remoteTag: /;tag=([^;,\s]+)/.exec(from)?.[1] ?? "",
      remote: uriIn(from) ?? "",
      target: uriIn(headerOf(request, "contact")) ?? "",
    };
  }

  #gone(caller: FocusCaller): void {
    const at = this.callers.indexOf(caller);
    if (at >= 0) this.callers.splice(at, 1);
    const again = this.callers.find(({ aor }) => aor === caller.aor);
    this.#notify(again === undefined ? this.#caller(caller, "deleted") : this.#caller(again, "full"));
  }

  // ---- rosters

  #caller({ aor, nick, contact }: FocusCaller, state: string): string {
    return userXml({ entity: aor, nick, role: "participant", state, endpoint: plain(contact) });
  }
  #native(nick: string, state: string, method?: string, reason?: string): string {
    const { entity, role } = this.#natives.get(nick) ?? { entity: "", role: "" };
    const end = method === undefined ? {} : { method, reason: reason ?? "" };
    return userXml({ entity, nick, role, state, endpoint: `${entity};device=1`, ...end });
  }

  #notify(users: string): void {
    for (const watcher of this.#watchers) void this.#send(watcher, "partial", users, "active;expires=3600");
  }

  async #send(watcher: Watcher, state: string, users: string, subscription: string): Promise<void> {
    watcher.version += 1;
    const list =
      users === "" ? "" : `<users state="${state === "full" ? "full" : "partial"}">${users}</users>`;
    const subject = this.subject === "" ? "" : `<subject>${escaped(this.subject)}</subject>`;
    const body = Buffer.from(
      `<?xml version="1.0"?><c:conference-info xmlns:c="urn:ietf:params:xml:ns:conference-info" xmlns="urn:ietf:params:xml:ns:conference-info" entity="${this.room}" state="${state}" version="${watcher.version}"><conference-description>${subject}</conference-description>${list}</c:conference-info>`,
    );
    const headers: Headers = [
      ["Contact", this.#sip.contact],
      ["Event", "conference"],
      ["Subscription-State", subscription],
      ["Content-Type", "application/conference-info+xml"],
    ];
    await this.#sip.request("NOTIFY", watcher.dialog, headers, body);
  }
}

function userXml(user: {
  readonly entity: string;
  readonly nick: string;
  readonly role: string;
  readonly state: string;
  readonly endpoint: string;
  readonly method?: string;
  readonly reason?: string;
}): string {
  const nick =
    user.nick === ""
      ? ""
      : ` xmlns:x="urn:ietf:params:xml:ns:xcon-conference-info" x:nickname="${escaped(user.nick)}"`;
  const gone =
    user.method === undefined
      ? "<status>connected</status>"
      : `<status>disconnected</status><disconnection-method>${user.method}</disconnection-method><disconnection-info><reason>${escaped(user.reason ?? "")}</reason></disconnection-info>`;
  return `<user entity="${escaped(user.entity)}" state="${user.state}"${nick}><display-text>${escaped(user.nick)}</display-text><roles><entry>${user.role}</entry></roles><endpoint entity="${escaped(user.endpoint)}">${gone}</endpoint></user>`;
}
