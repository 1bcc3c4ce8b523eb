// The services that `parley run` knows: their names, where they live, and what they export.
import { existsSync } from "node:fs";
import { z } from "zod";
import type { Main } from "#bus-schemas/service/run.ts";

/** Name (also of the section in parley.yaml) to folder. */
export const serviceFolders: Readonly<Record<string, string>> = {
  sip: "gateways/sip",
  xmpp: "gateways/xmpp",
  irc: "gateways/irc",
  web: "gateways/webrtc",
  conference: "conference-svc",
};

/** The `main` of a service. Throws if it is not in this installation. */
export async function loadMain(name: string): Promise<Main> {
  const module = await load(name, "main.ts");
  const main = module?.main;
  if (typeof main === "function") return main as Main;
  throw new Error(
    `the service ${name} is not in this installation (${serviceFolders[name]}/main.ts exports no main)`,
  );
}

/** The schema of a service's section: the export of its config.ts that is called Config, XmppConfig or the like. */
export async function loadSchema(name: string): Promise<z.ZodType | undefined> {
  const module = await load(name, "config.ts");
  for (const [exported, value] of Object.entries(module ?? {}))
    if (/^(?:[A-Z][a-z]*)?Config$/.test(exported) && value instanceof z.ZodType) return value;
  if (module) throw new Error(`${serviceFolders[name]}/config.ts exports no schema that is called Config`);
  return undefined;
}

async function load(name: string, file: string): Promise<Record<string, unknown> | undefined> {
  const url = new URL(`../../${serviceFolders[name]}/${file}`, import.meta.url);
  if (!existsSync(url)) return undefined;
  return { ...((await import(url.href)) as Record<string, unknown>) };
}
