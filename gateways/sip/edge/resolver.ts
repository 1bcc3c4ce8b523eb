// Where a SIP URI leads: NAPTR, SRV, A and AAAA, in the order to try (RFC 3263 §4, RFC 2782, RFC 7984).
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { param } from "../wire/params.ts";
import type { SipUri } from "../wire/uri.ts";
import type { Target, TransportName } from "./transport-types.ts";

/** What the resolver asks of DNS; errors mean that there is no such record or no answer. */
export interface Dns {
  naptr(
    name: string,
  ): Promise<
    readonly { service: string; order: number; preference: number; replacement: string; flags: string }[]
  >;
  srv(name: string): Promise<readonly { name: string; port: number; priority: number; weight: number }[]>;
  a(name: string): Promise<readonly string[]>;
  aaaa(name: string): Promise<readonly string[]>;
}

/** At most so many targets are tried for one message. */
const mostTargets = 8;

/** DNS by node's resolver; `servers` as `address` or `address:port`, else those of the system. */
export function openDns(servers: readonly string[]): Dns {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  if (servers.length > 0) resolver.setServers(servers);
  return {
    naptr: (name) => resolver.resolveNaptr(name),
    srv: (name) => resolver.resolveSrv(name),
    a: (name) => resolver.resolve4(name),
    aaaa: (name) => resolver.resolve6(name),
  };
}

/** A host that DNS does not know, in contrast to one whose servers do not answer. */
export type Located = { readonly targets: readonly Target[]; readonly unknown: boolean };

const services: ReadonlyMap<string, TransportName> = new Map([
  ["SIP+D2U", "udp"],
  ["SIP+D2T", "tcp"],
]);

/** Finds the targets of a sip URI. `chance` gives numbers from 0 to 1 for SRV weights. */
export async function locate(uri: SipUri, dns: Dns, chance: () => number): Promise<Located> {
  const asked = param(uri.params, "transport")?.toLowerCase();
  if (asked !== undefined && asked !== "udp" && asked !== "tcp") return { targets: [], unknown: false };
  const host = (param(uri.params, "maddr") ?? uri.host).replace(/^\[|\]$/g, "");
  const transport: TransportName = asked === "tcp" ? "tcp" : "udp";
  if (isIP(host) !== 0)
    return { targets: [{ transport, address: host, port: uri.port ?? 5060 }], unknown: false };
  const search = new Search(dns);
  if (uri.port !== undefined) await search.host(host, transport, uri.port);
  else await bySrv(search, host, asked === undefined ? undefined : transport, chance);
  return {
    targets: search.targets.slice(0, mostTargets),
    unknown: search.targets.length === 0 && !search.silent,
  };
}

async function bySrv(
  search: Search,
  host: string,
  asked: TransportName | undefined,
  chance: () => number,
): Promise<void> {
  const names = asked === undefined ? await search.naptr(host) : [];
  const fallback: (readonly [TransportName, string])[] = (
    asked === undefined ? (["udp", "tcp"] as const) : [asked]
  ).map((transport) => [transport, `_sip._${transport}.${host}`]);
  let found = false;
  for (const [transport, name] of names.length > 0 ? names : fallback) {
    for (const record of bySrvOrder(await search.srv(name), chance)) {
      found = true;
      if (record.name !== "") await search.host(record.name, transport, record.port);
    }
  }
  if (!found) await search.host(host, asked ?? "udp", 5060);
}

class Search {
  readonly targets: Target[] = [];
  /** True when some server did not answer: then nothing is known for sure. */
  silent = false;
  readonly #dns: Dns;
  constructor(dns: Dns) {
    this.#dns = dns;
  }

  async #ask<T>(question: Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await question;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code !== "ENOTFOUND" && code !== "ENODATA") this.silent = true;
      return [];
    }
  }

  /** The SRV names that NAPTR leads to, in their order. */
  async naptr(host: string): Promise<(readonly [TransportName, string])[]> {
    const records = [...(await this.#ask(this.#dns.naptr(host)))];
    records.sort((a, b) => a.order - b.order || a.preference - b.preference);
    return records.flatMap((record) => {
      const transport = services.get(record.service.toUpperCase());
      const usable =
        transport !== undefined && record.flags.toLowerCase() === "s" && record.replacement !== "";
      return usable ? [[transport, record.replacement] as const] : [];
    });
  }

  srv(name: string): Promise<readonly { name: string; port: number; priority: number; weight: number }[]> {
    return this.#ask(this.#dns.srv(name));
  }

  async host(name: string, transport: TransportName, port: number): Promise<void> {
    const [six, four] = await Promise.all([this.#ask(this.#dns.aaaa(name)), this.#ask(this.#dns.a(name))]);
    for (const address of [...four, ...six]) this.targets.push({ transport, address, port });
  }
}

/** RFC 2782: lowest priority first, within it by weighted chance. */
export function bySrvOrder<T extends { priority: number; weight: number }>(
  records: readonly T[],
  chance: () => number,
): T[] {
  const ordered: T[] = [];
  const left = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  while (left.length > 0) {
    const priority = left[0]?.priority;
    const group = left.filter((record) => record.priority === priority);
    const total = group.reduce((sum, record) => sum + record.weight, 0);
    let point = chance() * total;
    const chosen = group.find((record) => {
      point -= record.weight;
      return point <= 0;
    });
    const next = chosen ?? group[0];
    if (next === undefined) break;
    ordered.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return ordered;
}
