// What our domains and our people say of themselves: XEP-0030, 0115, 0092, 0054, 0199.
import type { DiscoInfo } from "../session/caps.ts";
import { ns } from "../wire/element.ts";

/** Names the software in caps; together with the hash it is the node of a disco question (XEP-0115 §4). */
export const capsNode = "urn:parley:gateway:xmpp";

/** Of a domain of ours: a gateway, which escapes addresses (XEP-0106 §6). */
export const domainInfo: DiscoInfo = {
  identities: [{ category: "gateway", type: "sip", name: "Parley" }],
  features: ["jid\\20escaping", ns.caps, ns.discoInfo, ns.discoItems, ns.version, ns.ping],
};

/** Of a person of ours, of whatever protocol: no more than what is carried to all of them. */
export const personInfo: DiscoInfo = {
  identities: [{ category: "client", type: "pc", name: "Parley" }],
  features: [ns.caps, ns.discoInfo, ns.correct, ns.ping, ns.receipts, ns.markers, ns.vcard, ns.version],
};
