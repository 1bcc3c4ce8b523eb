// Visits, rosters and readers of conferences elsewhere: one row per arrow (RFC 4575 §4.4, RFC 7701 §7).
import { describe, expect, test } from "vitest";
import { type ConferenceInfo, type InfoUser, parseConferenceInfo } from "../wire/conference-info.ts";
import { anewRoster, emptyRoster, type FocusRoster, takeInfo } from "./focus-roster.ts";
import { Reading } from "./reading.ts";
import { newVisit, stepVisit, type VisitInput, type VisitOutput, type VisitState } from "./visit.ts";

function run(inputs: readonly VisitInput[]): { state: VisitState; last: readonly VisitOutput[] } {
  let state = newVisit("Alice");
  let last: readonly VisitOutput[] = [];
  for (const input of inputs) [state, last] = stepVisit(state, input);
  return { state, last };
}
const enter: VisitInput = { kind: "enter" };
const accepted: VisitInput = { kind: "accepted", names: true };
const bound: VisitInput = { kind: "bound" };
const named = (status: number): VisitInput => ({ kind: "named", status });
const refused = (status: number): VisitInput => ({ kind: "refused", status });
const again: VisitInput = { kind: "timer", name: "again" };
const inside = [enter, accepted, bound, named(200)];

describe("a visit", () => {
  test.each<[string, VisitInput[], VisitState["phase"], string[]]>([
    ["calls", [enter], "inviting", ["stop-timer", "start-timer", "invite"]],
    ["binds", [enter, accepted], "binding", ["bind"]],
    ["asks for a nick", [enter, accepted, bound], "naming", ["name"]],
    ["is in", inside, "in", ["stop-timer", "in"]],
    [
      "is in without a nick where none is given",
      [enter, { kind: "accepted", names: false }, bound],
      "in",
      ["stop-timer", "in", "renicked"],
    ],
    ["asks for another nick", [enter, accepted, bound, named(425)], "naming", ["name"]],
    [
      "is in without one where the focus refuses",
      [enter, accepted, bound, named(403)],
      "in",
      ["stop-timer", "in", "renicked"],
    ],
    ["is refused", [enter, refused(403)], "out", ["stop-timer", "close", "absent", "failed"]],
    [
      "is refused for now, and was never in",
      [enter, refused(486)],
      "out",
      ["stop-timer", "close", "absent", "failed"],
    ],
    [
      "cannot bind",
      [enter, accepted, { kind: "unbound" }],
      "out",
      ["stop-timer", "bye", "close", "absent", "failed"],
    ],
    [
      "takes too long",
      [enter, { kind: "timer", name: "late" }],
      "out",
      ["stop-timer", "bye", "close", "absent", "failed"],
    ],
    [
      "is lost",
      [...inside, { kind: "lost" }],
      "waiting",
      ["stop-timer", "bye", "close", "absent", "start-timer"],
    ],
    [
      "calls again",
      [...inside, { kind: "lost" }, again],
      "inviting",
      ["stop-timer", "start-timer", "invite"],
    ],
    [
      "is refused for now, and was in",
      [...inside, { kind: "lost" }, again, refused(480)],
      "waiting",
      ["stop-timer", "close", "absent", "start-timer", "failed"],
    ],
    [
      "is refused for good, and was in",
      [...inside, { kind: "lost" }, again, refused(403)],
      "out",
      ["stop-timer", "close", "absent", "failed"],
    ],
    ["is sent away", [...inside, { kind: "bye" }], "out", ["stop-timer", "close", "absent", "removed"]],
    ["leaves", [...inside, { kind: "leave" }], "out", ["stop-timer", "stop-timer", "bye", "close", "absent"]],
    [
      "gives up its call",
      [enter, { kind: "leave" }],
      "out",
      ["stop-timer", "stop-timer", "bye", "close", "absent"],
    ],
    [
      "leaves while it waits",
      [...inside, { kind: "lost" }, { kind: "leave" }],
      "out",
      ["stop-timer", "stop-timer", "absent"],
    ],
    ["has another nick", [...inside, { kind: "wanted", nick: "Ada" }], "in", ["name"]],
    ["has got it", [...inside, { kind: "wanted", nick: "Ada" }, named(200)], "in", []],
    ["has not got it", [...inside, { kind: "wanted", nick: "Ada" }, named(403)], "in", ["renicked"]],
    ["heeds nothing after its end", [...inside, { kind: "leave" }, accepted], "out", []],
    ["is not lost before it has called", [{ kind: "lost" }], "new", []],
    [
      "comes again after its end",
      [...inside, { kind: "bye" }, enter],
      "inviting",
      ["stop-timer", "start-timer", "invite"],
    ],
  ])("%s", (_name, inputs, phase, outputs) => {
    const { state, last } = run(inputs);
    expect([state.phase, last.map((output) => output.do)]).toEqual([phase, outputs]);
  });

  test("gives up after so many nicks, and asks for what is wanted by then", () => {
    const taken = Array.from({ length: 6 }, () => named(425));
    expect(run([enter, accepted, bound, ...taken]).state).toMatchObject({ phase: "in", nick: undefined });
    const { state, last } = run([enter, accepted, bound, { kind: "wanted", nick: "Ada" }, named(200)]);
    expect([state.nick, state.asking, last.at(-1)]).toEqual(["Alice", "Ada", { do: "name", nick: "Ada" }]);
  });

  test("waits longer each time", () => {
    const lost: VisitInput[] = [{ kind: "lost" }, again, refused(480), again, refused(480)];
    expect(run([...inside, ...lost]).last).toContainEqual({
      do: "start-timer",
      name: "again",
      delayMs: 8_000,
    });
  });
});

const user = (entity: string, more: Partial<InfoUser> = {}): InfoUser => ({
  ...{ entity, state: "full", nick: undefined, display: undefined, aors: [], roles: [], endpoints: [] },
  ...more,
});
const info = (version: number, users: InfoUser[], more: Partial<ConferenceInfo> = {}): ConferenceInfo => ({
  ...{ state: "partial", version, subject: undefined, usersState: "partial", users },
  ...more,
});
const full = (version: number, ...users: InfoUser[]): ConferenceInfo =>
  info(version, users, { state: "full" });

describe("a roster", () => {
  const [before] = takeInfo(emptyRoster, full(4, user("sip:a@x", { nick: "A" }), user("sip:b@x")));
  test.each<[string, FocusRoster, ConferenceInfo, string, string[]]>([
    ["everything", emptyRoster, full(0, user("sip:a@x")), "applied", ["sip:a@x"]],
    ["a part before everything", emptyRoster, info(1, [user("sip:a@x")]), "gap", []],
    ["the next part", before, info(5, [user("sip:c@x")]), "applied", ["sip:a@x", "sip:b@x", "sip:c@x"]],
    ["a part too far", before, info(6, [user("sip:c@x")]), "gap", ["sip:a@x", "sip:b@x"]],
    ["an old part", before, info(4, [user("sip:c@x")]), "old", ["sip:a@x", "sip:b@x"]],
    ["everything, later", before, full(9, user("sip:c@x")), "applied", ["sip:c@x"]],
    ["everything, anew", anewRoster(before), full(0, user("sip:c@x")), "applied", ["sip:c@x"]],
    ["one who goes", before, info(5, [user("sip:b@x", { state: "deleted" })]), "applied", ["sip:a@x"]],
    ["the end", before, info(5, [], { state: "deleted" }), "over", []],
    ["nobody of that name", before, info(5, [user("")]), "applied", ["sip:a@x", "sip:b@x"]],
    [
      "one whose last device is gone",
      before,
      info(5, [
        user("sip:b@x", {
          endpoints: [
            { entity: "e", state: "full", status: "disconnected", method: "booted", reason: "spam" },
          ],
        }),
      ]),
      "applied",
      ["sip:a@x"],
    ],
  ])("%s", (_name, roster, document, taken, users) => {
    const [after, what] = takeInfo(roster, document);
    expect([what, [...after.users.keys()]]).toEqual([taken, users]);
  });
  test("what a part of one does not say stays", () => {
    const [after] = takeInfo(before, info(5, [user("sip:a@x", { state: "partial", roles: ["moderator"] })]));
    expect(after.users.get("sip:a@x")).toMatchObject({ nick: "A", roles: ["moderator"] });
  });
});

describe("a document", () => {
  const read = (text: string) => parseConferenceInfo(Buffer.from(text));
  const open = '<c:conference-info xmlns:c="urn:ietf:params:xml:ns:conference-info" entity="sip:r@x"';
  test.each([
    ["is no XML", "<conference-info"],
    [
      "has a DOCTYPE",
      `<!DOCTYPE x><c:conference-info xmlns:c="urn:ietf:params:xml:ns:conference-info" version="1"/>`,
    ],
    ["is of another namespace", '<conference-info xmlns="urn:x" version="1"/>'],
    ["has no version", `${open}/>`],
    ["is too large", `${open} version="1">${" ".repeat(1_048_576)}</c:conference-info>`],
  ])("that %s is refused", (_name, text) => {
    expect(read(text).ok).toBe(false);
  });
  test("is read with prefixes, foreign elements and states", () => {
    const text = `${open} version="7" state="partial"><c:conference-description><c:subject> agenda </c:subject></c:conference-description>
      <c:users state="partial"><c:user entity="sip:b@x" state="full" xmlns:x="urn:ietf:params:xml:ns:xcon-conference-info" x:nickname="Bob">
      <c:display-text>Robert</c:display-text><y:display-text xmlns:y="urn:y">no</y:display-text>
      <c:associated-aors><c:entry><c:uri>sip:rob@x</c:uri></c:entry></c:associated-aors><c:roles><c:entry>moderator</c:entry></c:roles>
      <c:endpoint entity="sip:b@1"><c:status>connected</c:status></c:endpoint></c:user></c:users></c:conference-info>`;
    expect(read(text)).toMatchObject({
      ok: true,
      value: {
        ...{ version: 7, state: "partial", subject: "agenda", usersState: "partial" },
        users: [
          {
            ...{
              entity: "sip:b@x",
              nick: "Bob",
              display: "Robert",
              aors: ["sip:rob@x"],
              roles: ["moderator"],
            },
            endpoints: [{ entity: "sip:b@1", status: "connected" }],
          },
        ],
      },
    });
  });
});

describe("a reader", () => {
  test("passes on each once; what others heard goes on with the next", () => {
    const reading = new Reading<string, string>();
    expect(reading.hear("a", "1", "one", 0)).toBe(false);
    expect(reading.change("a")).toEqual(["one"]);
    expect(reading.hear("b", "1", "one", 1)).toBe(false);
    expect(reading.hear("a", "2", "two", 1)).toBe(true);
    expect(reading.hear("a", "2", "two", 1)).toBe(false);
    expect(reading.hear("b", "3", "three", 1)).toBe(false);
    expect([reading.isDeaf(5_001), reading.isDeaf(5_002)]).toEqual([false, true]);
    expect(reading.change("b")).toEqual(["three"]);
    expect(reading.hear("a", "3", "three", 2)).toBe(false);
    expect([reading.hear("b", undefined, "four", 2), reading.hear("a", undefined, "four", 2)]).toEqual([
      true,
      false,
    ]);
  });
  test("knows what an earlier one passed on", () => {
    const reading = new Reading<string, string>();
    reading.restore(["1"]);
    reading.change("a");
    expect(reading.hear("a", "1", "one", 0)).toBe(false);
  });
});
