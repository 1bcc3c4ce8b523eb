// deploy/docker-compose.yaml and the files it mounts, checked by parsing: the services that there are, one parley.yaml that is
// right, secrets by environment, nothing fixed on what can be scaled. Every real compose on the machine reads it, too.
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkConfig } from "#bus-schemas/service/check.ts";
import { readConfig, readSection } from "#bus-schemas/service/config.ts";
import { printProblem } from "#bus-schemas/service/config-problem.ts";
import { repository } from "#test/support/own-node.ts";
import { serviceFolders } from "../../deploy/cli/services.ts";
import { sections } from "./print-sample-config.ts";

interface Service {
  readonly image: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  /** HOST:PUBLISHED:TARGET/PROTOCOL: the form that every compose reads, with ranges. */
  readonly ports?: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly container_name?: string;
  readonly hostname?: string;
}

interface Port {
  readonly host: string;
  readonly published: string;
  readonly target: string;
}

const portOf = (text: string): Port => {
  const [host = "", published = "", target = ""] = text.replace(/\/(?:tcp|udp)$/, "").split(":");
  return { host, published, target };
};

const deploy = join(repository, "deploy");
const read = (path: string): string => readFileSync(join(deploy, path), "utf8");
const compose = parse(read("docker-compose.yaml"), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const gateways = services.filter(([name]) => Object.hasOwn(serviceFolders, name));
const parleyFile = join(deploy, "compose/parley.yaml");

/** What compose puts into the environment, with the words of env.sample for the variables. */
const sample = Object.fromEntries(
  [...read("compose/env.sample").matchAll(/^([A-Z_]+)=(?:'(.*)'|(.*))$/gm)].map(([, name, quoted, plain]) => [
    name ?? "",
    quoted ?? plain ?? "",
  ]),
);
const environment = (service: Service): Record<string, string> =>
  Object.fromEntries(
    Object.entries(service.environment ?? {}).map(([name, text]) => [
      name,
      text.replace(/\$\{([A-Z_]+)(?:[:?-][^}]*)?\}/g, (_all, variable: string) => sample[variable] ?? ""),
    ]),
  );
const everything: Record<string, string> = Object.assign({}, ...services.map(([, one]) => environment(one)));

test("has the three servers and every service that `parley run` knows", () => {
  const names = ["nats", "prosody", "ngircd", ...Object.keys(serviceFolders)];
  expect(services.map(([name]) => name).sort()).toEqual(names.sort());
});

describe.each(services)("%s", (_name, service) => {
  test("is of the one image, with a health check, and mounts what is there", () => {
    expect(service.image).toBe("parley");
    expect(service.healthcheck.test[0]).toBe("CMD");
    for (const volume of service.volumes ?? []) {
      const [source = ""] = volume.split(":");
      if (source.startsWith(".")) expect(existsSync(join(deploy, source)), source).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(source);
    }
  });

  test("is reached from this host only, and waits only for what there is", () => {
    for (const port of service.ports ?? []) expect(portOf(port).host).toBe("127.0.0.1");
    for (const other of Object.keys(service.depends_on ?? {})) expect(compose.services).toHaveProperty(other);
  });

  test("has its secrets from variables that env.sample explains", () => {
    for (const [name, text] of Object.entries(service.environment ?? {})) {
      expect(text).toMatch(new RegExp(`^\\$\\{${name}:[?-]`));
      expect(sample).toHaveProperty(name);
    }
  });
});

describe.each(gateways)("%s, a gateway", (name, service) => {
  test("runs as `parley run` with the one file, and nothing of it hinders a second one", () => {
    const file = "/etc/parley/parley.yaml";
    expect(service.command).toEqual(["node", "deploy/parley.mjs", "run", name, "--config", file]);
    expect(service.volumes).toEqual([`./compose/parley.yaml:${file}:ro`]);
    expect([service.container_name, service.hostname]).toEqual([undefined, undefined]);
    for (const port of service.ports ?? []) expect(portOf(port).published).toMatch(/^\d+-\d+$/);
  });

  test("listens on the ports that are published, and where its health is asked for", () => {
    const { raw } = readConfig(parleyFile, environment(service));
    const listen = JSON.stringify(raw[name] ?? {});
    for (const port of service.ports ?? []) expect(listen).toContain(`0.0.0.0:${portOf(port).target}`);
    expect(raw.health).toEqual({ listen: "0.0.0.0:9090" });
    expect(service.healthcheck.test.join(" ")).toContain("http://127.0.0.1:9090/health");
  });
});

describe("parley.yaml", () => {
  const check = async (env: Record<string, string>): Promise<string[]> =>
    (await checkConfig(parleyFile, sections, { env, bind: false })).map(printProblem);

  test("is right with the environment that compose gives, and not without its secrets", async () => {
    expect(await check(everything)).toEqual([]);
    expect(await check({})).toEqual([expect.stringContaining("xmpp.secret")]);
    expect(read("compose/parley.yaml")).not.toMatch(/^\s*(token|password|secret|ha1|accounts):/m);
  });

  test("each variable reaches its key", () => {
    const reading = readConfig(parleyFile, everything);
    expect(reading.house?.bus.token).toBe(sample.PARLEY_BUS_TOKEN);
    expect(reading.house?.accounts.map((one) => one.address.local)).toEqual(["alice", "dave"]);
    const { value } = readSection(reading, "xmpp", sections.xmpp ?? expect.fail("no section xmpp"));
    expect(value).toMatchObject({ secret: sample.PARLEY_XMPP_SECRET, host: "prosody", port: 5347 });
  });

  test("names the servers by their services and the ports of their own files", () => {
    const { house, raw } = readConfig(parleyFile, everything);
    expect(house?.bus.servers).toEqual(["nats://nats:4222"]);
    expect(read("compose/nats.conf")).toContain('listen: "0.0.0.0:4222"');
    expect(read("compose/prosody.cfg.lua")).toContain("component_ports = { 5347 }");
    expect(raw.irc).toMatchObject({ networks: { demo: { server: "ngircd", port: 6667 } } });
    expect(read("compose/ngircd.conf")).toMatch(/^Ports = 6667$/m);
  });

  test("Prosody has a component for each domain that is not its own, and no other", () => {
    const { house } = readConfig(parleyFile, everything);
    const domains = Object.entries(house?.domains ?? {}).filter(([, row]) => !row.homes.includes("xmpp"));
    const components = [...read("compose/prosody.cfg.lua").matchAll(/^Component "(.*)"$/gm)].map(
      ([, name]) => name,
    );
    expect(components.sort()).toEqual([...domains.map(([name]) => name), house?.gateway?.domain].sort());
  });
});

test("the image copies what is there, and brings the servers that the commands name", () => {
  const dockerfile = read("Dockerfile");
  for (const [, sources = ""] of dockerfile.matchAll(/^COPY (.+) \S+$/gm))
    for (const source of sources.split(" ")) expect(existsSync(join(repository, source)), source).toBe(true);
  const installed = /apt-get install -y --no-install-recommends (.+) \\$/m.exec(dockerfile)?.[1]?.split(" ");
  const commands = services.map(([, one]) => one.command[0]).filter((command) => command !== "node");
  expect(installed?.sort()).toEqual(commands.map(String).sort());
});

test("Prometheus finds every gateway where its health is", () => {
  const { scrape_configs: jobs } = parse(read("prometheus.yml")) as {
    scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
  };
  expect(jobs.map((job) => job.job_name).sort()).toEqual(Object.keys(serviceFolders).sort());
  for (const { job_name, dns_sd_configs } of jobs)
    expect(dns_sd_configs).toEqual([expect.objectContaining({ names: [job_name], port: 9090 })]);
});

/** What compose has made of a service, in the words of either generation. */
interface Resolved {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly (string | { published: string; target: number; host_ip: string })[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly container_name?: string;
}

const programs = ["docker compose", "docker-compose"];
const spawn = (program: string, args: readonly string[], env = {}): SpawnSyncReturns<string> => {
  const [command = "", ...first] = program.split(" ");
  return spawnSync(command, [...first, ...args], { encoding: "utf8", env: { ...process.env, ...env } });
};
const real = programs.filter((program) => spawn(program, ["version"]).status === 0);
// Said aloud, not left out in silence: a file that no compose has read is not known to be right.
if (real.length === 0)
  console.warn(
    `NOT TRIED: neither ${programs.join(" nor ")} is here; their file was checked by parsing alone.`,
  );

describe.each(real)("%s", (program) => {
  const run = (env: Record<string, string>): SpawnSyncReturns<string> =>
    spawn(program, ["-f", join(deploy, "docker-compose.yaml"), "config"], env);
  const { stdout, stderr, status } = run(sample);
  const resolved = status === 0 ? (parse(stdout) as { services: Record<string, Resolved> }).services : {};

  test("reads it without a complaint, and finds the same services", () => {
    expect([status, stderr]).toEqual([0, ""]);
    expect(Object.keys(resolved).sort()).toEqual(Object.keys(compose.services).sort());
  });

  test.each(services)("understands %s as it is meant", (service, meant) => {
    const found = resolved[service];
    expect(found?.command).toEqual(meant.command);
    expect(found?.environment ?? {}).toEqual(environment(meant));
    expect(found?.container_name).toBeUndefined();
    for (const other of Object.keys(meant.depends_on ?? {}))
      expect(found?.depends_on?.[other]).toMatchObject({ condition: "service_healthy" });
    const ports = (found?.ports ?? []).map((port) =>
      typeof port === "string" ? portOf(port) : { ...port, host: port.host_ip, target: `${port.target}` },
    );
    expect(ports).toMatchObject((meant.ports ?? []).map(portOf));
  });

  test.each(["PARLEY_BUS_TOKEN", "PARLEY_XMPP_SECRET"])(
    "wants %s, and says where it is explained",
    (name) => {
      const without = run({ ...sample, [name]: "" });
      expect(without.status).not.toBe(0);
      expect(without.stderr).toContain("deploy/compose/env.sample");
    },
  );
});
