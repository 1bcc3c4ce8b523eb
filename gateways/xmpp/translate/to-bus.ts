// XMPP messages to the bus: RFC 6121 §5, XEP-0184, 0203, 0245, 0308, 0333, 0428; receipts and errors to reports.
import type { Address } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import type { MessageDraft, ReportDraft } from "#bus-schemas/delivery/courier.ts";
import { limits } from "#bus-schemas/events/message.ts";
import { parseFarId } from "#bus-schemas/ids.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import { child, childText, type Element, elements, ns, text } from "../wire/element.ts";
import { readError } from "./errors.ts";
import { withoutFallback } from "./fallback.ts";
import { parseStamp } from "./stamp.ts";

/** What the edge lends to translation. */
export interface View {
  /** The person behind an address that XMPP users write to (a face, an escaped address). */
  behind(address: Address): Address;
}

export type Heard =
  | { readonly kind: "message"; readonly draft: MessageDraft }
  | { readonly kind: "report"; readonly draft: ReportDraft }
  /** An error for a message of ours: a refusal if that is still pending, else the report. */
  | {
      readonly kind: "error";
      readonly id: string;
      readonly reason: Reason;
      readonly text?: string;
      readonly draft?: ReportDraft;
    }
  /** To be answered with a stanza error. */
  | { readonly kind: "refused"; readonly reason: Reason; readonly text: string }
  /** Carries nothing for the bus; why is a row of capabilities.ts. */
  | { readonly kind: "dropped"; readonly why: string };

const refused = (reason: Reason, why: string): Heard => ({ kind: "refused", reason, text: why });
const dropped = (why: string): Heard => ({ kind: "dropped", why });

/** Reads one message stanza. The server vouches for `from`; it is never taken from anything inside. */
export function messageToBus(stanza: Element, view: View): Heard {
  const from = fromJid(stanza.attrs.from ?? "");
  const to = fromJid(stanza.attrs.to ?? "");
  if (stanza.attrs.type === "error")
    return onError(stanza, from.ok ? from.value : undefined, to.ok ? view.behind(to.value) : undefined);
  if (!from.ok) return dropped("sender is no person");
  if (!to.ok) return refused("unknown-user", "There is nobody of that name here.");
  const person = view.behind(to.value);
  const report = readReport(stanza, from.value, person);
  if (report) return report;
  if (stanza.attrs.type === "groupchat")
    return refused("not-supported", "This address is a person, not a room.");
  if (encrypted(stanza)) {
    const carriesText = elements(stanza).some(
      (one) =>
        one.name !== "encrypted" ||
        child(one, "payload", one.xmlns) ||
        text(one) !== "" ||
        one.xmlns === ns.openpgp,
    );
    return carriesText
      ? refused(
          "not-supported",
          "End-to-end encrypted messages cannot be read on the other side. Please switch encryption off for this contact.",
        )
      : dropped("key exchange without text");
  }
  const body = readBody(stanza);
  if (body === undefined) return dropped("no text");
  return readMessage(stanza, from.value, person, body);
}

function readMessage(stanza: Element, from: Address, to: Address, body: Element): Heard {
  const whole = withoutFallback(stanza, text(body));
  if (Buffer.byteLength(whole, "utf8") > limits.textBytes)
    return refused("too-large", `More than ${limits.textBytes} bytes of text.`);
  if (whole === "") return dropped("no text");
  const subject = childText(stanza, "subject", stanza.xmlns);
  if (subject !== undefined && subject.length > 4096)
    return refused("too-large", "The subject is longer than 4096 characters.");
  // XEP-0245 §3: "/me " and nothing before it.
  const action = whole.startsWith("/me ");
  const id = short(stanza.attrs.id);
  const marked = child(stanza, "markable", ns.markers) !== undefined;
  return {
    kind: "message",
    draft: {
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
      messageId: id,
      // Without an id there is nothing that a receipt could name (XEP-0184 §5.3).
      receipts: {
        handed: false,
        delivered: id !== undefined && child(stanza, "request", ns.receipts) !== undefined,
        displayed: id !== undefined && marked,
      },
    },
  };
}

const kindOf = (type: string | undefined): "chat" | "normal" | "notice" =>
  type === "chat" ? "chat" : type === "headline" ? "notice" : "normal";

const short = (value: string | undefined, most = 1023): string | undefined =>
  value === undefined || value === "" || value.length > most ? undefined : value;

// Several bodies differ by language: the one in the stanza's language, else the first (RFC 6121 §5.2.3).
function readBody(stanza: Element): Element | undefined {
  const bodies = elements(stanza).filter((one) => one.name === "body" && one.xmlns === stanza.xmlns);
  return (
    bodies.find(
      (one) => one.attrs["xml:lang"] === undefined || one.attrs["xml:lang"] === stanza.attrs["xml:lang"],
    ) ?? bodies[0]
  );
}

const encryptions: ReadonlySet<string> = new Set([ns.omemo, ns.omemo2, ns.openpgp, ns.oldPgp]);

function encrypted(stanza: Element): boolean {
  return elements(stanza).some(
    (one) => encryptions.has(one.xmlns) || (one.name === "encryption" && one.xmlns === ns.encryption),
  );
}

// XEP-0184 §5.4 and XEP-0333 §4: both name the message in `id`; our ids lead back to its sender (ids.ts).
function readReport(stanza: Element, from: Address, to: Address): Heard | undefined {
  const displayed = child(stanza, "displayed", ns.markers);
  const received = child(stanza, "received", ns.receipts);
  const mark = displayed ?? received;
  if (!mark) return undefined;
  const draft = reportOn(mark.attrs.id ?? "", from, to);
  if (!draft) return dropped("a receipt for nothing of ours");
  return { kind: "report", draft: { ...draft, outcome: displayed ? "displayed" : "delivered" } };
}

function reportOn(id: string, from: Address, to: Address): Omit<ReportDraft, "outcome"> | undefined {
  const far = parseFarId(id);
  if (!far.ok) return undefined;
  return { message: far.value.event, messageId: far.value.messageId, origin: far.value.carrier, to, from };
}

function onError(stanza: Element, from: Address | undefined, to: Address | undefined): Heard {
  const id = stanza.attrs.id ?? "";
  const { reason, text: words } = readError(stanza);
  // A bounce may come from the server alone; then it speaks for the person that the message went to, unknown here.
  const draft = from && to ? reportOn(id, from, to) : undefined;
  if (!draft) return dropped("an error for nothing of ours");
  const said = words === undefined ? {} : { text: words };
  return { kind: "error", id, reason, ...said, draft: { ...draft, outcome: "bounced", reason, ...said } };
}
