// Logging in: capabilities, SASL, nicks in use, bans; one row per arrow.
import { describe, expect, test } from "vitest";
import { parse } from "../wire/parse.ts";
import { print } from "../wire/print.ts";
import { begin, type Login, nickAttempts, type Output, type Registration, step } from "./registration.ts";

const login: Login = { nick: "alice", user: "alice", realName: "Alice" };
const plain: Login = { ...login, sasl: { mechanism: "PLAIN", account: "alice", password: "secret" } };

const shown = (outputs: readonly Output[]): string[] =>
  outputs.map((output) => {
    if (output.do !== "send") return output.do === "failed" ? `failed ${output.retry}` : output.do;
    const line = print(output.message);
    return line.ok ? line.value : line.error;
  });

function talk(who: Login, lines: readonly string[]): { state: Registration; said: string[] } {
  let [state] = begin(who);
  const said: string[] = [];
  for (const line of lines) {
    const parsed = parse(line);
    if (!parsed.ok) throw new Error(parsed.error);
    const [next, outputs] = step(state, who, parsed.value);
    state = next;
    said.push(...shown(outputs));
  }
  return { state, said };
}

test("the first words, WEBIRC before all", () => {
  const webirc = { password: "pw", gateway: "parley", host: "h.example", ip: "fd00::1" };
  const [, outputs] = begin({ ...login, webirc, password: "door" });
  expect(shown(outputs)).toEqual([
    "WEBIRC pw parley h.example fd00::1",
    "CAP LS 302",
    "PASS door",
    "NICK alice",
    "USER alice 0 * Alice",
  ]);
});

describe("what is answered", () => {
  test.each<[string, Login, string[], string[]]>([
    ["PING before the greeting", login, ["PING :x1"], ["PONG x1"]],
    ["nothing wanted is offered", login, [":s CAP * LS :multi-prefix"], ["CAP END"]],
    [
      "the offer comes in two lines",
      login,
      [":s CAP * LS * :batch", ":s CAP * LS :echo-message sasl"],
      ["CAP REQ :batch echo-message"],
    ],
    ["granted", login, [":s CAP * LS :batch", ":s CAP * ACK :batch"], ["CAP REQ batch", "CAP END"]],
    ["refused", login, [":s CAP * LS :batch", ":s CAP * NAK :batch"], ["CAP REQ batch", "CAP END"]],
    [
      "SASL goes through",
      plain,
      [":s CAP * LS :sasl=PLAIN,EXTERNAL", ":s CAP * ACK :sasl", "AUTHENTICATE +", ":s 903 alice :ok"],
      [
        "CAP REQ sasl",
        "AUTHENTICATE PLAIN",
        `AUTHENTICATE ${Buffer.from("alice\0alice\0secret").toString("base64")}`,
        "CAP END",
      ],
    ],
    [
      "SASL is refused",
      plain,
      [":s CAP * LS :sasl", ":s CAP * ACK :sasl", "AUTHENTICATE +", ":s 904 alice :no"],
      [
        "CAP REQ sasl",
        "AUTHENTICATE PLAIN",
        `AUTHENTICATE ${Buffer.from("alice\0alice\0secret").toString("base64")}`,
        "failed false",
      ],
    ],
    ["SASL is not offered", plain, [":s CAP * LS :sasl=EXTERNAL"], ["failed false"]],
    [
      "SASL is not offered and may be left out",
      { ...plain, saslOptional: true },
      [":s CAP * LS :batch"],
      ["CAP REQ batch"],
    ],
    [
      "SASL is refused and may be left out",
      { ...plain, saslOptional: true },
      [":s CAP * LS :sasl", ":s CAP * ACK :sasl", ":s 904 alice :no"],
      ["CAP REQ sasl", "AUTHENTICATE PLAIN", "CAP END"],
    ],
    ["the nick is in use", login, [":s 433 * alice :in use"], ["NICK alice_"]],
    [
      "in use twice",
      login,
      [":s 433 * alice :in use", ":s 433 * alice_ :in use"],
      ["NICK alice_", "NICK alice__"],
    ],
    [
      "not a nick there, even short",
      login,
      [":s 432 * alice :bad", ":s 432 * alice :bad"],
      ["NICK alice", "failed false"],
    ],
    ["held after a split", login, [":s 437 * alice :held"], ["NICK alice_"]],
    ["banned", login, [":s 465 * :banned"], ["failed false"]],
    ["wrong password", login, [":s 464 * :wrong"], ["failed false"]],
    ["thrown out", login, ["ERROR :Closing link"], ["failed true"]],
    ["the greeting ends", login, [":s 001 alice :Welcome", ":s 376 alice :End"], ["ready"]],
    ["no message of the day", login, [":s 001 alice :Welcome", ":s 422 alice :None"], ["ready"]],
    [
      "the end of a MOTD asked for later",
      login,
      [":s 001 alice :W", ":s 376 alice :End", ":s 376 alice :End"],
      ["ready"],
    ],
    [
      "a nick refused after the greeting is recovery's matter",
      login,
      [":s 001 alice_ :W", ":s 433 alice_ alice :in use"],
      [],
    ],
    ["what nobody knows", login, [":s 999 alice :?", "FOO"], []],
  ])("%s", (_name, who, lines, said) => expect(talk(who, lines).said).toEqual(said));
});

test("names are given up after a while", () => {
  const lines = Array.from({ length: nickAttempts }, () => ":s 433 * x :in use");
  expect(talk(login, lines).said.at(-1)).toBe("failed true");
});

test("a long SASL answer goes in pieces of 400, and a full last piece is followed by an empty one", () => {
  const password = "p".repeat(300 - "a\0a\0".length);
  const who: Login = { ...login, sasl: { mechanism: "PLAIN", account: "a", password } };
  const { said } = talk(who, [":s CAP * LS :sasl", ":s CAP * ACK :sasl", "AUTHENTICATE +"]);
  expect(said.slice(2).map((line) => line.length)).toEqual([
    "AUTHENTICATE ".length + 400,
    "AUTHENTICATE +".length,
  ]);
});

test("the greeting tells nick, mask, capabilities and case rules", () => {
  const { state } = talk(login, [
    ":s CAP * LS :batch",
    ":s CAP * ACK :batch",
    ":s 001 Alice :Welcome Alice!~alice@host.example",
    ":s 005 Alice CASEMAPPING=ascii NICKLEN=12 :are supported",
    ":s 376 Alice :End",
    ":s CAP Alice DEL :batch",
  ]);
  expect(state).toMatchObject({
    phase: "done",
    nick: "Alice",
    mask: "Alice!~alice@host.example",
    isupport: { caseMapping: "ascii", nickLength: 12 },
  });
  expect(state.caps.size).toBe(0);
});
