// How one of our people is called on a network: nick, user name, host and address for WEBIRC.
import { createHash } from "node:crypto";
import { type Address, bareKey } from "#bus-schemas/address.ts";
import { toNick } from "#bus-schemas/addresses/nick.ts";

/** Until the network has told its own limit, 30 is tried; registration shortens what a network refuses. */
const rules = { nickLength: 30, casemapping: "rfc1459", utf8: false } as const;

/** The nick of a person by the network's template; what may not stand in a nick becomes `_`. */
export const puppetNick = (template: string, address: Address): string =>
  toNick(template.replaceAll("{local}", address.local).replaceAll("{domain}", address.domain), rules);

/** The user name (ident): ten characters at most, so that it never eats into the budget. */
export const userName = (address: Address): string =>
  address.local
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "")
    .slice(0, 10) || "parley";

/** What is shown for a person in WEBIRC: the same at every connection, and nothing that tells where he is. */
export function shownHost(address: Address, host: string, ipPrefix: string): { host: string; ip: string } {
  const hash = createHash("sha256").update(bareKey(address)).digest("hex");
  const groups = [0, 4, 8, 12].map((at) => hash.slice(at, at + 4));
  return { host: host.replaceAll("{token}", hash.slice(0, 16)), ip: ipPrefix + groups.join(":") };
}
