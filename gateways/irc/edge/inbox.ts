// What people on IRC say to a puppet: accepted by the bus, or refused with a NOTICE. A line counts as taken when the bus
// holds it; IRC has no acknowledgement, so nothing is asked of the sender.
import type { Address } from "#bus-schemas/address.ts";
import type { Acceptance, Courier, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { Clock, Counter, Log } from "#bus-schemas/service/service.ts";
import type { Network } from "../config.ts";
import { type AllowanceRule, allowances, take } from "../session/allowance.ts";
import { courtesy, courtesyRule } from "../session/courtesy.ts";
import { toldAtOnce } from "../translate/errors.ts";
import { toBus } from "../translate/to-bus.ts";
import { parseCtcp } from "../wire/ctcp.ts";
import { type Message, message, param } from "../wire/message.ts";
import { parseSource } from "../wire/source.ts";
import type { Link } from "./link.ts";

export const inboxLimits = {
  /** Lines of one connection that wait for the bus; above it the connection is not read. */
  waiting: 200,
  resumeBelow: 100,
} as const;

/** How often one nick is told that he sends too much. */
const floodToldRule: AllowanceRule = { burst: 1, perSecond: 0.1 };

export interface InboxParts {
  readonly carrier: string;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly courier: () => Courier;
  /** Lines by what became of them: accepted, refused, flood, failed. */
  readonly lines: Counter;
}

export class Inbox {
  readonly #parts: InboxParts;
  readonly #flood = allowances();
  readonly #floodTold = allowances();
  readonly #courtesies = allowances();
  readonly #waiting = new WeakMap<Link, number>();
  /** All that is under way, for an orderly end. */
  readonly #open = new Set<Promise<void>>();

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  /**
   * Takes one PRIVMSG or NOTICE to this link's own nick. `number` names the line, never twice. Answers whether it is a
   * message that goes to the bus.
   */
  take(link: Link, line: Message, number: string, owner: Address): boolean {
    const from = parseSource(line.source ?? "");
    if (!this.isForUs(link, line, from.nick, from.host)) return false;
    if (!this.allows(link, from.nick, line.command)) return false;
    const { network, carrier } = this.#parts;
    const draft = toBus(line, { domain: network.domain, owner, accounts: link.caps.has("account-tag") });
    if (draft === undefined) {
      this.answerCtcp(link, line, from.nick);
      return false;
    }
    const refuse = line.command === "PRIVMSG";
    this.accept(link, draft, `${carrier}:${link.fold(from.nick)}`, number, (answer) => {
      if (!answer.accepted && refuse)
        link.say(message("NOTICE", [from.nick, toldAtOnce(answer.reason, draft.text)]));
    });
    return true;
  }

  /** Said to our nick by a person: not to a channel, not by a server, not our own echo. */
  isForUs(link: Link, line: Message, nick: string, host: string): boolean {
    if (host === "" || nick === "" || link.fold(nick) === link.fold(link.nick)) return false;
    return link.fold(param(line, 0)) === link.fold(link.nick);
  }

  /** Whether this nick may send another line now; if not he is told, seldom. */
  allows(link: Link, nick: string, command: string): boolean {
    const rule = this.#parts.network.flood;
    if (rule === "off") return true;
    const now = this.#parts.clock.monotonic();
    const name = link.fold(nick);
    if (take(this.#flood, rule, name, now)) return true;
    this.#parts.lines.add(1, { became: "flood" });
    if (command === "PRIVMSG" && take(this.#floodTold, floodToldRule, name, now))
      link.say(
        message("NOTICE", [
          nick,
          "Not delivered: too many messages; what you send now is lost until you slow down.",
        ]),
      );
    return false;
  }

  /** Queries only: a CTCP in a NOTICE is somebody's answer, and answers are not answered. */
  answerCtcp(link: Link, line: Message, nick: string): void {
    const query = parseCtcp(param(line, 1));
    if (query === undefined || line.command !== "PRIVMSG") return;
    const { clock } = this.#parts;
    const text = courtesy(query, new Date(clock.now()).toUTCString());
    if (text !== undefined && take(this.#courtesies, courtesyRule, link.fold(nick), clock.monotonic()))
      link.say(message("NOTICE", [nick, text]));
  }

  /** Hands a draft to the bus, and calls back with the answer; while too much waits the link is not read. */
  accept(
    link: Link,
    draft: MessageDraft,
    source: string,
    transportId: string,
    answered: (answer: Acceptance) => void,
  ): void {
    const { lines, log } = this.#parts;
    const waiting = (this.#waiting.get(link) ?? 0) + 1;
    this.#waiting.set(link, waiting);
    if (waiting === inboxLimits.waiting) link.pause();
    const work = this.#parts
      .courier()
      .accept(draft, { source, transportId })
      .then(
        (answer) => {
          lines.add(1, { became: answer.accepted ? "accepted" : "refused" });
          answered(answer);
        },
        (error: unknown) => {
          lines.add(1, { became: "failed" });
          log.warn({ error: String(error) }, "the bus did not take a line from IRC");
          answered({ accepted: false, reason: "unreachable", text: "try again later" });
        },
      )
      .finally(() => {
        this.#open.delete(work);
        const left = (this.#waiting.get(link) ?? 1) - 1;
        this.#waiting.set(link, left);
        if (left === inboxLimits.resumeBelow) link.resume();
      });
    this.#open.add(work);
  }

  /** Resolves when all lines that were taken have their answer. */
  async drained(): Promise<void> {
    await Promise.allSettled([...this.#open]);
  }
}
