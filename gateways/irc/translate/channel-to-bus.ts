// What somebody says in a channel, as a draft for the room that it is a leg of: PRIVMSG, NOTICE and ACTION; IRCv3 reply, account-tag.
import type { Address } from "#bus-schemas/address.ts";
import type { MessageDraft } from "#bus-schemas/delivery/courier.ts";
import { parseCtcp } from "../wire/ctcp.ts";
import { parseFormat } from "../wire/format.ts";
import { type Message, param } from "../wire/message.ts";
import { parseSource } from "../wire/source.ts";

export interface RoomView {
  /** The network's domain. */
  readonly domain: string;
  readonly room: Address;
  readonly leg: string;
  /** Whether the server vouches for accounts (account-tag is negotiated). */
  readonly accounts: boolean;
  /** What somebody of the channel is called in the room; undefined for a word that is nobody's name there. */
  readonly nickInRoom: (nick: string) => string | undefined;
  /** The room's message behind a message id of the server, where it is known. */
  readonly eventOf: (msgid: string) => string | undefined;
}

/** The draft, or `undefined` when there is nothing in it: a CTCP other than ACTION, or no text. */
export function channelToBus(line: Message, view: RoomView): MessageDraft | undefined {
  const body = param(line, line.params.length - 1);
  const ctcp = parseCtcp(body);
  if (ctcp !== undefined && ctcp.command !== "ACTION") return undefined;
  const formatted = parseFormat(ctcp === undefined ? body : ctcp.args);
  if (formatted.text.trim() === "") return undefined;
  const { nick } = parseSource(line.source ?? "");
  const msgid = line.tags.get("msgid") ?? "";
  const answered = line.tags.get("+draft/reply") ?? line.tags.get("+reply") ?? "";
  const text = mentioned(formatted.text, view);
  const spans = text === formatted.text ? formatted.spans : [];
  return {
    from: {
      local: nick,
      domain: view.domain,
      display: nick,
      assurance: view.accounts && (line.tags.get("account") ?? "") !== "" ? "server" : "none",
    },
    to: view.room,
    kind: line.command === "NOTICE" ? "notice" : "chat",
    action: ctcp !== undefined,
    text,
    leg: view.leg,
    ...(spans.length > 0 && { spans: [...spans] }),
    ...(msgid !== "" && { messageId: msgid.slice(0, 1023) }),
    ...(answered !== "" && { replyTo: { id: view.eventOf(answered) ?? answered.slice(0, 1023) } }),
  };
}

/** `alice_: hello` said to a nick of ours is `alice: hello` in the room. */
function mentioned(text: string, view: RoomView): string {
  const [, name, rest] = /^([^\s:,]{1,64})([:,](?:\s[\s\S]*)?)$/.exec(text) ?? [];
  const nick = name === undefined ? undefined : view.nickInRoom(name);
  return nick === undefined || rest === undefined ? text : nick + rest;
}
