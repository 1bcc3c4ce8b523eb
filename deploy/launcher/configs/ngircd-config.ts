// A private ngIRCd 25 or newer: plain RFC 1459/2812 on loopback, nothing that waits for DNS, Ident or PAM, no penalties.

export interface NgircdSettings {
  readonly port: number;
  readonly network: string;
  /** Channels that stand from the start. */
  readonly channels: readonly string[];
  /** Lets this gateway name each puppet's host (WEBIRC). */
  readonly webircPassword?: string | undefined;
  /** Seconds of silence until a PING, and then until the connection is ended; default 120 and 20. */
  readonly pingSeconds?: number;
  readonly pongSeconds?: number;
  /** 0, the default here, lets a client send as fast as it can; ngIRCd's own default slows it down. */
  readonly maxPenaltySeconds?: number;
}

/** The text of ngircd.conf; start it with `ngircd -n -f FILE`. */
export function ngircdConfig(settings: NgircdSettings): string {
  return [
    "[Global]",
    "Name = irc.parley.invalid",
    "Info = Parley's private IRC server",
    "Listen = 127.0.0.1",
    `Ports = ${settings.port}`,
    `Network = ${settings.network}`,
    "MotdPhrase = Welcome",
    "AdminInfo1 = Parley",
    "AdminInfo2 = localhost",
    "AdminEMail = nobody@parley.invalid",
    "[Limits]",
    "MaxConnections = 0",
    "MaxConnectionsIP = 0",
    "MaxJoins = 0",
    "MaxNickLength = 30",
    `MaxPenaltyTime = ${settings.maxPenaltySeconds ?? 0}`,
    `PingTimeout = ${settings.pingSeconds ?? 120}`,
    `PongTimeout = ${settings.pongSeconds ?? 20}`,
    "[Options]",
    "DNS = no",
    "Ident = no",
    "PAM = no",
    ...(settings.webircPassword === undefined ? [] : [`WebircPassword = ${settings.webircPassword}`]),
    ...settings.channels.flatMap((name) => [
      "[Channel]",
      `Name = ${name}`,
      "Topic = Write to everybody here",
    ]),
    "",
  ].join("\n");
}
