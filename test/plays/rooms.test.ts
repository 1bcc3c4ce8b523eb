// A day in the room, cast over every pair of protocols: what two people do there (room-day.ts), and what each of them is shown of it,
// line by line; their rosters after each act; what an invited stranger hears; the history that is read at the end.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Protocol, type RoomActor, readable } from "#test/cast/room-actor.ts";
import { until } from "#test/servers/child.ts";
import { domains, type House, openHouse } from "./house.ts";
import { atTheDoor, channelOf, protocols, roomAddress } from "./room-company.ts";
import { type Act, type Cast, day, type Names } from "./room-day.ts";

const patienceMs = 10_000;

const pairs = protocols.flatMap((host) => protocols.map((guest): [Protocol, Protocol] => [host, guest]));

/** Nicks stay below nine letters, so that no channel cuts them. */
const tag = ([host, guest]: readonly [Protocol, Protocol]): string => `${host[0]}${guest[0]}`;
const roomOf = (pair: readonly [Protocol, Protocol]): string => `day-${tag(pair)}`;
const peopleOf = (pair: readonly [Protocol, Protocol]): Names => ({
  host: `h${tag(pair)}`,
  guest: `g${tag(pair)}`,
  renamed: `n${tag(pair)}`,
  stranger: `s${tag(pair)}@${domains[pair[1]]}`,
});

let house: House;

beforeAll(async () => {
  const rooms = Object.fromEntries(
    pairs.map((pair) => [
      roomOf(pair),
      {
        owners: pair[0] === "irc" ? [] : [`h${tag(pair)}@${domains[pair[0]]}`],
        legs: pair.includes("irc") ? [{ carrier: "irc-demo", channel: channelOf(roomOf(pair)) }] : [],
      },
    ]),
  );
  const people = pairs.flatMap((pair) => [`h${tag(pair)}`, `g${tag(pair)}`, `s${tag(pair)}`]);
  // The roster of a SIP person waits 5 s between two notices, which makes a long day of it.
  const sip = { rooms: { notifyEvery: "200ms" } };
  house = await openHouse({ instances: 2, people, sip, conference: { rooms } });
});

afterAll(async () => {
  await house?.close();
});

/** What an actor was shown live, as lines. Where notices are messages like any other they are looked at one by one. */
function lines({ transcript, protocol }: RoomActor): string[] {
  const isApart = protocol === "irc" || protocol === "sip";
  return transcript.filter(({ old, kind }) => old !== true && !(isApart && kind === "notice")).map(readable);
}

class Play {
  readonly #cast: Cast;
  readonly #expected = { host: [] as string[], guest: [] as string[] };

  constructor(cast: Cast) {
    this.#cast = cast;
  }

  async act(act: Act): Promise<void> {
    const { host, guest, names } = this.#cast;
    const actor = this.#cast[act.by];
    if (act.verb !== undefined && !actor.can.has(act.verb)) return;
    if (act.rules && host.protocol === "irc") return;
    if (act.after !== undefined && !host.can.has(act.after)) return;
    const away = { host: !host.inside, guest: !guest.inside && act.by !== "guest" };
    const wasInside = guest.inside;
    const since = performance.now();
    const answer = await act.play(this.#cast);
    if (act.noticed && actor.protocol === "irc")
      await actor.sees(({ kind, at }) => kind === "notice" && at >= since, patienceMs);
    else if (act.refused === undefined) expect(answer, act.name).toEqual({ answer: "done" });
    else expect(answer, act.name).toEqual({ answer: "refused", code: act.refused[actor.protocol] });
    for (const who of ["host", "guest"] as const) {
      if (away[who] && !(who === "guest" && wasInside)) continue;
      const { protocol } = this.#cast[who];
      const shown = act.shown({ protocol, isActor: act.by === who, by: actor.protocol }, names);
      if (shown !== undefined && shown !== "") this.#expected[who].push(...shown.split("\n"));
    }
    for (const who of ["host", "guest"] as const) await this.#catchesUp(who, act.name);
    if (host.inside && guest.inside) await this.#sameRoster(act.name);
  }

  /** Waits until this one was shown as many lines as he must have been; then they must be those. */
  async #catchesUp(who: "host" | "guest", name: string): Promise<void> {
    const wanted = this.#expected[who].flatMap((line) => line.split("\n"));
    const { host } = this.#cast.names;
    // A channel sees the host's nick come in as soon as its connection stands, which may be after the guest.
    const isLate = (line: string): boolean => who === "guest" && line === `${host} joins`;
    const shown = (): string[] =>
      lines(this.#cast[who])
        .filter((line) => !isLate(line))
        .flatMap((line) => line.split("\n"));
    await until(name, () => shown().length >= wanted.length, patienceMs).catch(() => undefined);
    expect(shown(), `${who} after: ${name}`).toEqual(wanted);
  }

  async #sameRoster(name: string): Promise<void> {
    const { host, guest } = this.#cast;
    const nicks = ({ roster }: RoomActor): string[] => [...roster.keys()].sort();
    const agree = (): boolean =>
      JSON.stringify(nicks(host)) === JSON.stringify(nicks(guest)) && nicks(host).includes(guest.nick);
    await until(name, agree, patienceMs).catch(() => undefined);
    expect(nicks(guest), `rosters after: ${name}`).toEqual(nicks(host));
    expect(nicks(host)).toEqual(expect.arrayContaining([host.nick, guest.nick]));
  }
}

describe.concurrent.each(pairs)("a host on %s, a guest on %s", (...pair) => {
  test("spend a day in the room", async () => {
    const [hostsWay, guestsWay] = pair;
    const names = peopleOf(pair);
    const room = roomOf(pair);
    const host = await atTheDoor(house, hostsWay, names.host, room, 0);
    const guest = await atTheDoor(house, guestsWay, names.guest, room, 1);
    const stranger = await atTheDoor(house, guestsWay, names.stranger.split("@")[0] ?? "", room, 0);
    try {
      expect(await host.joins(names.host)).toEqual({ answer: "done" });
      const play = new Play({ host, guest, stranger, names });
      for (const act of day) await play.act(act);
      if (host.can.has("invite")) {
        const invited = await stranger.sees(({ kind }) => kind === "invited", patienceMs);
        expect(invited.text).toBe(roomAddress(room));
      }
      await readsHistory(host);
    } finally {
      await Promise.all([host, guest, stranger].map((actor) => actor.close()));
    }
  });
});

/** Whoever may read the history finds there what was said to all, and nothing that was said to one. */
async function readsHistory(host: RoomActor): Promise<void> {
  if (!host.can.has("history")) return;
  const read = await host.history();
  const texts = read.filter(({ kind }) => kind === "said").map(({ text }) => text);
  expect(texts).toEqual(
    expect.arrayContaining(["good mourning", "hello & <welcome> ✅", "while you were out"]),
  );
  expect(texts).not.toContain("mm mm");
}
