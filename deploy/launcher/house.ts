// What the launcher's parts share: folders, ports, secrets, and the file that every service reads.
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parleyConfig } from "./configs/parley-config.ts";
import { openPorts, type PortBook } from "./state/ports.ts";
import { openSecrets, type Secrets } from "./state/secrets.ts";
import type { Folders } from "./state/store.ts";

export interface House {
  readonly folders: Folders;
  readonly book: PortBook;
  readonly secrets: Secrets;
  /** The path of parley.yaml. */
  readonly config: string;
  /** Writes a file of the state folder that nobody else may read, whole or not at all; answers its path. */
  write(path: string, text: string): string;
  /** Writes parley.yaml anew, with the ports as they are now. */
  writeConfig(): void;
}

export async function openHouse(folders: Folders): Promise<House> {
  const secrets = openSecrets(join(folders.store, "secrets.json"));
  const book = await openPorts(join(folders.store, "ports.json"));
  const config = join(folders.state, "parley.yaml");
  const write = (path: string, text: string): string => {
    const file = join(folders.state, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return file;
  };
  const writeConfig = (): void => void write("parley.yaml", parleyConfig(folders.store, book.ports, secrets));
  return { folders, book, secrets, config, write, writeConfig };
}

/** The gateways of this checkout, in the order in which they start. */
export const gateways = ["sip", "xmpp", "irc", "web"] as const;
export type GatewayName = (typeof gateways)[number];

/** Every process of Parley in the house: rooms beside the gateways. */
export const services = [...gateways, "conference"] as const;
export type ServiceName = (typeof services)[number];

/** Whether a gateway is in this installation. */
export const isThere = (root: string, gateway: GatewayName): boolean =>
  existsSync(join(root, "gateways", gateway === "web" ? "webrtc" : gateway, "main.ts"));
