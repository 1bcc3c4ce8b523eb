// One message along each of the twelve directions, through the real servers, between four clients that share no code with us.

import { domains, people } from "./configs/parley-config.ts";
import type { Actor } from "./demo/actor.ts";
import { IrcClient } from "./demo/irc-client.ts";
import { SipPhone } from "./demo/sip-phone.ts";
import { WebClient } from "./demo/web-client.ts";
import { XmppClient } from "./demo/xmpp-client.ts";
import type { GatewayName } from "./house.ts";
import type { Ports } from "./state/ports.ts";
import type { Secrets } from "./state/secrets.ts";

/** What the four clients have to know of a house. */
export interface Meeting {
  readonly book: { readonly ports: Ports };
  readonly secrets: Pick<Secrets, "passwords">;
}

export interface Row {
  readonly from: GatewayName;
  readonly to: GatewayName;
  readonly arrived: boolean;
  /** What became of it, in words. */
  readonly result: string;
  /** From saying it until the other heard it. */
  readonly ms?: number;
}

/** The first message to somebody on IRC waits until a connection of the sender's own stands there. */
const arrivesWithinMs = 15_000;

const opens: Record<GatewayName, (house: Meeting) => Promise<Actor>> = {
  sip: ({ book, secrets }) =>
    SipPhone.open({ address: people.sip, password: secrets.passwords.sip, port: book.ports.sip }),
  xmpp: ({ book, secrets }) =>
    XmppClient.open({
      address: people.xmpp,
      password: secrets.passwords.xmpp,
      port: book.ports.c2s,
      resource: "demo",
    }),
  irc: ({ book }) => IrcClient.open({ nick: "carol", domain: domains.irc, port: book.ports.irc }),
  web: ({ book, secrets }) =>
    WebClient.open({
      address: people.web,
      password: secrets.passwords.web,
      url: `ws://127.0.0.1:${book.ports.web}/webrtcgateway/ws`,
      device: "demo",
    }),
};

/** Sends along every direction between these gateways, all at once, and tells what became of each. */
export async function runMatrix(house: Meeting, gateways: readonly GatewayName[]): Promise<Row[]> {
  const cast = new Map<GatewayName, Actor>();
  const trouble = new Map<GatewayName, string>();
  await Promise.all(
    gateways.map(async (name) => {
      try {
        cast.set(name, await opens[name](house));
      } catch (error) {
        trouble.set(name, error instanceof Error ? error.message : String(error));
      }
    }),
  );
  try {
    const directions = gateways.flatMap((from) =>
      gateways.filter((to) => to !== from).map((to) => ({ from, to })),
    );
    return await Promise.all(
      directions.map(({ from, to }) => {
        const [speaker, listener] = [cast.get(from), cast.get(to)];
        if (speaker && listener) return send(from, speaker, to, listener);
        return { from, to, arrived: false, result: `not tried: ${trouble.get(from) ?? trouble.get(to)}` };
      }),
    );
  } finally {
    await Promise.all([...cast.values()].map((actor) => actor.close()));
  }
}

async function send(from: GatewayName, speaker: Actor, to: GatewayName, listener: Actor): Promise<Row> {
  const text = `Hello from ${from} to ${to}, number ${Math.random().toString(36).slice(2, 8)}`;
  const began = performance.now();
  const heard = listener.heard((one) => one.kind === "message" && one.text.includes(text), arrivesWithinMs);
  // Waited for below; until then a late one is no uncaught error.
  heard.catch(() => undefined);
  try {
    const sent = await speaker.say(listener.address, text);
    if (sent.answer === "refused")
      return { from, to, arrived: false, result: `refused: ${sent.detail ?? ""}` };
    const { at } = await heard;
    return { from, to, arrived: true, result: "arrived", ms: at - began };
  } catch {
    const report = speaker.ear.findLast((one) => one.kind === "report");
    const last = report === undefined ? "" : `; the last that ${from} was told: ${report.text}`;
    return { from, to, arrived: false, result: `not heard within ${arrivesWithinMs / 1000} s${last}` };
  }
}

/** The rows as a table for a terminal. */
export function printMatrix(rows: readonly Row[]): string {
  const lines = rows.map(({ from, to, result, ms }) => {
    const took = ms === undefined ? "" : `${ms.toFixed(1)} ms`.padStart(11);
    return `  ${from.padEnd(5)} -> ${to.padEnd(5)} ${result}${took}`;
  });
  const arrived = rows.filter((row) => row.arrived).length;
  return [...lines, `  ${arrived} of ${rows.length} directions arrived`].join("\n");
}
