// The directory as the configuration tells it: who lives where, as which domain he is seen, where a message goes. Pure.
import { type Address, type Assurance, bareKey } from "./address.ts";
import { isIpLiteral } from "./addresses/domain.ts";
import { unwrap, wrap } from "./addresses/gateway-address.ts";
import type { Account, Directory, Routed } from "./directory.ts";
import type { Carrier } from "./events/message.ts";
import type { Reason } from "./reason.ts";

/** One row of the domain table. */
export interface DomainRow {
  /** What holds people of this domain, in the order in which it is tried. */
  readonly homes: readonly Carrier[];
  /** `any`: the first home that takes it; `all`: a copy to each; `prefer:<home>`: any, that home first. */
  readonly deliver: string;
  /** As which domain these people appear on a carrier, where they cannot appear as themselves. */
  readonly faces: Readonly<Record<Carrier, string>>;
  /** Rooms of this domain are hosted by somebody else, and entered over this carrier. */
  readonly elsewhere?: Carrier | undefined;
}

/** What of the configuration the directory is made of; domains are canonical (addresses/domain.ts). */
export interface DirectoryConfig {
  readonly gateway?: { readonly domain: string } | undefined;
  readonly domains: Readonly<Record<string, DomainRow>>;
  readonly accounts: readonly Account[];
  readonly people: readonly (readonly Address[])[];
  readonly foreign: { readonly sip: boolean; readonly xmpp: boolean; readonly trusted: readonly string[] };
  readonly lifetime: { readonly default: number; readonly most: number };
}

// Homes whose people are all accounts of ours: without an account there is nobody to try.
const ownHomes: ReadonlySet<Carrier> = new Set(["sip", "web"]);

interface Tables {
  readonly config: DirectoryConfig;
  readonly rows: ReadonlyMap<string, DomainRow>;
  readonly gateway: string | undefined;
  readonly gateways: ReadonlySet<string>;
  /** Face domain -> the domain whose people wear it, for any carrier. */
  readonly wearers: ReadonlyMap<string, string>;
  readonly accounts: ReadonlyMap<string, Account>;
  readonly people: ReadonlyMap<string, readonly Address[]>;
}

function tablesOf(config: DirectoryConfig): Tables {
  const rows = new Map(Object.entries(config.domains));
  const wearers = new Map<string, string>();
  for (const [domain, row] of rows) for (const face of Object.values(row.faces)) wearers.set(face, domain);
  const accounts = new Map(config.accounts.map((account) => [bareKey(account.address), account]));
  const people = new Map<string, readonly Address[]>();
  for (const group of config.people) for (const address of group) people.set(bareKey(address), group);
  const gateway = config.gateway?.domain;
  return { config, rows, gateway, gateways: new Set(gateway ? [gateway] : []), wearers, accounts, people };
}

const refuse = (reason: Reason, text: string): Routed => ({ ok: false, reason, text });

/** A person spelt with a face domain is the one behind it, on whatever carrier that is written. */
function unmask(tables: Tables, address: Address): Address {
  const domain = tables.wearers.get(address.domain);
  return domain === undefined ? address : { ...address, domain };
}

type Sender = {
  readonly carrier: Carrier;
  readonly assurance: Assurance;
  readonly domain?: string | undefined;
};

function route(tables: Tables, to: Address, from: Sender): Routed {
  const isLocal = (domain: string): boolean => tables.rows.has(domain) || tables.wearers.has(domain);
  const inner = unwrap(to, { gateway: tables.gateways, isLocal });
  if (!inner.ok) return refuse(inner.reason, inner.error);
  const address = unmask(tables, inner.value);
  const row = tables.rows.get(address.domain);
  return row === undefined ? routeForeign(tables, address, from) : routeLocal(tables, address, row);
}

function routeLocal(tables: Tables, to: Address, row: DomainRow): Routed {
  const hasAccount = tables.accounts.has(bareKey(to));
  const homes = row.homes.filter((home) => hasAccount || !ownHomes.has(home));
  if (homes.length === 0) return refuse("unknown-user", `nobody of this name at ${to.domain}`);
  if (row.deliver === "all") return { ok: true, to, homes, deliver: "all" };
  const preferred = row.deliver.startsWith("prefer:") ? row.deliver.slice("prefer:".length) : undefined;
  const ordered = homes
    .filter((home) => home === preferred)
    .concat(homes.filter((home) => home !== preferred));
  return { ok: true, to, homes: ordered, deliver: "any" };
}

// Foreign domains: the sender's own protocol first (RFC 7247 §3 decides by the sender's side and DNS); others ask XMPP
// first, where a missing server shows at once. Strangers get nothing through us: no open relay.
function routeForeign(tables: Tables, to: Address, from: Sender): Routed {
  const { foreign } = tables.config;
  const order = from.carrier === "sip" ? (["sip", "xmpp"] as const) : (["xmpp", "sip"] as const);
  const homes = order.filter((carrier) => foreign[carrier]);
  if (homes.length === 0 || isIpLiteral(to.domain))
    return refuse("unknown-domain", `${to.domain} is not served here`);
  if (from.assurance === "none")
    return refuse("forbidden", "senders whom nobody vouches for reach only this house");
  if (!mayRelay(tables, from)) {
    return refuse("forbidden", "messages of foreign senders are not passed on to other servers");
  }
  return { ok: true, to, homes, deliver: "any" };
}

// Who logged in is ours. Whom only a server vouches for is ours by his domain; if that is not given, nobody can tell.
function mayRelay(tables: Tables, { assurance, domain }: Sender): boolean {
  if (assurance === "verified") return true;
  if (domain === undefined) return false;
  return (
    tables.rows.has(domain) || tables.wearers.has(domain) || tables.config.foreign.trusted.includes(domain)
  );
}

// Where addresses cannot be borrowed: an XMPP link speaks only for its own domains, a SIP reply must find its way back.
function canAppear(tables: Tables, carrier: Carrier, domain: string): boolean {
  if (carrier === "xmpp") return tables.rows.get(domain)?.homes.includes("xmpp") === false;
  return carrier !== "sip" || tables.rows.has(domain);
}

function faceOn(tables: Tables, carrier: Carrier, address: Address): Address {
  const person = unmask(tables, address);
  const face = tables.rows.get(person.domain)?.faces[carrier];
  if (face !== undefined) return { ...person, domain: face };
  if (tables.gateway === undefined || canAppear(tables, carrier, person.domain)) return person;
  const wrapped = wrap(person, tables.gateway);
  return wrapped.ok ? wrapped.value : person;
}

function behind(tables: Tables, carrier: Carrier, address: Address): Address {
  const wearer = tables.wearers.get(address.domain);
  if (wearer !== undefined && tables.rows.get(wearer)?.faces[carrier] === address.domain) {
    return { ...address, domain: wearer };
  }
  // Opened only if this is the very face that we would give: else route() refuses it as a loop.
  const inner = unwrap(address, { gateway: tables.gateways, isLocal: () => false });
  if (!inner.ok || inner.value === address) return address;
  return bareKey(faceOn(tables, carrier, inner.value)) === bareKey(address) ? inner.value : address;
}

function domainsOf(tables: Tables, carrier: Carrier): string[] {
  return [...tables.rows].filter(([, row]) => row.homes.includes(carrier)).map(([domain]) => domain);
}

function facesOf(tables: Tables, carrier: Carrier): string[] {
  const faces = new Set<string>();
  for (const [domain, row] of tables.rows) {
    const face = row.faces[carrier];
    // Their own server speaks for them there.
    if (row.elsewhere === carrier) continue;
    if (face !== undefined) faces.add(face);
    else if (!row.homes.includes(carrier)) faces.add(domain);
  }
  if (tables.gateway !== undefined) faces.add(tables.gateway);
  return [...faces];
}

/** The directory of one configuration. It never changes: a changed file makes a new one. */
export function buildDirectory(config: DirectoryConfig): Directory {
  const tables = tablesOf(config);
  return {
    route: (to, from) => route(tables, to, from),
    faceOn: (carrier, address) => faceOn(tables, carrier, address),
    behind: (carrier, address) => behind(tables, carrier, address),
    account: (address) => tables.accounts.get(bareKey(unmask(tables, address))),
    accounts: () => config.accounts,
    domainsOf: (carrier) => domainsOf(tables, carrier),
    facesOf: (carrier) => facesOf(tables, carrier),
    elsewhere: (domain) => tables.rows.get(domain)?.elsewhere,
    linked(address) {
      const group = tables.people.get(bareKey(address)) ?? [];
      return [address, ...group.filter((other) => bareKey(other) !== bareKey(address))];
    },
    lifetimeMs: config.lifetime,
  };
}
