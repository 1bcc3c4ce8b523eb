// What a conference elsewhere sends to one of ours, read: who says what to whom (RFC 7701 §6, RFC 3862).
import { createHash } from "node:crypto";
import { limits } from "#bus-schemas/events/message.ts";
import { cpimHeader, cpimUri, imdnNamespace, parseCpim } from "../../wire/cpim.ts";
import { isComposingType, parseIsComposing } from "../../wire/is-composing.ts";
import { charsetOf, parseMediaType } from "../../wire/media-type.ts";
import { cleanText, decodeText } from "../text.ts";

/** One thing that was said there. */
export interface Said {
  readonly is: "said";
  /** The URI in From, and the name beside it. */
  readonly from: string;
  readonly display: string | undefined;
  /** The URI in To. */
  readonly to: string;
  readonly action: boolean;
  readonly text: string;
  readonly language: string | undefined;
  readonly written: number | undefined;
  readonly messageId: string;
  /** The same in all sessions to which it is sent; undefined where nothing in it says so. */
  readonly key: string | undefined;
}

export type FromFocus =
  | Said
  | { readonly is: "typing"; readonly from: string; readonly to: string; readonly active: boolean }
  /** Answered 200 and dropped. */
  | { readonly is: "nothing" }
  | { readonly is: "refused"; readonly status: number; readonly comment: string };

const refused = (status: number, comment: string): FromFocus => ({ is: "refused", status, comment });

/** Reads one whole message. */
export function fromFocus(message: {
  readonly messageId: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}): FromFocus {
  if (message.body.length === 0) return { is: "nothing" };
  if (parseMediaType(message.contentType)?.type !== "message/cpim") return refused(415, "message/cpim only");
  const cpim = parseCpim(message.body);
  if (!cpim.ok) return refused(400, "malformed message/cpim");
  if (cpim.value.unmet !== undefined) return refused(415, "required and not understood");
  const from = cpimUri(cpimHeader(cpim.value, "from") ?? "");
  const to = cpimUri(cpimHeader(cpim.value, "to") ?? "")?.uri;
  if (from === undefined || to === undefined) return refused(400, "From and To are needed");
  const media = parseMediaType(cpim.value.mime.get("content-type") ?? "text/plain");
  const content = contentOf(cpim.value);
  if (media?.type === isComposingType) {
    const state = parseIsComposing(content);
    return state.ok
      ? { is: "typing", from: from.uri, to, active: state.value.state === "active" }
      : refused(400, state.error);
  }
  if (media?.type === "message/imdn+xml") return { is: "nothing" };
  if (media?.type !== "text/plain") return refused(415, "text/plain");
  const decoded = decodeText(content, charsetOf(media));
  if (decoded === undefined) return refused(415, "unknown charset");
  const text = cleanText(decoded);
  const action = text.startsWith("/me ");
  const spoken = action ? text.slice(4) : text;
  if (spoken === "") return { is: "nothing" };
  if (Buffer.byteLength(spoken, "utf8") > limits.textBytes) return refused(413, "too large");
  const dateTime = cpimHeader(cpim.value, "datetime");
  const written = Date.parse(dateTime ?? "");
  const named = cpimHeader(cpim.value, "message-id", imdnNamespace);
  const language = cpim.value.mime.get("content-language")?.split(",")[0]?.trim();
  return {
    is: "said",
    from: from.uri,
    display: from.display,
    to,
    action,
    text: spoken,
    language: language !== undefined && /^[A-Za-z0-9-]{1,100}$/.test(language) ? language : undefined,
    written: Number.isFinite(written) && written > 0 ? written : undefined,
    messageId: named !== undefined && named !== "" && named.length <= 1023 ? named : message.messageId,
    key: keyOf(named, dateTime, from.uri, text),
  };
}

// Message-IDs of MSRP are each session's own: what its author called it, or when he wrote what.
function keyOf(
  named: string | undefined,
  dateTime: string | undefined,
  from: string,
  text: string,
): string | undefined {
  if (named) return createHash("sha256").update(`id\n${from}\n${named}`).digest("base64url").slice(0, 27);
  if (dateTime === undefined) return undefined;
  return createHash("sha256").update(`at\n${from}\n${dateTime}\n${text}`).digest("base64url").slice(0, 27);
}

const contentOf = ({
  mime,
  content,
}: {
  readonly mime: ReadonlyMap<string, string>;
  readonly content: Uint8Array;
}): Uint8Array =>
  mime.get("content-transfer-encoding")?.toLowerCase() === "base64"
    ? Buffer.from(Buffer.from(content).toString("latin1"), "base64")
    : content;
