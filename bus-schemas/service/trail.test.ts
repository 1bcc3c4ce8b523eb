// The trail: bounded, found by any of a message's three ids, asked of all processes over the bus.
import { afterEach, describe, expect, test } from "vitest";
import { fakeClock } from "#test/support/fake-clock.ts";
import { memoryServer } from "../bus/memory.ts";
import { farId } from "../ids.ts";
import { answerTrace, askTrace, mostNotesInAnswer, openTrail } from "./trail.ts";

const event = "A".repeat(26);
const other = "B".repeat(26);

describe("the ring of one process", () => {
  test("finds a message by event id, far id and the client's own id, oldest note first", async () => {
    const clock = fakeClock(1_000);
    const trail = openTrail(clock);
    trail.note(event, "received", { messageId: "own-7", carrier: "sip" });
    await clock.advance(5);
    trail.note(other, "received", { messageId: "own-8" });
    trail.note(event, "accepted");
    const far = farId({ event, carrier: "sip", messageId: "own-7" });
    for (const id of [event, far, "own-7"]) {
      expect(trail.find(id).notes).toEqual([
        { time: 1_000, message: event, step: "received", facts: { messageId: "own-7", carrier: "sip" } },
        { time: 1_005, message: event, step: "accepted" },
      ]);
    }
    expect(trail.find("nobody's").notes).toEqual([]);
    expect(trail.since()).toBe(0);
  });

  test("forgets the oldest when it is full, and says since when it remembers", async () => {
    const clock = fakeClock(0);
    const trail = openTrail(clock, 3);
    for (const step of ["1", "2", "3", "4", "5"]) {
      trail.note(event, step);
      await clock.advance(10);
    }
    expect(trail.find(event).notes.map((note) => note.step)).toEqual(["3", "4", "5"]);
    expect(trail.since()).toBe(20);
  });

  test("cuts an answer that would be too long, and says so", () => {
    const trail = openTrail(fakeClock());
    for (let count = 0; count < mostNotesInAnswer + 1; count += 1) trail.note(event, "again");
    const found = trail.find(event);
    expect(found.notes).toHaveLength(mostNotesInAnswer);
    expect(found.cut).toBe(true);
  });
});

describe("asking all processes", () => {
  const server = memoryServer();
  const buses = [server.connect(), server.connect(), server.connect()];
  const [sip, xmpp, cli] = buses;
  const clock = fakeClock(1_000);
  afterEach(() => Promise.all(buses.map((bus) => bus.close())));

  test("a client's own id known to one process finds the notes of the others too", async () => {
    if (!sip || !xmpp || !cli) throw new Error("three buses");
    const first = openTrail(clock);
    const second = openTrail(clock, 1);
    answerTrace(sip, { instance: "sip-1", service: "sip" }, first);
    answerTrace(xmpp, { instance: "xmpp-1", service: "xmpp" }, second);
    xmpp.listen("parley.v1.trace", (question) => question.answer(Buffer.from("not JSON")));
    first.note(event, "received", { messageId: "own-7" });
    second.note(event, "handed");
    const { answers, unreadable } = await askTrace(cli, "own-7", 100);
    expect(unreadable).toBe(2);
    expect(
      answers.map(({ instance, since, notes }) => [instance, since, notes.map((note) => note.step)]),
    ).toEqual([
      ["sip-1", 0, ["received"]],
      ["xmpp-1", 1_000, ["handed"]],
    ]);
  });
});
