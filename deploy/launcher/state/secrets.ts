// Generated secrets, kept in the store with mode 0600, so that accounts and links survive a restart.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";

const Secrets = z.object({
  bus: z.string(),
  component: z.string(),
  passwords: z.object({ sip: z.string(), web: z.string(), xmpp: z.string() }),
});
export type Secrets = z.infer<typeof Secrets>;

/** Reads the secrets, or makes them. The people's passwords are short: somebody has to type them. */
export function openSecrets(path: string): Secrets {
  if (existsSync(path)) return Secrets.parse(JSON.parse(readFileSync(path, "utf8")));
  const long = (): string => randomBytes(24).toString("base64url");
  const short = (): string => randomBytes(8).toString("hex");
  const secrets = {
    bus: long(),
    component: long(),
    passwords: { sip: short(), web: short(), xmpp: short() },
  };
  writeFileSync(path, JSON.stringify(secrets, undefined, 2), { mode: 0o600, flag: "wx" });
  return secrets;
}
