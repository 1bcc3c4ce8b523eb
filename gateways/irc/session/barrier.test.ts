// What belongs to which line: PING barriers and labels.
import { describe, expect, test } from "vitest";
import type { Message } from "../wire/message.ts";
import { parse } from "../wire/parse.ts";
import {
  type Barriers,
  close,
  closeLabelled,
  noBarriers,
  step,
  unsettled,
  type Verdict,
  wrote,
} from "./barrier.ts";

const fold = (nick: string): string => nick.toLowerCase();
function line(text: string): Message {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** `w 1 carol` writes, `b x` closes with a barrier, `l 1 carol L` writes with a label, `e` ends labelled lines; else heard. */
function play(script: readonly string[]): { state: Barriers; verdicts: Verdict[] } {
  let state = noBarriers;
  const verdicts: Verdict[] = [];
  for (const each of script) {
    const [what, job, target = "", label] = each.split(" ");
    if (what === "w" || what === "l") state = wrote(state, Number(job), target, label);
    else if (what === "b") [state] = close(state, job ?? "");
    else if (what === "e") state = closeLabelled(state);
    else {
      const [next, more] = step(state, line(each), fold);
      state = next;
      verdicts.push(...more);
    }
  }
  return { state, verdicts };
}
const failure = (code: string) => ({ failure: { code, text: "no" } });

describe("barriers", () => {
  test.each<[string, string[], object[], number[]]>([
    ["answered", ["w 1 carol", "b x", ":s PONG s :x"], [{ job: 1 }], []],
    ["not answered", ["w 1 carol", "b x"], [], [1]],
    ["another's PONG", ["w 1 carol", "b x", ":s PONG s :y"], [], [1]],
    [
      "an error before the answer",
      ["w 1 carol", "b x", ":s 401 me carol :no", ":s PONG s :x"],
      [{ job: 1, ...failure("401") }],
      [],
    ],
    [
      "in whatever case",
      ["w 1 carol", "b x", ":s 401 me CAROL :no", ":s PONG s :x"],
      [{ job: 1, ...failure("401") }],
      [],
    ],
    [
      "an error before the barrier was written",
      ["w 1 carol", ":s 404 me carol :no", "b x", ":s PONG s :x"],
      [{ job: 1, ...failure("404") }],
      [],
    ],
    [
      "of the right one of two",
      ["w 1 carol", "w 2 dave", "b x", ":s 401 me dave :no", ":s PONG s :x"],
      [{ job: 1 }, { job: 2, ...failure("401") }],
      [],
    ],
    ["about a stranger", ["w 1 carol", "b x", ":s 401 me nickserv :no", ":s PONG s :x"], [{ job: 1 }], []],
    [
      "naming nobody: the oldest",
      ["w 1 carol", "w 2 dave", "b x", ":s 417 me :no", ":s PONG s :x"],
      [{ job: 1, ...failure("417") }, { job: 2 }],
      [],
    ],
    ["after the answer", ["w 1 carol", "b x", ":s PONG s :x", ":s 401 me carol :no"], [{ job: 1 }], []],
    [
      "a later answer settles all before it",
      ["w 1 carol", "b x", "w 2 dave", "b y", ":s PONG s :y"],
      [{ job: 1 }, { job: 2 }],
      [],
    ],
    [
      "several lines of one job",
      ["w 1 carol", "w 1 carol", "b x", ":s 401 me carol :no", ":s 401 me carol :no", ":s PONG s :x"],
      [{ job: 1, ...failure("401") }],
      [],
    ],
    ["away is no error", ["w 1 carol", "b x", ":s 301 me carol :gone", ":s PONG s :x"], [{ job: 1 }], []],
  ])("%s", (_name, script, verdicts, left) => {
    const end = play(script);
    expect(end.verdicts).toEqual(verdicts);
    expect(unsettled(end.state)).toEqual(left);
  });

  test("no barrier without lines", () => expect(close(noBarriers, "x")[1]).toBeUndefined());
});

describe("labels", () => {
  test.each<[string, string[], object[], number[]]>([
    ["an ACK", ["l 1 carol L", "e", "@label=L :s ACK"], [{ job: 1 }], []],
    ["our own echo", ["l 1 carol L", "e", "@label=L :me!u@h PRIVMSG carol :hi"], [{ job: 1 }], []],
    ["an error", ["l 1 carol L", "e", "@label=L :s 401 me carol :no"], [{ job: 1, ...failure("401") }], []],
    [
      "FAIL",
      ["l 1 carol L", "e", "@label=L :s FAIL PRIVMSG CANNOT_SEND :no"],
      [{ job: 1, ...failure("CANNOT_SEND") }],
      [],
    ],
    ["one of two lines", ["l 1 carol L", "l 1 carol M", "e", "@label=L :s ACK"], [], [1]],
    [
      "both lines",
      ["l 1 carol L", "l 1 carol M", "e", "@label=M :s ACK", "@label=L :s ACK"],
      [{ job: 1 }],
      [],
    ],
    ["out of order", ["l 1 carol L", "l 2 dave M", "e", "@label=M :s ACK"], [{ job: 2 }], [1]],
    ["of somebody else", ["l 1 carol L", "e", "@label=Z :s ACK"], [], [1]],
  ])("%s", (_name, script, verdicts, left) => {
    const end = play(script);
    expect(end.verdicts).toEqual(verdicts);
    expect(unsettled(end.state)).toEqual(left);
  });
});
