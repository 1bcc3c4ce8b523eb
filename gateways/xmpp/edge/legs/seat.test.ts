// One of ours in a foreign room: one row per arrow of its life, on a clock that stands still.
import { describe, expect, test } from "vitest";
import { type FakeClock, fakeClock } from "#test/support/fake-clock.ts";
import { readForeignPresence } from "../../translate/legs/foreign-presence.ts";
import { markFor } from "../../translate/legs/mark.ts";
import { child, childText, type Element, elements, ns } from "../../wire/element.ts";
import { parseElement } from "../../wire/read.ts";
import { Seat, seatLimits } from "./seat.ts";

const there = { local: "talk", domain: "muc.other.example" };
const talk = "talk@muc.other.example";
const mark = (nick: string): string => markFor("secret", talk, nick);

interface Stage {
  readonly clock: FakeClock;
  readonly seat: Seat;
  readonly sent: Element[];
  readonly told: string[];
  /** The room sends this to him. */
  hear(xml: string): void;
  last(): Element;
}

function stage(password?: string): Stage {
  const clock = fakeClock();
  const sent: Element[] = [];
  const told: string[] = [];
  const seat = new Seat(
    {
      clock,
      there,
      quietMs: 60_000,
      mark,
      password: () => password,
      history: () => ({ most: 0 }),
      send: (_seat, stanza) => {
        sent.push(stanza);
        return true;
      },
      on: {
        asked: () => told.push("asked"),
        in: (_seat, isFirst) => told.push(isFirst ? "in" : "in again"),
        moved: () => undefined,
        renicked: (_seat, nick) => told.push(`is ${nick}`),
        refused: (_seat, { refusal }) => told.push(`refused ${refusal.reason} ${refusal.next}`),
        removed: (_seat, { codes }) => told.push(`removed ${[...codes].join()}`),
      },
    },
    { key: "alice@web.example", address: { local: "alice", domain: "web.example" }, nick: "Alice" },
    { jid: "alice@web.example/tab", domain: "web.example", face: "alice@web.example" },
  );
  return {
    clock,
    seat,
    sent,
    told,
    last: () => {
      const stanza = sent.at(-1);
      if (!stanza) throw new Error("nothing was sent");
      return stanza;
    },
    hear(xml) {
      const parsed = parseElement(`<x xmlns='${ns.component}'>${xml}</x>`);
      const [stanza] = parsed.ok ? elements(parsed.value) : [];
      if (!stanza) throw new Error("no stanza");
      if (stanza.name === "iq") seat.answered(stanza);
      else seat.presence(readForeignPresence(stanza), stanza);
    },
  };
}

const self = (nick = "Alice", codes: readonly string[] = []): string =>
  `<presence from='${talk}/${nick}'><x xmlns='${ns.mucUser}'><item role='participant'/>${["110", ...codes].map((code) => `<status code='${code}'/>`).join("")}</x></presence>`;
const out = (codes: readonly string[], inside = "", nick = "Alice"): string =>
  `<presence from='${talk}/${nick}' type='unavailable'><x xmlns='${ns.mucUser}'><item role='none'/>${inside}${codes.map((code) => `<status code='${code}'/>`).join("")}</x></presence>`;
const error = (condition: string, id: string | undefined, name = "presence"): string =>
  `<${name} from='${talk}/Alice' type='error' id='${id}'><error type='cancel'><${condition} xmlns='${ns.stanzas}'/></error></${name}>`;

/** In, under his own nick. */
function inside(): Stage {
  const it = stage();
  it.seat.enter();
  it.hear(self());
  it.told.splice(0);
  return it;
}

describe("coming in", () => {
  test("asks with history, password and mark, and is in when the room says so", () => {
    const it = stage("sesame");
    it.seat.enter();
    const x = child(it.last(), "x", ns.muc);
    expect(it.last().attrs).toMatchObject({ from: "alice@web.example/tab", to: `${talk}/Alice` });
    expect(x && childText(x, "password", ns.muc)).toBe("sesame");
    expect(it.seat.state).toBe("entering");
    it.hear(self());
    expect(it.seat.state).toBe("in");
    expect(it.told).toEqual(["asked", "in"]);
  });

  test("a room without status 110 is understood by the mark", () => {
    const it = stage();
    it.seat.enter();
    it.hear(
      `<presence from='${talk}/Alice'><x xmlns='${ns.mucUser}'><item role='participant'/></x><occupant xmlns='urn:parley:occupant:0' mark='${mark("Alice")}'/></presence>`,
    );
    expect(it.seat.state).toBe("in");
  });

  test("somebody else is not he", () => {
    const it = stage();
    it.seat.enter();
    it.hear(
      `<presence from='${talk}/Bob'><x xmlns='${ns.mucUser}'><item role='participant'/></x></presence>`,
    );
    expect(it.seat.state).toBe("entering");
  });

  test("a new room is unlocked", () => {
    const it = stage();
    it.seat.enter();
    it.hear(self("Alice", ["201"]));
    expect(it.sent.some((stanza) => child(stanza, "query", ns.mucOwner) !== undefined)).toBe(true);
  });

  test("a nick that the room chose is told", () => {
    const it = stage();
    it.seat.enter();
    it.hear(self("Alice_", ["210"]));
    expect(it.told).toEqual(["asked", "is Alice_", "in"]);
  });

  test("nicks that are taken: others are tried, then he is refused", () => {
    const it = stage();
    it.seat.enter();
    const asked: (string | undefined)[] = [];
    for (let count = 0; count < seatLimits.nicks; count += 1) {
      asked.push(it.last().attrs.to);
      it.hear(error("conflict", it.last().attrs.id));
    }
    expect(asked.slice(0, 3)).toEqual([`${talk}/Alice`, `${talk}/Alice (2)`, `${talk}/Alice (3)`]);
    expect(it.seat.state).toBe("out");
    expect(it.told.at(-1)).toBe("refused nick-taken nick");
  });

  test.each([
    ["not-authorized", "out", "refused password never"],
    ["forbidden", "out", "refused banned never"],
    ["registration-required", "out", "refused members-only never"],
    ["service-unavailable", "waiting", "refused full later"],
  ])("refused: %s", (condition, state, told) => {
    const it = stage();
    it.seat.enter();
    it.hear(error(condition, it.last().attrs.id));
    expect(it.seat.state).toBe(state);
    expect(it.told).toEqual(["asked", told]);
  });

  test("an error for something older is nothing", () => {
    const it = stage();
    it.seat.enter();
    it.hear(error("forbidden", "older"));
    expect(it.seat.state).toBe("entering");
  });

  test("no answer: waits, then asks again, ever more seldom", async () => {
    const it = stage();
    it.seat.enter();
    await it.clock.advance(seatLimits.joinMs);
    expect(it.seat.state).toBe("waiting");
    expect(it.told).toEqual(["asked", "refused unreachable later"]);
    await it.clock.advance(seatLimits.againMs.first);
    expect(it.seat.state).toBe("entering");
    await it.clock.advance(seatLimits.joinMs + seatLimits.againMs.first);
    expect(it.seat.state).toBe("waiting");
    it.hear(self());
    expect(it.seat.state).toBe("in");
  });

  test("who waits for it learns that it is settled", async () => {
    const it = stage();
    it.seat.enter();
    const settled = it.seat.settled(1_000_000).then(() => it.seat.state);
    it.hear(self());
    expect(await settled).toBe("in");
  });
});

describe("being in", () => {
  test("another nick and status are shown", () => {
    const it = inside();
    const person = { key: "alice@web.example", address: it.seat.address, nick: "Alicia" };
    it.seat.follow({ ...person, status: { show: "away", text: "lunch" } });
    expect(it.last().attrs.to).toBe(`${talk}/Alicia`);
    it.hear(out(["303", "110"], "").replace("role='none'", "role='participant' nick='Alicia'"));
    it.hear(self("Alicia"));
    expect(it.seat.nick).toBe("Alicia");
    expect(it.told).toEqual([]);
    const before = it.sent.length;
    it.seat.follow({ ...person, status: { show: "away", text: "lunch" } });
    expect(it.sent).toHaveLength(before);
  });

  test("another nick that is taken there becomes one like it", () => {
    const it = inside();
    it.seat.follow({ key: it.seat.key, address: it.seat.address, nick: "Bob" });
    it.hear(error("conflict", it.last().attrs.id));
    expect(it.last().attrs.to).toBe(`${talk}/Bob (2)`);
    it.hear(out(["303", "110"]).replace("role='none'", "role='participant' nick='Bob (2)'"));
    it.hear(self("Bob (2)"));
    expect(it.seat.nick).toBe("Bob (2)");
  });

  test.each([
    ["kicked", ["307", "110"], "", "out", "removed 307,110"],
    ["banned", ["301", "110"], "", "out", "removed 301,110"],
    ["members only now", ["322", "110"], "", "out", "removed 322,110"],
    ["the room is destroyed", ["110"], "<destroy/>", "out", "removed 110"],
    ["the service ends", ["332", "110"], "", "waiting", undefined],
    ["said to be unreachable", ["333", "110"], "", "waiting", undefined],
  ])("put out: %s", async (_name, codes, more, state, told) => {
    const it = inside();
    it.hear(out(codes, more));
    expect(it.seat.state).toBe(state);
    expect(it.told).toEqual(told === undefined ? [] : [told]);
    await it.clock.advance(seatLimits.againMs.first);
    expect(it.seat.state).toBe(state === "waiting" ? "entering" : "out");
  });

  test("the stream begins anew: he asks again, and is told to be in again", () => {
    const it = inside();
    it.seat.again();
    expect(it.seat.state).toBe("entering");
    it.hear(self());
    expect(it.told).toEqual(["asked", "in again"]);
  });

  test("put out for good he stays out when the stream begins anew", () => {
    const it = inside();
    it.hear(out(["307", "110"]));
    it.seat.again();
    expect(it.seat.state).toBe("out");
  });
});

describe("self-ping (XEP-0410)", () => {
  const quiet = async (): Promise<Stage> => {
    const it = inside();
    await it.clock.advance(60_000);
    expect(it.last().name).toBe("iq");
    expect(it.last().attrs.to).toBe(`${talk}/Alice`);
    return it;
  };

  test.each([
    ["he is in", "<iq type='result' id='ID'/>", "in"],
    ["a room that passes no pings on", "service-unavailable", "in"],
    ["a client that knows no pings", "feature-not-implemented", "in"],
    ["not in any more", "not-acceptable", "entering"],
    ["another one has his nick", "item-not-found", "entering"],
    ["the room's server is away", "remote-server-timeout", "in"],
  ])("%s", async (_name, answer, state) => {
    const it = await quiet();
    const { id } = it.last().attrs;
    it.hear(answer.startsWith("<") ? answer.replace("ID", id ?? "") : error(answer, id, "iq"));
    expect(it.seat.state).toBe(state);
  });

  test("whoever hears from the room is not asked for", async () => {
    const it = inside();
    for (let count = 0; count < 20; count += 1) {
      await it.clock.advance(10_000);
      it.seat.heard();
    }
    expect(it.sent.filter(({ name }) => name === "iq")).toHaveLength(0);
  });

  test("no answer: asked again later, nothing else", async () => {
    const it = await quiet();
    await it.clock.advance(seatLimits.pingMs + 60_000);
    expect(it.seat.state).toBe("in");
    expect(it.sent.filter(({ name }) => name === "iq").length).toBeGreaterThan(1);
  });
});

describe("leaving", () => {
  test("says farewell, and nothing is left waiting", () => {
    const it = inside();
    it.seat.leave("bye");
    expect(it.last().attrs).toMatchObject({ type: "unavailable", to: `${talk}/Alice` });
    expect(childText(it.last(), "status", ns.component)).toBe("bye");
    expect(it.clock.waiting).toBe(0);
    const before = it.sent.length;
    it.seat.leave(undefined);
    expect(it.sent).toHaveLength(before);
  });

  test("lets go without a word for the next holder", () => {
    const it = inside();
    const before = it.sent.length;
    it.seat.close();
    expect(it.sent).toHaveLength(before);
    expect(it.clock.waiting).toBe(0);
  });
});
