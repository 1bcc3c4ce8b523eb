// What a person on IRC says to one of our people, as a draft for the bus: PRIVMSG, NOTICE and ACTION.
import type { Address } from "#bus-schemas/address.ts";
import type { MessageDraft } from "#bus-schemas/delivery/courier.ts";
import { parseCtcp } from "../wire/ctcp.ts";
import { parseFormat } from "../wire/format.ts";
import { type Message, param } from "../wire/message.ts";
import { parseSource } from "../wire/source.ts";

/** What the edge knows of the connection that heard the line. */
export interface View {
  /** The network's domain. */
  readonly domain: string;
  /** Whom the puppet stands for. */
  readonly owner: Address;
  /** Whether the server vouches for accounts (account-tag is negotiated). */
  readonly accounts: boolean;
}

/**
 * The draft for a PRIVMSG or NOTICE to a puppet; `undefined` when there is nothing in it: a CTCP other than ACTION, or
 * no text. A nick is nobody's proof: assurance is `server` only where the server tags the line with an account.
 */
export function toBus(line: Message, view: View): MessageDraft | undefined {
  const body = param(line, line.params.length - 1);
  const ctcp = parseCtcp(body);
  if (ctcp !== undefined && ctcp.command !== "ACTION") return undefined;
  const { text, spans } = parseFormat(ctcp === undefined ? body : ctcp.args);
  if (text.trim() === "") return undefined;
  const { nick } = parseSource(line.source ?? "");
  const msgid = line.tags.get("msgid");
  return {
    from: {
      local: nick,
      domain: view.domain,
      display: nick,
      assurance: view.accounts && (line.tags.get("account") ?? "") !== "" ? "server" : "none",
    },
    to: view.owner,
    kind: line.command === "NOTICE" ? "notice" : "chat",
    action: ctcp !== undefined,
    text,
    ...(spans.length > 0 ? { spans: [...spans] } : {}),
    ...(msgid === undefined || msgid === "" ? {} : { messageId: msgid.slice(0, 1023) }),
  };
}
