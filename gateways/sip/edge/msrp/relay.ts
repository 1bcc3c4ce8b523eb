// A path through a relay, as its client (RFC 4976 §5.1): AUTH with digest, Use-Path, renewed before it expires.
import { randomBytes } from "node:crypto";
import type { Wheel, WheelTimer } from "#bus-schemas/service/wheel.ts";
import { answerDigest } from "../../session/msrp/relay-auth.ts";
import type { Head } from "../../wire/msrp/head.ts";
import { printEnd, printRequest } from "../../wire/msrp/print.ts";
import { parsePath } from "../../wire/msrp/uri.ts";
import type { Carried, MsrpConnection } from "./connection.ts";
import { MsrpFailure, type MsrpRelay, type RelayOptions } from "./port.ts";
import type { Session } from "./session.ts";

/** How often one AUTH is tried: without credentials, with them, with a fresh nonce or another Expires. */
const triesMost = 4;
const expiresSeconds = { wanted: 1_800, least: 30, most: 86_400 } as const;

interface Granted {
  /** Nearest to us first. */
  readonly usePath: readonly string[];
  readonly seconds: number;
}

/** Asks for the path; rejects with MsrpFailure and the relay's status. */
export async function openRelay(
  connection: MsrpConnection,
  own: { readonly id: string; readonly uri: string },
  options: RelayOptions,
  wheel: Wheel,
): Promise<Relay> {
  const relay = new Relay(connection, own, options, wheel);
  connection.attach(relay);
  try {
    await relay.renew();
  } catch (error) {
    connection.detach(relay, false);
    throw error;
  }
  return relay;
}

export class Relay implements MsrpRelay, Carried {
  readonly connection: MsrpConnection;
  readonly maxSize = 0;
  readonly #own: { readonly id: string; readonly uri: string };
  #taken = false;
  readonly #options: RelayOptions;
  readonly #wheel: Wheel;
  readonly #sessions = new Set<Session>();
  readonly #lost: (() => void)[] = [];
  #granted: Granted = { usePath: [], seconds: 0 };
  #timer: WheelTimer | undefined;
  #challenge: string | undefined;
  #nonceCount = 0;
  #closed = false;

  constructor(
    connection: MsrpConnection,
    own: { readonly id: string; readonly uri: string },
    options: RelayOptions,
    wheel: Wheel,
  ) {
    this.connection = connection;
    this.#own = own;
    this.#options = options;
    this.#wheel = wheel;
  }

  get path(): readonly string[] {
    return [...this.#granted.usePath].reverse();
  }

  get expiresMs(): number {
    return this.#granted.seconds * 1_000;
  }

  /** The first session has the URI that asked: msrprelay passes on nothing from another (compat 1.4). */
  takeId(): string | undefined {
    if (this.#taken) return undefined;
    this.#taken = true;
    return this.#own.id;
  }

  onLost(call: () => void): void {
    this.#lost.push(call);
  }

  with(session: Session): void {
    this.#sessions.add(session);
  }

  without(session: Session): void {
    this.#sessions.delete(session);
  }

  /** Asks, answers challenges, and asks again before the end of what was granted. */
  async renew(): Promise<void> {
    let expires: number = expiresSeconds.wanted;
    for (let tries = 0; tries < triesMost; tries += 1) {
      const { status, head } = await this.#ask(expires);
      const min = Number(head?.fields.get("min-expires"));
      const max = Number(head?.fields.get("max-expires"));
      if (status === 200 && head !== undefined) return this.#take(head);
      if (status === 401) this.#challenged(head);
      else if (status === 423 && min > expires && min <= expiresSeconds.most) expires = min;
      else if (status === 423 && max >= expiresSeconds.least && max < expires) expires = max;
      else throw new MsrpFailure(`the relay answered ${status}`, status);
    }
    throw new MsrpFailure("the relay does not take our credentials", 401);
  }

  #challenged(head: Head | undefined): void {
    this.#challenge = head?.fields.get("www-authenticate") ?? "";
    this.#nonceCount = 0;
  }

  #take(head: Head): void {
    const path = parsePath(head.fields.get("use-path") ?? "");
    if (!path.ok) throw new MsrpFailure("the relay gave no path");
    const usePath = (head.fields.get("use-path") ?? "").split(" ");
    // What sessions have told their peers must stay what it is.
    if (this.#granted.usePath.length > 0 && this.#granted.usePath.join(" ") !== usePath.join(" "))
      throw new MsrpFailure("the relay gave another path");
    const said = Number(head.fields.get("expires") ?? expiresSeconds.wanted);
    const seconds = Math.min(Math.max(said || 0, expiresSeconds.least), expiresSeconds.most);
    this.#granted = { usePath, seconds };
    if (this.#closed) return;
    this.#timer = this.#wheel.after(seconds * 800, () => {
      this.renew().catch(() => this.lost()); // The sessions learn it; the relay's words help nobody.
    });
  }

  #ask(expires: number): Promise<{ status: number; head: Head | undefined }> {
    const { username, password } = this.#options;
    // A path that was granted is renewed at itself.
    const path = this.#granted.usePath[0] === undefined ? [this.#options.uri] : [...this.#granted.usePath];
    const uri = path.at(-1) ?? this.#options.uri;
    let credentials = "";
    if (this.#challenge !== undefined) {
      this.#nonceCount += 1;
      const cnonce = randomBytes(8).toString("hex");
      const answer = answerDigest(this.#challenge, {
        username,
        password,
        uri,
        cnonce,
        count: this.#nonceCount,
      });
      if (!answer.ok) return Promise.reject(new MsrpFailure(answer.error, 401));
      credentials = `Authorization: ${answer.value}\r\n`;
    }
    return new Promise((resolve) => {
      const tid = this.connection.nextTid();
      const fields = `${credentials}Expires: ${expires}\r\n`;
      this.connection.say(
        printRequest(tid, "AUTH", path.join(" "), this.#own.uri) + fields + printEnd(tid, "$"),
      );
      this.connection.follow(tid, (status, _comment, head) => resolve({ status, head }));
    });
  }

  close(): void {
    this.lost();
  }

  // Of its connection: nobody asks the relay's own session for anything.
  admit(): number {
    return 481;
  }
  begin(): void {}
  data(): void {}
  end(): void {}
  request(): void {}
  write(): boolean {
    return false;
  }

  lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    for (const session of [...this.#sessions]) session.lost("lost");
    this.connection.detach(this, false);
    for (const call of this.#lost) call();
  }
}
