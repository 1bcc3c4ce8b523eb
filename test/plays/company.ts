// A company for plays: one actor for every way to speak, each with a person of his own, in one house.

import type { Actor, Sent } from "#test/cast/actor.ts";
import { type IrcClient, openIrcClient } from "#test/cast/irc-client.ts";
import { openSipPhone, type SipPhoneOptions } from "#test/cast/sip-phone.ts";
import { openWebClient, type WebClientOptions } from "#test/cast/web-client.ts";
import { openXmppClient, type XmppClientOptions } from "#test/cast/xmpp-client.ts";
import { until } from "#test/servers/child.ts";
import type { Refusal, Way } from "./bodies.ts";
import { domains, type House, password } from "./house.ts";

/** How long anything may take in a play before it counts as lost. */
export const patienceMs = 10_000;

/** The protocol of a way. */
export const protocolOf = (way: Way): "sip" | "xmpp" | "irc" | "web" =>
  way === "sip-udp" || way === "sip-tcp" ? "sip" : way;

/** Opens actors at a house, with the ports and passwords that belong to them. `at`: which instance. */
export const actorsAt = (house: House) => ({
  phone: (local: string, at = 0, options: Partial<SipPhoneOptions> = {}) =>
    openSipPhone({
      ports: [house.ports.sip[at % house.instances] ?? 0],
      transport: "udp",
      address: `${local}@${domains.sip}`,
      password: password(local),
      ...options,
    }),
  xmpp: (local: string, options: Partial<XmppClientOptions> = {}) =>
    openXmppClient({
      port: house.ports.c2s,
      address: `${local}@${domains.xmpp}`,
      password: password(local),
      ...options,
    }),
  web: (local: string, at = 0, options: Partial<WebClientOptions> = {}) =>
    openWebClient({
      ports: [house.ports.web[at % house.instances] ?? 0],
      address: `${local}@${domains.web}`,
      password: password(local),
      ...options,
    }),
  irc: (nick: string) => openIrcClient({ port: house.ports.irc, nick, domain: domains.irc }),
});

/** A message that met a gateway still on its way up waits in a mailbox, and is tried again after 30 s. */
const warmMs = 45_000;

/**
 * Resolves when the house is warm: the service nick is on the network, and one word has gone along every direction between
 * these actors. Before that, a play would measure how a house starts.
 */
export async function warm(cast: Readonly<Partial<Record<Way, Actor>>>): Promise<void> {
  const irc = cast.irc as IrcClient | undefined;
  const seen = (): boolean => {
    irc?.raw("WHOIS Parley");
    return irc?.seen("311", "Parley") ?? true;
  };
  await until("the service nick is there", seen, warmMs);
  const entries = Object.entries(cast) as [Way, Actor][];
  await Promise.all(
    entries.flatMap(([from, speaker]) =>
      entries
        .filter(([to]) => protocolOf(from) !== protocolOf(to))
        .map(async ([, hearer]) => {
          const word = `warm-up of ${speaker.address}`;
          await speaker.say(hearer.address, word);
          await hearer.heard((message) => message.text === word, warmMs);
        }),
    ),
  );
}

/** Whether the sender was told this refusal of this message in his protocol's own way: at once, or by a report. */
export async function isToldRefusal(way: Way, speaker: Actor, sent: Sent, refusal: Refusal): Promise<void> {
  const protocol = protocolOf(way);
  if (protocol === "irc") {
    await speaker.told((report) => report.at >= sent.at && refusal.irc.test(report.text), patienceMs);
    return;
  }
  if (sent.answer === "refused") {
    if (sent.code !== refusal[protocol])
      throw new Error(`refused with ${sent.code}, not ${refusal[protocol]}`);
    return;
  }
  // A plain phone that was answered 202 before: its report has no id, but the reason in words.
  const fits = (id: string | undefined): boolean =>
    id === sent.id || (protocol === "sip" && id === undefined);
  const report = await speaker.told(
    (one) => one.at >= sent.at && fits(one.id) && one.kind === "failed",
    patienceMs,
  );
  if (protocol !== "sip" && report.code !== refusal[protocol])
    throw new Error(`told ${report.code}, not ${refusal[protocol]}`);
  if (protocol === "sip" && !refusal.irc.test(report.text)) throw new Error(`told ${report.text}`);
}
