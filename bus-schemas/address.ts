// Addresses: every person and every room of every protocol has one. The mapping to each protocol is in addresses/.
import { z } from "zod";

/** How sure we are who it is: digest or login; vouched for by his server; nobody has checked (a bare IRC nick). */
export const Assurance = z.enum(["verified", "server", "none"]);
export type Assurance = z.infer<typeof Assurance>;

/**
 * One person, room or device. `local` is plain Unicode, free of any protocol's escaping; `domain` is lower case,
 * A-labels (RFC 5890); `device` is a resource, a `gr`, a tab. Limits: 1023 bytes each part (RFC 7622 §3.1).
 */
export const Address = z.object({
  /** The person's or room's name there, in plain Unicode. */
  local: z.string().min(1).max(1023),
  /** Lower case, A-labels. */
  domain: z.string().min(1).max(1023),
  /** One of his devices: a resource, a `gr`, a tab. */
  device: z.string().min(1).max(1023).optional(),
});
export type Address = z.infer<typeof Address>;

/** An address that speaks: with the name it shows and how far that is proved. */
export const Party = Address.extend({
  /** The name that he shows. */
  display: z.string().max(1023).optional(),
  /** How sure we are who it is. */
  assurance: Assurance,
});
export type Party = z.infer<typeof Party>;

/** The address without its device. */
export const bare = (address: Address): Address => ({ local: address.local, domain: address.domain });

/**
 * The one spelling under which a person is found again: local part folded to lower case (a JID is case-folded, a nick
 * nearly so; AORs that differ only in case are one person here), domain as it is. Compare and hash nothing else.
 */
export const bareKey = (address: Address): string =>
  `${address.local.normalize("NFC").toLowerCase()}@${address.domain}`;

/** For people and logs: `local@domain/device`. Not parsed back; the wire carries the three parts apart. */
export const printAddress = (address: Address): string =>
  `${address.local}@${address.domain}${address.device === undefined ? "" : `/${address.device}`}`;

/** Whether both name the same person, devices and letter case aside. */
export const samePerson = (a: Address, b: Address): boolean => bareKey(a) === bareKey(b);
