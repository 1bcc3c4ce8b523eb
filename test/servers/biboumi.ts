// biboumi 9 as a gateway between XMPP and IRC, for comparison: a component of an XMPP server, its people by `nick%server@component`.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Child, startChild } from "./child.ts";

/** Whether biboumi is installed. */
export const hasBiboumi = (): boolean => existsSync("/usr/bin/biboumi");

export interface BiboumiSettings {
  /** A folder of its own. */
  readonly dir: string;
  readonly component: string;
  readonly componentPort: number;
  readonly secret: string;
  /** The IRC server is 127.0.0.1 at this port. */
  readonly ircPort: number;
  /** Bare JIDs of the people who will use it. */
  readonly people: readonly string[];
}

/** Starts it without its limit of one line a second, without archive. `connected` tells when the XMPP server knows it. */
export async function startBiboumi(settings: BiboumiSettings, connected: () => boolean): Promise<Child> {
  const { dir } = settings;
  mkdirSync(dir, { recursive: true });
  const database = join(dir, "biboumi.sqlite");
  const file = join(dir, "biboumi.cfg");
  const lines = [
    `hostname=${settings.component}`,
    `password=${settings.secret}`,
    "xmpp_server_ip=127.0.0.1",
    `port=${settings.componentPort}`,
    `db_name=${database}`,
    "log_level=2",
    "persistent_by_default=false",
    "",
  ];
  writeFileSync(file, lines.join("\n"), { mode: 0o600 });
  const start = (ready: () => boolean): Promise<Child> =>
    startChild({ name: "biboumi", command: "/usr/bin/biboumi", args: [file], dir, ready });
  // It makes its tables when it starts for the first time; its settings of a person are rows in them.
  const first = await start(connected);
  await first.stop();
  writeRows(database, settings);
  const before = Date.now();
  return start(() => Date.now() > before + 500);
}

function writeRows(file: string, { people, ircPort }: BiboumiSettings): void {
  const database = new DatabaseSync(file);
  const insert = (table: string, row: Record<string, string | number>): void => {
    const names = Object.keys(row);
    const places = names.map(() => "?").join(", ");
    const statement = database.prepare(`insert into ${table} (${names.join(", ")}) values (${places})`);
    statement.run(...Object.values(row));
  };
  database.exec("begin");
  for (const owner_ of people) {
    const server = { server_: "127.0.0.1", ports_: `${ircPort}`, tlsports_: "", throttlelimit_: -1 };
    const unused = { pass_: "", username_: "", realname_: "", verifycert_: 0, trustedfingerprint_: "" };
    const empty = { encodingout_: "", encodingin_: "", address_: "", nick_: "", saslpassword_: "" };
    insert("ircserveroptions_", { owner_, ...server, ...unused, ...empty, maxhistorylength_: 0 });
    insert("globaloptions_", { owner_, maxhistorylength_: 0, recordhistory_: 0, persistent_: 0 });
  }
  database.exec("commit");
  database.close();
}
