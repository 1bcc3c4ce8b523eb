// The private bus: nats-server on loopback with JetStream in files, behind a token. For nats-server 2.9 and newer.

export interface NatsSettings {
  readonly port: number;
  /** The monitoring port (/healthz, /varz). */
  readonly monitor: number;
  /** The folder of its streams. */
  readonly store: string;
  /** What a client must show; without it the server is open to every user of the machine. */
  readonly token?: string | undefined;
}

/**
 * The server adds up the limits of all streams (4.6 GB a carrier) and refuses one that goes beyond this, on a small disk from the start:
 * its own default is what is free there. It reserves nothing on disk.
 */
const mostStored = "64GB";

/** The text of nats.conf. JSON strings are valid there, so nothing in a path can break out. */
export function natsConfig(settings: NatsSettings): string {
  return [
    `server_name: parley`,
    `listen: "127.0.0.1:${settings.port}"`,
    `http: "127.0.0.1:${settings.monitor}"`,
    `jetstream { store_dir: ${JSON.stringify(settings.store)}, max_file: ${mostStored} }`,
    ...(settings.token === undefined ? [] : [`authorization { token: ${JSON.stringify(settings.token)} }`]),
    "",
  ].join("\n");
}
