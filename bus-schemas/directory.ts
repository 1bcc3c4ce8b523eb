// The directory: the domain table with homes and faces, the accounts, the people with linked addresses. Pure; built from
// parley.yaml by directory-build.ts.
import type { Address, Assurance } from "./address.ts";
import type { Carrier } from "./events/message.ts";
import type { Reason } from "./reason.ts";

/** Where a message goes: the homes to try, in order. */
export type Routed =
  | {
      readonly ok: true;
      readonly to: Address;
      readonly homes: readonly Carrier[];
      readonly deliver: "any" | "all";
    }
  | { readonly ok: false; readonly reason: Reason; readonly text: string };

/** One of our own accounts (homes sip and web). `ha1`: by algorithm, lower-case hex, of user:realm:password. */
export interface Account {
  readonly address: Address;
  readonly password?: string | undefined;
  readonly ha1?: { readonly md5?: string | undefined; readonly sha256?: string | undefined } | undefined;
  readonly display?: string | undefined;
}

export interface Directory {
  /**
   * Where a message to `to` goes. Unwraps addresses of our own gateway domains first (`carol\40sip.other@gw.example`),
   * refuses a wrapped local address (loop), unknown domains, unknown accounts of homes that we hold ourselves, and foreign
   * domains for strangers (no open relay). `from.domain` is the sender's: whom only his server vouches for may write
   * to this house, but through it to foreign domains only if his own is in the table or trusted; without it he may not.
   */
  route(
    to: Address,
    from: { readonly carrier: Carrier; readonly assurance: Assurance; readonly domain?: string | undefined },
  ): Routed;
  /** As which address this person appears on that carrier: itself, the domain's face there, or escaped under the gateway domain. */
  faceOn(carrier: Carrier, address: Address): Address;
  /** The person behind an address that a carrier's people use: the inverse of faceOn. */
  behind(carrier: Carrier, address: Address): Address;
  account(address: Address): Account | undefined;
  accounts(): readonly Account[];
  /** The domains whose people live on this carrier. */
  domainsOf(carrier: Carrier): readonly string[];
  /** The domains as which our people appear on this carrier (an XMPP link's components): faces, gateway domains, direct ones. */
  facesOf(carrier: Carrier): readonly string[];
  /** The carrier over which rooms of this domain are entered that somebody else hosts; undefined for rooms of our own. */
  elsewhere(domain: string): Carrier | undefined;
  /** All addresses of the person who has this one, itself first. */
  linked(address: Address): readonly Address[];
  /** How long a message may live if its sender asked for nothing, and at most. */
  readonly lifetimeMs: { readonly default: number; readonly most: number };
}
