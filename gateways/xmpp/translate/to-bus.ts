// XMPP messages to the bus: RFC 6121 §5, XEP-0184, 0203, 0245, 0308, 0333, 0428; receipts and errors to reports.
import { type Address, samePerson } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import type { MessageDraft, ReportDraft } from "#bus-schemas/delivery/courier.ts";
import { limits } from "#bus-schemas/events/message.ts";
import { parseFarId } from "#bus-schemas/ids.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import { child, childText, type Element, elements, ns, text } from "../wire/element.ts";
import { encryptionOf } from "./encryption.ts";
import { readError } from "./errors.ts";
import { withoutFallback } from "./fallback.ts";
import { parseStamp } from "./stamp.ts";

/** What the edge lends to translation. */
export interface View {
  /** The person behind an address that XMPP users write to (a face, an escaped address). */
  behind(address: Address): Address;
  /** Whether this is a domain of ours on XMPP: what comes from there went out by ourselves. */
  ours(domain: string): boolean;
  /** Whom a message with this stanza id was sent to, if that is still remembered. */
  sentTo(id: string): Address | undefined;
}

/** An error for a message of ours: a refusal if that is still pending, else the report. */
export interface HeardError {
  readonly kind: "error";
  readonly id: string;
  readonly reason: Reason;
  readonly draft?: ReportDraft;
}

export type Heard =
  | { readonly kind: "message"; readonly draft: MessageDraft }
  | { readonly kind: "report"; readonly draft: ReportDraft }
  | HeardError
  /** To be answered with a stanza error. */
  | { readonly kind: "refused"; readonly reason: Reason; readonly text: string }
  /** Carries nothing for the bus; why is a row of capabilities.ts. */
  | { readonly kind: "dropped"; readonly why: string };

const refused = (reason: Reason, why: string): Heard => ({ kind: "refused", reason, text: why });
const dropped = (why: string): Heard => ({ kind: "dropped", why });

/**
 * Reads one message stanza; a receipt may come together with a text. The server vouches for `from`; it is never taken from
 * anything inside (carbons and forwards included).
 */
export function messageToBus(stanza: Element, view: View): readonly Heard[] {
  const from = fromJid(stanza.attrs.from ?? "");
  const to = fromJid(stanza.attrs.to ?? "");
  const person = to.ok ? view.behind(to.value) : undefined;
  const type = stanza.attrs.type;
  if (type === "error") return [onError(stanza, from.ok ? from.value : undefined, person, view)];
  if (!from.ok) return [dropped("the sender is no person")];
  if (view.ours(from.value.domain)) return [refused("loop", "This message has left this gateway before.")];
  const report = person && readReport(stanza, from.value, person, view);
  const encryption = encryptionOf(stanza);
  if (encryption === "keys") return [dropped("key exchange without text")];
  const body = readBody(stanza);
  if (body === undefined && encryption === "none") return [report ?? dropped("no text")];
  return [...(report ? [report] : []), readText(stanza, from.value, person, body, encryption === "text")];
}

function readText(
  stanza: Element,
  from: Address,
  to: Address | undefined,
  body: Element | undefined,
  encrypted: boolean,
): Heard {
  if (!to) return refused("unknown-user", "There is nobody of that name here.");
  if (stanza.attrs.type === "groupchat")
    return refused("not-supported", "This address is a person, not a room.");
  if (encrypted || body === undefined)
    return refused(
      "not-supported",
      "End-to-end encrypted messages cannot be read on the other side. Please switch encryption off for this contact.",
    );
  const whole = withoutFallback(stanza, text(body));
  // Its words may have been only the fallback of what else it says.
  if (whole === "" && (text(body) !== "" || saysOther(stanza))) return dropped("no text");
  if (whole === "" || whole === "/me ")
    return refused("not-supported", "The message is empty: there is nothing in it for a person.");
  if (Buffer.byteLength(whole, "utf8") > limits.textBytes)
    return refused("too-large", `The text is longer than ${limits.textBytes} bytes.`);
  const subject = childText(stanza, "subject", stanza.xmlns);
  if (subject !== undefined && subject.length > 4096)
    return refused("too-large", "The subject is longer than 4096 characters.");
  return { kind: "message", draft: draftOf(stanza, from, to, body, whole, subject) };
}

// An empty body beside one of these is no message that somebody would miss.
const speaking: ReadonlySet<string> = new Set([ns.chatStates, ns.correct]);
const marks: ReadonlySet<string> = new Set(["received", "displayed", "acknowledged"]);

function saysOther(stanza: Element): boolean {
  if (stanza.attrs.type === "headline") return true;
  return elements(stanza).some(
    ({ name, xmlns }) =>
      speaking.has(xmlns) || (marks.has(name) && (xmlns === ns.receipts || xmlns === ns.markers)),
  );
}

function draftOf(
  stanza: Element,
  from: Address,
  to: Address,
  body: Element,
  whole: string,
  subject: string | undefined,
): MessageDraft {
  // XEP-0245 §3: "/me " and nothing before it.
  const action = whole.startsWith("/me ");
  const messageId = short(stanza.attrs.id);
  // Without an id there is nothing that a receipt could name (XEP-0184 §5.3).
  const named = messageId !== undefined;
  return {
    from: { ...from, assurance: "server" },
    to,
    kind: kindOf(stanza.attrs.type),
    action,
    text: action ? whole.slice(4) : whole,
    language: short(body.attrs["xml:lang"] ?? stanza.attrs["xml:lang"], 100),
    subject,
    thread: short(childText(stanza, "thread", stanza.xmlns)),
    written: parseStamp(child(stanza, "delay", ns.delay)?.attrs.stamp),
    correctionOf: short(child(stanza, "replace", ns.correct)?.attrs.id),
    messageId,
    receipts: {
      handed: false,
      delivered: named && child(stanza, "request", ns.receipts) !== undefined,
      displayed: named && child(stanza, "markable", ns.markers) !== undefined,
    },
  };
}

const kindOf = (type: string | undefined): "chat" | "normal" | "notice" =>
  type === "chat" ? "chat" : type === "headline" ? "notice" : "normal";

const short = (value: string | undefined, most = 1023): string | undefined =>
  value === undefined || value === "" || value.length > most ? undefined : value;

// Several bodies differ by language: the one in the stanza's own language, else the first (RFC 6121 §5.2.3).
function readBody(stanza: Element): Element | undefined {
  const bodies = elements(stanza).filter((one) => one.name === "body" && one.xmlns === stanza.xmlns);
  const lang = stanza.attrs["xml:lang"];
  return bodies.find((one) => (one.attrs["xml:lang"] ?? lang) === lang) ?? bodies[0];
}

// XEP-0184 §5.4 and XEP-0333 §4: both name the message in `id`; our ids lead back to its sender (ids.ts).
function readReport(stanza: Element, from: Address, to: Address, view: View): Heard | undefined {
  const displayed = child(stanza, "displayed", ns.markers);
  const mark = displayed ?? child(stanza, "received", ns.receipts);
  if (!mark) return undefined;
  const draft = reportOn(mark.attrs.id ?? "", from, to, view);
  if (!draft) return dropped("a receipt for nothing of ours");
  return { kind: "report", draft: { ...draft, outcome: displayed ? "displayed" : "delivered" } };
}

function reportOn(
  id: string,
  from: Address,
  to: Address,
  view: View,
): Omit<ReportDraft, "outcome"> | undefined {
  const far = parseFarId(id);
  if (!far.ok) return undefined;
  // Only the one who got the message may speak of it, as far as that is remembered.
  const recipient = view.sentTo(id);
  if (recipient && !samePerson(recipient, from)) return undefined;
  return { message: far.value.event, messageId: far.value.messageId, origin: far.value.carrier, to, from };
}

function onError(stanza: Element, from: Address | undefined, to: Address | undefined, view: View): Heard {
  const id = stanza.attrs.id ?? "";
  const { reason, text: words } = readError(stanza);
  // A server may answer in its own name for one of its people.
  const recipient = from ?? view.sentTo(id);
  const draft = recipient && to && reportOn(id, recipient, to, view);
  const said = words === undefined ? {} : { text: words };
  return {
    kind: "error",
    id,
    reason,
    ...(draft ? { draft: { ...draft, outcome: "bounced", reason, ...said } } : {}),
  };
}
