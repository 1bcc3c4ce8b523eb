// A MESSAGE to what the bus is told: a message, a report, or nothing; or why it is refused (RFC 3428, RFC 3862, RFC 5438).
import { type Address, type Party, samePerson } from "#bus-schemas/address.ts";
import type { SipAddressOptions } from "#bus-schemas/addresses/sip-address.ts";
import type { MessageDraft, ReportDraft } from "#bus-schemas/delivery/courier.ts";
import { limits } from "#bus-schemas/events/message.ts";
import { parseFarId } from "#bus-schemas/ids.ts";
import type { Answer } from "../session/respond.ts";
import { type Cpim, cpimHeader, cpimUri, imdnNamespace, parseCpim } from "../wire/cpim.ts";
import { type Imdn, parseImdn } from "../wire/imdn.ts";
import { charsetOf, type MediaType, parseMediaType } from "../wire/media-type.ts";
import type { SipRequest } from "../wire/message.ts";
import { field } from "../wire/print.ts";
import { addressIn } from "./address.ts";
import { cleanText, decodeText, oneLine } from "./text.ts";

/** What the edge knows of the request: who sent it as far as proved, and whom it is for. */
export interface ToBusView extends SipAddressOptions {
  readonly from: Party;
  readonly to: Address;
  /** Whether a CPIM From names the sender: by any address under which SIP people know him. */
  readonly speaksFor: (address: Address) => boolean;
}

export type ToBus =
  | { readonly do: "message"; readonly draft: MessageDraft; readonly cpim: boolean }
  | { readonly do: "report"; readonly report: ReportDraft }
  /** Answered 200 and dropped; `why` is for the counter. */
  | { readonly do: "nothing"; readonly why: "is-composing" | "unknown-notification" }
  | { readonly do: "refuse"; readonly answer: Answer };

/** The media types that a MESSAGE may have; told in Accept of 415 and OPTIONS. */
export const acceptedTypes = "text/plain, message/cpim, message/imdn+xml, application/im-iscomposing+xml";

/** Messages with Expires below this many seconds still get as much: time to be handed over once. */
const leastLifetime = 5;

const refuse = (status: number, phrase?: string): ToBus => ({ do: "refuse", answer: { status, phrase } });
const unsupported: ToBus = {
  do: "refuse",
  answer: { status: 415, fields: [field("accept", acceptedTypes)] },
};

/** The content that was found, in CPIM or bare. */
interface Content {
  readonly media: MediaType;
  readonly bytes: Uint8Array;
  readonly language: string | undefined;
  readonly cpim: Cpim | undefined;
}

/** Translates one MESSAGE whose sender is known. */
export function toBus(request: SipRequest, view: ToBusView): ToBus {
  const encoding = request.first("content-encoding")?.toLowerCase();
  if (encoding !== undefined && encoding !== "identity" && encoding !== "") {
    return { do: "refuse", answer: { status: 415, fields: [field("accept-encoding", "identity")] } };
  }
  const media = parseMediaType(request.first("content-type") ?? "text/plain");
  if (media === undefined) return refuse(400, "Malformed Content-Type");
  const outer: Content = {
    media,
    bytes: request.body,
    language: request.first("content-language"),
    cpim: undefined,
  };
  if (media.type !== "message/cpim") return byType(request, view, outer);
  const cpim = parseCpim(request.body);
  if (!cpim.ok) return refuse(400, "Malformed CPIM");
  if (cpim.value.unmet !== undefined) return refuse(400, "CPIM requires what is not understood here");
  const inner = unwrap(cpim.value, outer);
  if (inner === undefined) return unsupported;
  if (!sameSender(cpim.value, view)) return refuse(403, "CPIM From is not the sender");
  return byType(request, view, inner);
}

function unwrap(cpim: Cpim, outer: Content): Content | undefined {
  const encoding = cpim.mime.get("content-transfer-encoding")?.toLowerCase() ?? "8bit";
  const media = parseMediaType(cpim.mime.get("content-type") ?? "text/plain");
  if (media === undefined || !["7bit", "8bit", "binary", "base64"].includes(encoding)) return undefined;
  const bytes =
    encoding === "base64"
      ? Buffer.from(Buffer.from(cpim.content).toString("latin1"), "base64")
      : cpim.content;
  return { media, bytes, language: cpim.mime.get("content-language") ?? outer.language, cpim };
}

// RFC 3862 lets CPIM name its own sender: it may be no other than the one who is known to send.
function sameSender(cpim: Cpim, view: ToBusView): boolean {
  const from = cpimHeader(cpim, "from");
  if (from === undefined) return true;
  const address = addressIn(cpimUri(from)?.uri ?? "", view);
  return address.ok && (samePerson(address.value, view.from) || view.speaksFor(address.value));
}

function byType(request: SipRequest, view: ToBusView, content: Content): ToBus {
  switch (content.media.type) {
    case "text/plain":
      return message(request, view, content);
    case "message/imdn+xml":
      return report(view, content.bytes);
    case "application/im-iscomposing+xml":
      return { do: "nothing", why: "is-composing" };
    default:
      return unsupported;
  }
}

function message(request: SipRequest, view: ToBusView, content: Content): ToBus {
  const decoded = decodeText(content.bytes, charsetOf(content.media));
  if (decoded === undefined) return refuse(415, "Unknown charset");
  const text = cleanText(decoded);
  const action = text.startsWith("/me ");
  const said = action ? text.slice(4) : text;
  if (said === "") return refuse(488, "Empty Message");
  if (Buffer.byteLength(said, "utf8") > limits.textBytes) return refuse(413);
  const subject = oneLine(cpimOr(content, "subject") ?? request.first("subject") ?? "").slice(0, 4096);
  const language = content.language?.split(",")[0]?.trim();
  const draft: MessageDraft = {
    from: view.from,
    to: view.to,
    kind: "chat",
    action,
    text: said,
    ...(language && /^[A-Za-z0-9-]{1,100}$/.test(language) ? { language } : {}),
    ...(subject === "" ? {} : { subject }),
    ...written(content.cpim),
    ...asked(content.cpim),
    lifetimeMs: lifetime(request),
    hops: hops(request),
  };
  return { do: "message", draft, cpim: content.cpim !== undefined };
}

const cpimOr = (content: Content, name: string): string | undefined =>
  content.cpim === undefined ? undefined : cpimHeader(content.cpim, name);

// What RFC 5438 §6.3 and §7.1.1 let a sender ask for. Failures are told to everybody, asked for or not.
function asked(cpim: Cpim | undefined): Pick<MessageDraft, "messageId" | "receipts"> {
  const messageId = cpim && cpimHeader(cpim, "message-id", imdnNamespace);
  if (cpim === undefined || !messageId || messageId.length > 1023) return {};
  const wishes = (cpimHeader(cpim, "disposition-notification", imdnNamespace) ?? "")
    .toLowerCase()
    .split(/\s*,\s*/);
  const wants = (name: string) => wishes.some((wish) => wish === name || wish.startsWith(`${name};`));
  return {
    messageId,
    receipts: {
      handed: wants("processing"),
      delivered: wants("positive-delivery"),
      displayed: wants("display"),
    },
  };
}

function written(cpim: Cpim | undefined): { written?: number } {
  const time = Date.parse((cpim && cpimHeader(cpim, "datetime")) ?? "");
  return Number.isFinite(time) && time > 0 ? { written: time } : {};
}

function lifetime(request: SipRequest): number | undefined {
  const expires = request.first("expires");
  return expires === undefined ? undefined : Math.max(Number(expires), leastLifetime) * 1000;
}

/** The field in which Parleys count how often a message passed one of them; others pass it on or lose it. */
export const hopsField = "parley-hops";

function hops(request: SipRequest): number {
  const value = request.first(hopsField);
  return value !== undefined && /^[0-9]{1,2}$/.test(value) ? Math.min(Number(value), limits.hops) : 0;
}

const outcomes: Readonly<Record<Imdn["status"], ReportDraft["outcome"] | undefined>> = {
  delivered: "delivered",
  displayed: "displayed",
  failed: "bounced",
  forbidden: "bounced",
  error: "bounced",
  processed: undefined,
  stored: undefined,
};

function report(view: ToBusView, body: Uint8Array): ToBus {
  const imdn = parseImdn(body);
  if (!imdn.ok) return refuse(400, "Malformed notification");
  const far = parseFarId(imdn.value.messageId);
  const outcome = outcomes[imdn.value.status];
  // "I do not tell you whether it was displayed" (RFC 5438 §7.2.1.2) is no failure of the message.
  const refusedToTell = outcome === "bounced" && imdn.value.kind === "display";
  if (!far.ok || outcome === undefined || refusedToTell)
    return { do: "nothing", why: "unknown-notification" };
  const { local, domain } = view.from;
  return {
    do: "report",
    report: {
      outcome,
      message: far.value.event,
      messageId: far.value.messageId,
      origin: far.value.carrier,
      ...(outcome === "bounced" ? { reason: "unreachable" as const } : {}),
      to: view.to,
      from: { local, domain },
    },
  };
}
