// What a configuration says that cannot be true together, although each line for itself is right. Pure.
import { type Address, bareKey, printAddress } from "../address.ts";
import type { HouseConfig } from "./config.ts";
import type { Path } from "./config-path.ts";

/** A contradiction: where it stands, what is wrong, what to write instead. */
export interface Contradiction {
  readonly path: Path;
  readonly message: string;
  readonly remedy: string;
}

const ownHomes: readonly string[] = ["sip", "web"];

/** Everything that contradicts in the shared sections and in what the `irc` section says of domains. */
export function contradictions(
  house: HouseConfig,
  networks: Readonly<Record<string, unknown>>,
): Contradiction[] {
  return [
    ...Object.keys(house.domains).flatMap((domain) => ofDomain(house, domain, networks)),
    ...ofFaces(house),
    ...ofNetworks(house, networks),
    ...ofGateway(house),
    ...ofAccounts(house),
    ...ofPeople(house),
    ...ofLifetime(house),
  ];
}

function ofDomain(
  house: HouseConfig,
  domain: string,
  networks: Readonly<Record<string, unknown>>,
): Contradiction[] {
  const row = house.domains[domain];
  if (!row) return [];
  const at: Path = ["domains", domain];
  const found: Contradiction[] = [];
  const add = (path: Path, message: string, remedy: string): void => {
    found.push({ path: [...at, ...path], message, remedy });
  };
  for (const [index, home] of row.homes.entries()) {
    if (row.homes.indexOf(home) !== index)
      add(["homes", index], `is ${home} a second time`, "leave one of them out");
    const network = home.startsWith("irc-") ? home.slice(4) : undefined;
    if (network !== undefined && !Object.hasOwn(networks, network)) {
      const remedy = `add irc.networks.${network} with its server, or correct the name`;
      add(["homes", index], `is ${home}, but there is no such network`, remedy);
    }
  }
  const preferred = row.deliver.startsWith("prefer:") ? row.deliver.slice("prefer:".length) : undefined;
  if (preferred !== undefined && !row.homes.includes(preferred)) {
    add(
      ["deliver"],
      `prefers ${preferred}, which is not one of the homes`,
      `write prefer: with one of ${row.homes.join(", ")}`,
    );
  }
  const others = row.homes.some((home) => home !== "xmpp");
  if (row.homes.includes("xmpp") && others && row.faces.xmpp === undefined && house.gateway === undefined) {
    const remedy = `add faces: { xmpp: sip.${domain} } with a domain of which this house is the XMPP component`;
    add(
      ["homes"],
      "shares its domain with an XMPP server, so its other people cannot appear on XMPP",
      remedy,
    );
  }
  return found;
}

function ofFaces(house: HouseConfig): Contradiction[] {
  const found: Contradiction[] = [];
  const worn = new Map<string, string>();
  for (const [domain, row] of Object.entries(house.domains)) {
    for (const [carrier, face] of Object.entries(row.faces)) {
      const add = (message: string): void => {
        const remedy = "choose a domain that is used for nothing else";
        found.push({ path: ["domains", domain, "faces", carrier], message, remedy });
      };
      const other = worn.get(face);
      if (face === domain) add("is the domain itself");
      else if (Object.hasOwn(house.domains, face)) add(`is ${face}, which has homes of its own`);
      if (face === house.gateway?.domain) add("is the gateway domain");
      if (other !== undefined && other !== domain) add(`is ${face}, which is the face of ${other} already`);
      worn.set(face, domain);
    }
  }
  return found;
}

function ofNetworks(house: HouseConfig, networks: Readonly<Record<string, unknown>>): Contradiction[] {
  return Object.entries(networks).flatMap(([name, network]) => {
    const domain =
      typeof network === "object" && network !== null && "domain" in network ? network.domain : undefined;
    if (typeof domain !== "string") return [];
    const homes = house.domains[domain.toLowerCase()]?.homes ?? [];
    if (homes.includes(`irc-${name}`)) return [];
    const remedy = `add domains: { ${domain}: { homes: [irc-${name}] } }, or correct the domain`;
    return [
      {
        path: ["irc", "networks", name, "domain"],
        message: `is ${domain}, which has no home irc-${name}`,
        remedy,
      },
    ];
  });
}

function ofGateway(house: HouseConfig): Contradiction[] {
  const domain = house.gateway?.domain;
  const found: Contradiction[] = [];
  if (domain !== undefined && Object.hasOwn(house.domains, domain)) {
    const remedy = "choose a domain that has no homes";
    found.push({ path: ["gateway", "domain"], message: `is ${domain}, which has homes of its own`, remedy });
  }
  for (const carrier of ["sip", "xmpp"] as const) {
    if (!house.foreign[carrier] || domain !== undefined) continue;
    const message = "opens the house to foreign domains, whose people need a gateway domain to be answered";
    found.push({
      path: ["foreign", carrier],
      message,
      remedy: "add gateway: { domain: gw.example }, or write false",
    });
  }
  return found;
}

function ofAccounts(house: HouseConfig): Contradiction[] {
  const seen = new Set<string>();
  return house.accounts.flatMap(({ address }, index) => {
    const path: Path = ["accounts", index, "address"];
    const homes = house.domains[address.domain]?.homes;
    const twice = seen.has(bareKey(address));
    seen.add(bareKey(address));
    if (twice)
      return [
        { path, message: `is ${printAddress(address)} a second time`, remedy: "leave one of them out" },
      ];
    if (homes === undefined) {
      const remedy = `add domains: { ${address.domain}: { homes: [sip, web] } }, or correct the address`;
      return [{ path, message: `is at ${address.domain}, which is not in the domain table`, remedy }];
    }
    if (homes.some((home) => ownHomes.includes(home))) return [];
    const remedy = `add sip or web to the homes of ${address.domain}, or make the account at that server`;
    return [{ path, message: `is at ${address.domain}, which has neither sip nor web as a home`, remedy }];
  });
}

function ofPeople(house: HouseConfig): Contradiction[] {
  const owner = new Map<string, number>();
  const found: Contradiction[] = [];
  for (const [person, addresses] of house.people.entries()) {
    for (const [index, address] of addresses.entries()) {
      const first = owner.get(bareKey(address));
      owner.set(bareKey(address), person);
      if (first !== undefined) found.push(twoPersons(["people", person, index], address, first === person));
    }
  }
  return found;
}

function twoPersons(path: Path, address: Address, same: boolean): Contradiction {
  const text = printAddress(address);
  return same
    ? { path, message: `is ${text} a second time`, remedy: "leave one of them out" }
    : {
        path,
        message: `is ${text}, who belongs to another person already`,
        remedy: "join the two lists, or leave it out",
      };
}

function ofLifetime(house: HouseConfig): Contradiction[] {
  if (house.lifetime.default <= house.lifetime.most) return [];
  const remedy = "write a default that is not longer than lifetime.most";
  return [{ path: ["lifetime", "default"], message: "is longer than lifetime.most", remedy }];
}
