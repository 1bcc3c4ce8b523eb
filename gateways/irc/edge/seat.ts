// One nick on a network for as long as it is needed: connection after connection, with back-off and nick recovery.
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import type { Network } from "../config.ts";
import { idle, type Life, type Input as LifeInput, step as stepLife } from "../session/puppet.ts";
import * as recovery from "../session/recovery.ts";
import { type Login, nickAttempts } from "../session/registration.ts";
import { type Message, message } from "../wire/message.ts";
import { nickCandidate } from "../wire/nick.ts";
import type { Server } from "./connection.ts";
import { Link } from "./link.ts";
import type { Turnstile } from "./turnstile.ts";

/** What a seat is made of; shared by all of a network but `login`. */
export interface SeatParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly network: Network;
  readonly server: Server;
  readonly turnstile: Turnstile;
  readonly onDroppedNotice: () => void;
}

export interface SeatHandlers {
  /** Logged in. `wanted` is false when another nick had to be taken. */
  ready(link: Link, wanted: boolean): void;
  line(link: Link, line: Message, number: string): void;
  /** The nick is another one now. */
  nick(nick: string): void;
  /** The connection was lost while it stood, or a try failed. `heardAt`: when the server was last heard, milliseconds since 1970. */
  lost(why: string, stood: boolean, heardAt: number): void;
}

export class Seat {
  readonly #parts: SeatParts;
  #login: Login;
  readonly #services: recovery.NickServices | undefined;
  readonly #handlers: SeatHandlers;
  readonly #name: string;
  #life: Life = idle;
  #link: Link | undefined;
  #connections = 0;
  #recovery: recovery.Recovery | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelRecovery: (() => void) | undefined;
  readonly #waiting = new Set<(link: Link | undefined) => void>();

  /** `name` starts the line numbers: unique to this seat in this process, so that numbers never repeat. */
  constructor(
    parts: SeatParts,
    name: string,
    login: Login,
    services: recovery.NickServices | undefined,
    handlers: SeatHandlers,
  ) {
    this.#parts = parts;
    this.#name = name;
    this.#login = login;
    this.#services = services;
    this.#handlers = handlers;
  }

  get state(): Life["name"] {
    return this.#life.name;
  }

  /** The connection, when it is logged in. */
  get link(): Link | undefined {
    return this.#life.name === "ready" ? this.#link : undefined;
  }

  /** Opens the connection unless that is under way. */
  need(): void {
    this.#step({ kind: "need" });
  }

  /** The logged-in connection; waits for it at most `timeoutMs`, then `undefined`. */
  ready(timeoutMs: number, signal: AbortSignal): Promise<Link | undefined> {
    this.need();
    if (this.link !== undefined) return Promise.resolve(this.link);
    return new Promise((resolve) => {
      const answer = (link: Link | undefined): void => {
        this.#waiting.delete(answer);
        cancel();
        signal.removeEventListener("abort", give);
        resolve(link);
      };
      const give = (): void => answer(undefined);
      const cancel = this.#parts.clock.after(timeoutMs, give);
      signal.addEventListener("abort", give, { once: true });
      this.#waiting.add(answer);
      if (signal.aborted) give();
    });
  }

  /** Wants another nick from now on. One that is in use is taken in another form, as at log-in. */
  wear(nick: string): void {
    this.#login = { ...this.#login, nick };
    this.#tries = 0;
    const { link } = this;
    if (link === undefined || link.nick === nick) return;
    this.#recovery = undefined;
    this.#cancelRecovery?.();
    link.say(message("NICK", [nick]));
  }

  #tries = nickAttempts;

  /** The server refuses the nick that was asked for while logged in. */
  #onNickRefused(link: Link, line: Message): void {
    // During recovery the wanted nick is asked for again and again; that it is refused then is no news.
    if (this.#recovery !== undefined || ++this.#tries >= nickAttempts) return;
    const attempt = line.command === "432" ? 0 : this.#tries;
    const limit = line.command === "432" ? 9 : link.isupport.nickLength;
    link.say(message("NICK", [nickCandidate(this.#login.nick, attempt, limit)]));
  }

  /** Leaves the network, and comes back only when needed again. */
  release(reason: string): void {
    this.#reason = reason;
    this.#step({ kind: "release" });
  }

  #reason = "";

  #step(input: LifeInput): void {
    const [life, outputs] = stepLife(this.#life, input);
    this.#life = life;
    for (const output of outputs) {
      switch (output.do) {
        case "connect":
          this.#connectInTurn();
          break;
        case "disconnect":
          this.#disconnect();
          break;
        case "start-timer":
          this.#cancelRetry = this.#parts.clock.after(output.ms, () => this.#step({ kind: "timer" }));
          break;
        case "stop-timer":
          this.#cancelRetry?.();
          break;
      }
    }
  }

  #connectInTurn(): void {
    this.#parts.turnstile.pass(() => {
      if (this.#life.name === "connecting" && this.#link === undefined) this.#connect();
    });
  }

  #connect(): void {
    const { clock, network, server } = this.#parts;
    const number = ++this.#connections;
    const mine = (): boolean => this.#link === link;
    const link = new Link(clock, network, server, this.#login, {
      ready: () => mine() && this.#onReady(link),
      line: (line, at) => {
        if (line.command === "432" || line.command === "433") this.#onNickRefused(link, line);
        this.#handlers.line(link, line, `${this.#name}.${number}.${at}`);
      },
      nick: (nick) => mine() && this.#onNick(nick),
      closed: (why, retry) => mine() && this.#onClosed(link, why, retry),
      dropped: this.#parts.onDroppedNotice,
    });
    this.#link = link;
  }

  #onReady(link: Link): void {
    this.#step({ kind: "opened", now: this.#parts.clock.monotonic() });
    const wanted = link.nick === this.#login.nick;
    if (!wanted) this.#recover(recovery.begin(this.#login.nick, this.#services));
    this.#parts.log.info({ nick: link.nick, caps: [...link.caps].sort() }, "logged in to IRC");
    this.#handlers.ready(link, wanted);
    for (const answer of [...this.#waiting]) answer(link);
  }

  #onNick(nick: string): void {
    this.#recovery = recovery.onNick(this.#recovery, nick);
    this.#handlers.nick(nick);
  }

  #recover(step: recovery.Step): void {
    this.#recovery = step.state;
    for (const line of step.send) this.#link?.say(line);
    this.#cancelRecovery?.();
    if (step.timerMs === undefined) return;
    this.#cancelRecovery = this.#parts.clock.after(step.timerMs, () => {
      if (this.link !== undefined) this.#recover(recovery.onTimer(this.#recovery));
    });
  }

  #onClosed(link: Link, why: string, retry: boolean): void {
    const stood = this.#life.name === "ready";
    const { clock, log } = this.#parts;
    this.#forget();
    this.#step({ kind: "closed", retry, now: clock.monotonic(), spread: Math.random() });
    log.info({ nick: this.#login.nick, why, stood }, "an IRC connection is gone");
    this.#handlers.lost(why, stood, clock.now() - (clock.monotonic() - link.heardAt));
  }

  #disconnect(): void {
    const link = this.#link;
    this.#forget();
    link?.quit(this.#reason);
    for (const answer of [...this.#waiting]) answer(undefined);
  }

  #forget(): void {
    this.#link = undefined;
    this.#recovery = undefined;
    this.#cancelRecovery?.();
  }
}
