// From the browser to the bus: account-message becomes a message, account-disposition-notification a report. sylkRTC-2.
import type { Address, Party } from "#bus-schemas/address.ts";
import type { MessageDraft, ReportDraft } from "#bus-schemas/delivery/courier.ts";
import { limits } from "#bus-schemas/events/message.ts";
import { parseFarId } from "#bus-schemas/ids.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import type { RequestOf } from "../wire/request.ts";
import { parseAddress } from "./address.ts";
import { htmlText } from "./html-text.ts";

/** A draft, or why the browser is refused before anything was accepted. */
export type Drawn<T> =
  | { readonly ok: true; readonly draft: T }
  | { readonly ok: false; readonly reason: Reason; readonly text: string };

const refused = (
  reason: Reason,
  text: string,
): { readonly ok: false; readonly reason: Reason; readonly text: string } => ({
  ok: false,
  reason,
  text,
});

/**
 * The message of an account-message request. `from` is who the connection has proved to be, with display name. Reports
 * asked for: delivered and displayed unless the request says otherwise, as published clients expect.
 */
export function messageDraft(request: RequestOf<"account-message">, from: Party): Drawn<MessageDraft> {
  const to = parseAddress(request.uri);
  if (!to.ok) return refused("unknown-user", to.error);
  const said = spoken(request.content_type, request.content);
  if (!said.ok) return said;
  const asked = request.receipts ?? ["delivered", "displayed"];
  const written = request.timestamp === undefined ? Number.NaN : Date.parse(request.timestamp);
  return {
    ok: true,
    draft: {
      from,
      to: to.value,
      messageId: request.message_id,
      kind: "chat",
      ...said.draft,
      receipts: {
        handed: asked.includes("handed"),
        delivered: asked.includes("delivered"),
        displayed: asked.includes("displayed"),
      },
      ...(Number.isNaN(written) ? {} : { written }),
      ...(request.subject === undefined ? {} : { subject: request.subject }),
      ...(request.thread === undefined ? {} : { thread: request.thread }),
      ...(request.language === undefined ? {} : { language: request.language }),
      ...(request.correction_of === undefined ? {} : { correctionOf: request.correction_of }),
    },
  };
}

/** The text of a request and whether it is an action (`/me `); refused if it is too long, empty, or of a type that is not carried. */
export function spoken(
  contentType: string,
  written: string,
): Drawn<{ readonly text: string; readonly action: boolean }> {
  const content = plainText(contentType, written);
  if (content === undefined) return refused("not-supported", "only text/plain and text/html are carried");
  if (Buffer.byteLength(content, "utf8") > limits.textBytes)
    return refused("too-large", `above ${limits.textBytes} bytes`);
  const action = content.startsWith("/me ");
  const text = clean(action ? content.slice(4) : content);
  if (text === "") return refused("not-supported", "an empty message");
  return { ok: true, draft: { text, action } };
}

const mediaType = (contentType: string): string => (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();

function plainText(contentType: string, content: string): string | undefined {
  switch (mediaType(contentType)) {
    case "text/plain":
    case "":
      return content;
    case "text/html":
      return htmlText(content);
    default:
      return undefined;
  }
}

// Control characters but for line feed and tabulator are dropped, a carriage return is a line break (EDGES §8.4).
const clean = (text: string): string =>
  text
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");

/** A name as its owner may show it: one line without control characters; undefined if nothing is left. */
export function displayName(text: string | undefined): string | undefined {
  const name = clean(text ?? "")
    .replace(/\s+/g, " ")
    .trim();
  return name === "" ? undefined : name;
}

/**
 * The report that a browser makes of a message it was given: displayed, or that it cannot use it (bounced). `delivered` is
 * no report of its own: it ends the hand-over. A message id that no Parley wrote is refused.
 */
export function reportDraft(
  request: RequestOf<"account-disposition-notification">,
  from: Address,
): Drawn<ReportDraft | undefined> {
  const far = parseFarId(request.message_id);
  if (!far.ok) return refused("unknown-user", "no such message");
  const to = parseAddress(request.uri);
  if (!to.ok) return refused("unknown-user", to.error);
  const common = {
    message: far.value.event,
    messageId: far.value.messageId,
    origin: far.value.carrier,
    to: to.value,
    from,
  };
  switch (request.state) {
    case "delivered":
      return { ok: true, draft: undefined };
    case "displayed":
      return { ok: true, draft: { ...common, outcome: "displayed" } };
    case "forbidden":
      return { ok: true, draft: { ...common, outcome: "bounced", reason: "forbidden" } };
    case "failed":
    case "error":
      return {
        ok: true,
        draft: { ...common, outcome: "bounced", reason: "not-supported", text: "could not be shown" },
      };
  }
}
