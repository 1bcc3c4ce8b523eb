// The XML element tree that all rooms of this gateway share: RFC 6120 §11, Namespaces in XML 1.0.

/**
 * Attribute values by name. `xml:lang` keeps its prefix; an attribute of any other namespace is named `{namespace}local`.
 * Namespace declarations are no attributes. Made without a prototype, so that `__proto__` is a name like any other.
 */
export type Attributes = Readonly<Record<string, string>>;

export type Node = Element | string;

export interface Element {
  readonly name: string;
  readonly xmlns: string;
  readonly attrs: Attributes;
  readonly children: readonly Node[];
}

/** The namespaces this gateway speaks. */
export const ns = {
  stream: "http://etherx.jabber.org/streams",
  streams: "urn:ietf:params:xml:ns:xmpp-streams",
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas",
  component: "jabber:component:accept",
  ack: "urn:parley:ack:0",
  capabilities: "urn:parley:room:capabilities",
  discoInfo: "http://jabber.org/protocol/disco#info",
  discoItems: "http://jabber.org/protocol/disco#items",
  caps: "http://jabber.org/protocol/caps",
  forms: "jabber:x:data",
  ping: "urn:xmpp:ping",
  version: "jabber:iq:version",
  vcard: "vcard-temp",
  receipts: "urn:xmpp:receipts",
  markers: "urn:xmpp:chat-markers:0",
  delay: "urn:xmpp:delay",
  correct: "urn:xmpp:message-correct:0",
  ids: "urn:xmpp:sid:0",
  hints: "urn:xmpp:hints",
  fallback: "urn:xmpp:fallback:0",
  chatStates: "http://jabber.org/protocol/chatstates",
  encryption: "urn:xmpp:eme:0",
  omemo: "eu.siacs.conversations.axolotl",
  omemo2: "urn:xmpp:omemo:2",
  openpgp: "urn:xmpp:openpgp:0",
  oldPgp: "jabber:x:encrypted",
  carbons: "urn:xmpp:carbons:2",
  mucUser: "http://jabber.org/protocol/muc#user",
  muc: "http://jabber.org/protocol/muc",
  mucAdmin: "http://jabber.org/protocol/muc#admin",
  mucOwner: "http://jabber.org/protocol/muc#owner",
  conference: "jabber:x:conference",
  occupantId: "urn:xmpp:occupant-id:0",
  reactions: "urn:xmpp:reactions:0",
  reply: "urn:xmpp:reply:0",
  retract: "urn:xmpp:message-retract:1",
  moderate: "urn:xmpp:message-moderate:1",
  mam: "urn:xmpp:mam:2",
  rsm: "http://jabber.org/protocol/rsm",
  forward: "urn:xmpp:forward:0",
} as const;

/** Attributes as they are written in code: those without a value are left out. */
export type AttributeInput = Readonly<Record<string, string | undefined>>;

/** A table of attributes without prototype; undefined values are left out. */
export function attributes(input: AttributeInput): Attributes {
  const attrs: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(input)) if (value !== undefined) attrs[name] = value;
  return attrs;
}

/** Builds an element; children that are undefined are left out. */
export function element(
  name: string,
  xmlns: string,
  attrs: AttributeInput = {},
  ...children: readonly (Node | undefined)[]
): Element {
  return { name, xmlns, attrs: attributes(attrs), children: children.filter((child) => child !== undefined) };
}

export const isElement = (node: Node): node is Element => typeof node !== "string";

/** The child elements. */
export const elements = (parent: Element): Element[] => parent.children.filter(isElement);

/** The first child of that name and namespace. */
export function child(parent: Element, name: string, xmlns: string): Element | undefined {
  for (const node of parent.children)
    if (isElement(node) && node.name === name && node.xmlns === xmlns) return node;
  return undefined;
}

/** The text directly inside. */
export const text = (parent: Element): string =>
  parent.children.filter((node) => typeof node === "string").join("");

/** The text of the first child of that name and namespace, if it is there. */
export function childText(parent: Element, name: string, xmlns: string): string | undefined {
  const found = child(parent, name, xmlns);
  return found && text(found);
}
