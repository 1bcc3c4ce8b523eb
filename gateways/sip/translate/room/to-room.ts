// What a participant sends by MSRP, as the room understands it: said, typing, a subject, or refused (RFC 7701 §6, RFC 3862).
import type { Address, Party } from "#bus-schemas/address.ts";
import type { MessageDraft } from "#bus-schemas/delivery/courier.ts";
import { limits } from "#bus-schemas/events/message.ts";
import type { Participant } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { type Cpim, cpimHeader, cpimUri, imdnNamespace, parseCpim } from "../../wire/cpim.ts";
import { isComposingType, parseIsComposing } from "../../wire/is-composing.ts";
import { charsetOf, type MediaType, parseMediaType } from "../../wire/media-type.ts";
import { cleanText, decodeText, oneLine } from "../text.ts";
import { isSelf, type Meant, meant, type Names } from "./names.ts";

/** What the edge knows of the sender. */
export interface ToRoomView {
  readonly names: Names;
  readonly view: RoomView;
  /** The sender's party, with the device that is his endpoint here. */
  readonly from: Party;
  readonly self: Participant;
  /** All addresses of his. */
  readonly own: readonly Address[];
}

export type ToRoom =
  | { readonly do: "say"; readonly draft: MessageDraft; readonly isPrivate: boolean }
  | { readonly do: "subject"; readonly text: string }
  | {
      readonly do: "typing";
      readonly active: boolean;
      readonly refreshMs: number;
      /** The nick, if only one is to see it. */
      readonly to?: string | undefined;
    }
  /** Answered 200 and dropped. */
  | { readonly do: "nothing"; readonly why: "empty" | "notification" }
  | { readonly do: "refuse"; readonly status: number; readonly comment: string };

/** What may be inside message/cpim (a=accept-wrapped-types). */
export const wrappedTypes = ["text/plain", isComposingType, "message/imdn+xml"] as const;

const refuse = (status: number, comment: string): ToRoom => ({ do: "refuse", status, comment });

/** Translates one whole MSRP message. */
export function toRoom(
  message: { readonly messageId: string; readonly contentType: string; readonly body: Uint8Array },
  view: ToRoomView,
): ToRoom {
  const outer = parseMediaType(message.contentType);
  if (outer?.type !== "message/cpim") return refuse(415, "message/cpim only");
  const cpim = parseCpim(message.body);
  if (!cpim.ok) return refuse(400, "malformed message/cpim");
  const from = cpimUri(cpimHeader(cpim.value, "from") ?? "")?.uri;
  if (from === undefined || !isSelf(view.names, view.self, view.own, from))
    return refuse(403, "From is not the sender");
  const to = recipient(cpim.value, view);
  if (to === undefined) return refuse(403, "not exactly one To");
  if (to.is === "nobody") return refuse(404, "no such participant");
  const media = parseMediaType(cpim.value.mime.get("content-type") ?? "text/plain");
  if (media === undefined) return refuse(400, "malformed Content-Type");
  return byType(message.messageId, cpim.value, media, to, view);
}

// RFC 7701 §6.2: more than one recipient is for no room to copy.
function recipient(cpim: Cpim, { names, view, self }: ToRoomView): Meant | undefined {
  const headers = cpim.headers.filter(({ namespace, name }) => namespace === "" && name === "to");
  const uri = headers.length === 1 ? cpimUri(headers[0]?.value ?? "")?.uri : undefined;
  if (uri === undefined) return undefined;
  return meant(names, view, { key: self.key, moderator: self.role === "moderator" }, uri);
}

function byType(
  messageId: string,
  cpim: Cpim,
  media: MediaType,
  to: Exclude<Meant, { is: "nobody" }>,
  view: ToRoomView,
): ToRoom {
  const nick = to.is === "nick" ? to.nick : undefined;
  switch (media.type) {
    case "text/plain":
      return said(messageId, cpim, media, nick, view);
    case isComposingType: {
      const read = parseIsComposing(cpim.content);
      if (!read.ok) return refuse(400, read.error);
      return {
        do: "typing",
        active: read.value.state === "active",
        refreshMs: read.value.refresh * 1000,
        to: nick,
      };
    }
    case "message/imdn+xml":
      return { do: "nothing", why: "notification" };
    default:
      return refuse(415, wrappedTypes.join(" "));
  }
}

function said(
  messageId: string,
  cpim: Cpim,
  media: MediaType,
  nick: string | undefined,
  { from, names }: ToRoomView,
): ToRoom {
  const decoded = decodeText(content(cpim), charsetOf(media));
  if (decoded === undefined) return refuse(415, "unknown charset");
  const text = cleanText(decoded);
  const action = text.startsWith("/me ");
  const spoken = action ? text.slice(4) : text;
  const subject = oneLine(cpimHeader(cpim, "subject") ?? "");
  if (spoken === "" && subject !== "" && nick === undefined) return { do: "subject", text: subject };
  if (spoken === "") return { do: "nothing", why: "empty" };
  if (Buffer.byteLength(spoken, "utf8") > limits.textBytes) return refuse(413, "too large");
  const language = cpim.mime.get("content-language")?.split(",")[0]?.trim();
  const written = Date.parse(cpimHeader(cpim, "datetime") ?? "");
  const named = cpimHeader(cpim, "message-id", imdnNamespace);
  const to: Address = {
    local: names.room.local,
    domain: names.room.domain,
    ...(nick === undefined ? {} : { device: nick }),
  };
  const draft: MessageDraft = {
    from,
    to,
    kind: "chat",
    action,
    text: spoken,
    messageId: named !== undefined && named !== "" && named.length <= 1023 ? named : messageId,
    ...(language && /^[A-Za-z0-9-]{1,100}$/.test(language) ? { language } : {}),
    ...(Number.isFinite(written) && written > 0 ? { written } : {}),
  };
  return { do: "say", draft, isPrivate: nick !== undefined };
}

function content(cpim: Cpim): Uint8Array {
  const encoding = cpim.mime.get("content-transfer-encoding")?.toLowerCase();
  return encoding === "base64"
    ? Buffer.from(Buffer.from(cpim.content).toString("latin1"), "base64")
    : cpim.content;
}
