// One message along each of the twelve directions, through the real servers, between four clients that share no code with us.

import { channel, domains, people, room } from "./configs/parley-config.ts";
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

/** Sends along every direction between these gateways, then in the room that they share, and tells what became of each. */
export async function runMatrix(
  house: Meeting,
  gateways: readonly GatewayName[],
): Promise<{ readonly messages: Row[]; readonly room: Row[] }> {
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
    const all = (go: (from: GatewayName, speaker: Actor, to: GatewayName, listener: Actor) => Promise<Row>) =>
      Promise.all(
        directions.map(({ from, to }) => {
          const [speaker, listener] = [cast.get(from), cast.get(to)];
          const why = trouble.get(from) ?? trouble.get(to);
          if (speaker && listener && why === undefined) return go(from, speaker, to, listener);
          return { from, to, arrived: false, result: `not tried: ${why}` };
        }),
      );
    const messages = await all(send);
    // One after the other, so that the channel's server has seen each one come.
    for (const [name, actor] of cast)
      await actor.enter(name === "irc" ? channel : room).catch((error: unknown) => {
        trouble.set(name, error instanceof Error ? error.message : String(error));
      });
    const spoken = new Map<GatewayName, Promise<Spoken>>();
    const speech = (from: GatewayName, speaker: Actor): Promise<Spoken> => {
      const known = spoken.get(from) ?? speak(from, speaker);
      spoken.set(from, known);
      return known;
    };
    const inRoom = await all(async (from, speaker, to, listener) =>
      hear(from, await speech(from, speaker), to, listener),
    );
    return { messages, room: inRoom };
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

/** What somebody said in the room, and when. */
interface Spoken {
  readonly text: string;
  readonly began: number;
  /** Why he could not. */
  readonly refused?: string;
}

async function speak(from: GatewayName, speaker: Actor): Promise<Spoken> {
  const text = `Hello room, this is ${from}, number ${Math.random().toString(36).slice(2, 8)}`;
  const began = performance.now();
  try {
    await speaker.speak(text);
    return { text, began };
  } catch (error) {
    return { text, began, refused: error instanceof Error ? error.message : String(error) };
  }
}

async function hear(from: GatewayName, spoken: Spoken, to: GatewayName, listener: Actor): Promise<Row> {
  if (spoken.refused !== undefined) return { from, to, arrived: false, result: `refused: ${spoken.refused}` };
  try {
    const { at } = await listener.heard(
      (one) => one.kind === "room" && one.text.includes(spoken.text),
      arrivesWithinMs,
    );
    return { from, to, arrived: true, result: "heard  ", ms: at - spoken.began };
  } catch {
    return { from, to, arrived: false, result: `not heard in the room within ${arrivesWithinMs / 1000} s` };
  }
}

/** The rows as a table for a terminal; `what`: what was tried. */
export function printMatrix(rows: readonly Row[], what: string): string {
  const lines = rows.map(({ from, to, result, ms }) => {
    const took = ms === undefined ? "" : `${ms.toFixed(1)} ms`.padStart(11);
    return `  ${from.padEnd(5)} -> ${to.padEnd(5)} ${result}${took}`;
  });
  const arrived = rows.filter((row) => row.arrived).length;
  return [...lines, `  ${arrived} of ${rows.length} ${what}`].join("\n");
}
