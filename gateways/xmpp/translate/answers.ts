// Answers that need no bus: IQs to our domains and people, and presence until presence-svc speaks for them. RFC 6120 §8.2.3,
// RFC 6121 §3 and §4.3, XEP-0030, 0054, 0092, 0115, 0199.
import type { Address } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import { capsElement, capsHash, type DiscoInfo, infoElement } from "../session/caps.ts";
import { type Element, element, elements, ns } from "../wire/element.ts";
import { capsNode, domainInfo, personInfo } from "./disco.ts";
import { conditions } from "./errors.ts";

/** What the edge lends to answering. */
export interface AnswerView {
  /** The component's domain. */
  readonly domain: string;
  readonly version: string;
  /** Whether there is somebody of this name here, as this sender may know; with the name he shows. */
  known(to: Address, from: string): { readonly display?: string | undefined } | undefined;
}

const reply = (stanza: Element, type: string, ...children: (Element | undefined)[]): Element =>
  element(
    stanza.name,
    ns.component,
    { type, from: stanza.attrs.to, to: stanza.attrs.from, id: stanza.attrs.id },
    ...children,
  );

const error = (stanza: Element, type: string, condition: string, text?: string): Element =>
  reply(
    stanza,
    "error",
    element(
      "error",
      ns.component,
      { type },
      element(condition, ns.stanzas),
      text ? element("text", ns.stanzas, {}, text) : undefined,
    ),
  );

/** The one answer to an IQ of type get or set; results and errors have none (RFC 6120 §8.2.3). */
export function answerIq(stanza: Element, view: AnswerView): Element | undefined {
  const { type, from, to = "" } = stanza.attrs;
  if (from === undefined || (type !== "get" && type !== "set")) return undefined;
  const questions = elements(stanza);
  const question = questions[0];
  if (question === undefined || questions.length > 1) return error(stanza, "modify", "bad-request");
  const address = fromJid(to);
  const person = address.ok ? view.known(address.value, from) : undefined;
  // A JID with a local part that is nobody here answers nothing else.
  if (to !== view.domain && person === undefined) return error(stanza, "cancel", "item-not-found");
  const answer = type === "get" ? answerGet(stanza, question, view, person) : undefined;
  return answer ?? error(stanza, "cancel", "service-unavailable");
}

function answerGet(
  stanza: Element,
  question: Element,
  view: AnswerView,
  person: { readonly display?: string | undefined } | undefined,
): Element | undefined {
  switch (`${question.name} ${question.xmlns}`) {
    case `ping ${ns.ping}`:
      return reply(stanza, "result");
    case `query ${ns.discoInfo}`:
      return discoInfo(stanza, question.attrs.node, person ? personInfo : domainInfo);
    case `query ${ns.discoItems}`:
      return reply(stanza, "result", element("query", ns.discoItems, { node: question.attrs.node }));
    case `query ${ns.version}`:
      return reply(
        stanza,
        "result",
        element(
          "query",
          ns.version,
          {},
          element("name", ns.version, {}, "Parley"),
          element("version", ns.version, {}, view.version),
        ),
      );
    case `vCard ${ns.vcard}`:
      return vcard(stanza, person);
    default:
      return undefined;
  }
}

function discoInfo(stanza: Element, node: string | undefined, info: DiscoInfo): Element {
  if (node !== undefined && node !== `${capsNode}#${capsHash(info)}`)
    return error(stanza, "cancel", "item-not-found");
  return reply(stanza, "result", infoElement(info, node));
}

function vcard(stanza: Element, person: { readonly display?: string | undefined } | undefined): Element {
  const address = fromJid(stanza.attrs.to ?? "");
  const name = person ? (person.display ?? (address.ok ? address.value.local : "")) : "Parley";
  return reply(stanza, "result", element("vCard", ns.vcard, {}, element("FN", ns.vcard, {}, name)));
}

/** The one presence that anybody of ours shows: here, without a status, with caps that hash (XEP-0115 §4). */
export const presenceOf = (bareJid: string, to: string): Element =>
  element(
    "presence",
    ns.component,
    { from: `${bareJid}/parley`, to },
    capsElement(capsNode, bareJid.includes("@") ? personInfo : domainInfo),
  );

/**
 * Presence, kept minimal and honest: whoever asks for a known person is let in and sees him as available without a status,
 * which says only that messages to him are taken (they are kept while he is away). No real state leaks.
 */
export function answerPresence(stanza: Element, view: AnswerView): Element[] {
  const { type, from, to = "" } = stanza.attrs;
  if (from === undefined) return [];
  const address = fromJid(to);
  const known = address.ok ? view.known(address.value, from) !== undefined : to === view.domain;
  const bareTo = to.split("/")[0];
  const say = (kind: string | undefined, ...children: Element[]): Element =>
    element("presence", ns.component, { type: kind, from: bareTo, to: from }, ...children);
  const here = (): Element => presenceOf(bareTo ?? "", from);
  switch (type) {
    case "subscribe":
      return known ? [say("subscribed"), here()] : [say("unsubscribed")];
    case "probe":
      return known ? [here()] : [say("unsubscribed")];
    case "unsubscribe":
      return [say("unsubscribed"), say("unavailable")];
    case undefined:
      // Directed presence to nobody: the sender learns it, or he would wait for an answer (RFC 6121 §8.5.1).
      return known
        ? []
        : [error(stanza, conditions["unknown-user"].type, conditions["unknown-user"].condition)];
    default:
      return [];
  }
}
