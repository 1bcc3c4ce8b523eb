// A private Prosody 0.12: clients and components on loopback, no S2S, no archive, no limits; our domains as components.

export interface ProsodySettings {
  /** The domain of the people who have accounts on it. */
  readonly domain: string;
  /** More domains of such people. */
  readonly moreDomains?: readonly string[];
  readonly c2s: number;
  /** The port for components (XEP-0114). */
  readonly component: number;
  /** The domains for which Parley is the component. */
  readonly components: readonly string[];
  readonly componentSecret: string;
  /** Where it keeps accounts and offline messages. */
  readonly data: string;
  /** The folder of mod_parley_ack, if it is to be loaded on the components. */
  readonly modules?: string | undefined;
  /** True under root: Prosody refuses it otherwise. */
  readonly root: boolean;
  /** More modules, for tests: `mam`, `carbons` … */
  readonly extraModules?: readonly string[];
  /** Seconds for which the components' stanzas are kept while nobody is connected; the module's default is 60. */
  readonly holdSeconds?: number;
}

const modules = [
  "disco",
  "roster",
  "saslauth",
  "presence",
  "message",
  "iq",
  "offline",
  "ping",
  "smacks",
  "carbons",
];

/** The text of prosody.cfg.lua. The log goes to standard output. */
export function prosodyConfig(settings: ProsodySettings): string {
  const { components, modules: folder } = settings;
  return [
    ...(settings.root ? ["run_as_root = true"] : []),
    `pidfile = ${lua(`${settings.data}/prosody.pid`)}`,
    `data_path = ${lua(settings.data)}`,
    `interfaces = { "127.0.0.1" }; local_interfaces = { "127.0.0.1" }; component_interfaces = { "127.0.0.1" }`,
    `c2s_ports = { ${settings.c2s} }; component_ports = { ${settings.component} }`,
    "c2s_direct_tls_ports = {}; s2s_ports = {}; s2s_direct_tls_ports = {}; http_ports = {}; https_ports = {}",
    `modules_enabled = { ${[...modules, ...(settings.extraModules ?? [])].map(lua).join(", ")} }`,
    `modules_disabled = { "s2s", "tls", "limits", "http", "admin_shell" }`,
    // internal_plain reads the account files that prosodyAccount() writes: no password on a command line.
    `authentication = "internal_plain"; allow_registration = false`,
    "c2s_require_encryption = false; allow_unencrypted_plain_auth = true",
    // A holder of a component stream that hangs must give way to the next one.
    `component_conflict_resolve = "kick_old"`,
    // Parley speaks as the people of several domains over the stream of one.
    "validate_from_addresses = false",
    ...(folder === undefined ? [] : [`plugin_paths = { ${lua(folder)} }`]),
    ...(settings.holdSeconds === undefined ? [] : [`parley_ack_hold = ${settings.holdSeconds}`]),
    `log = { { levels = { min = "info" }, to = "console" } }`,
    ...[settings.domain, ...(settings.moreDomains ?? [])].map((domain) => `VirtualHost ${lua(domain)}`),
    ...components.flatMap((domain) => [
      `Component ${lua(domain)}`,
      `  component_secret = ${lua(settings.componentSecret)}`,
      ...(folder === undefined ? [] : [`  modules_enabled = { "parley_ack" }`]),
    ]),
    "",
  ].join("\n");
}

/** An account as Prosody's own storage keeps it: the path below `data`, and the text of the file. */
export function prosodyAccount(
  user: string,
  domain: string,
  password: string,
): { path: string; text: string } {
  return {
    path: `${encode(domain)}/accounts/${encode(user)}.dat`,
    text: `return {\n\t["password"] = ${lua(password)};\n};\n`,
  };
}

/** Prosody's names of files: everything but letters and digits as %xx. */
const encode = (text: string): string =>
  [...Buffer.from(text, "utf8")]
    .map((byte) =>
      /[A-Za-z0-9]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).padStart(2, "0")}`,
    )
    .join("");

/** A Lua string: every byte that is not plain ASCII as \ddd. */
const lua = (text: string): string =>
  `"${[...Buffer.from(text, "utf8")]
    .map((byte) =>
      byte >= 32 && byte < 127 && byte !== 34 && byte !== 92
        ? String.fromCharCode(byte)
        : `\\${String(byte).padStart(3, "0")}`,
    )
    .join("")}"`;
