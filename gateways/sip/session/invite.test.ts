// The two INVITE machines: one row per arrow of RFC 3261 figures 5 and 7 as RFC 6026 redraws them.
import { describe, expect, test } from "vitest";
import {
  type InviteClientInput,
  type InviteClientState,
  newInviteClient,
  stepInviteClient,
} from "./invite-client.ts";
import {
  type InviteServerInput,
  type InviteServerState,
  newInviteServer,
  stepInviteServer,
} from "./invite-server.ts";

const start = (name: string, delayMs: number) => ({ do: "start-timer", name, delayMs });
const stop = (name: string) => ({ do: "stop-timer", name });
const [send, passUp, ack] = [{ do: "send" }, { do: "pass-up" }, { do: "ack" }];
const timer = (name: string): { kind: "timer"; name: string } => ({ kind: "timer", name });

const server = (phase: InviteServerState["phase"], more: Partial<InviteServerState> = {}) => ({
  phase,
  reliable: false,
  gMs: 500,
  answered: !["idle", "proceeding"].includes(phase),
  ...more,
});
const respond = (status: number): InviteServerInput => ({ kind: "respond", status });

describe("server", () => {
  test.each<[string, InviteServerState, InviteServerInput, InviteServerState, object[]]>([
    ["begins", newInviteServer(false), { kind: "begin" }, server("proceeding"), [start("trying", 200)]],
    [
      "100 after 200 ms",
      server("proceeding"),
      timer("trying"),
      server("proceeding", { answered: true }),
      [{ do: "send-100" }],
    ],
    ["nothing to repeat yet", server("proceeding"), { kind: "retransmission" }, server("proceeding"), []],
    [
      "repeats its 100",
      server("proceeding", { answered: true }),
      { kind: "retransmission" },
      server("proceeding", { answered: true }),
      [send],
    ],
    [
      "180",
      server("proceeding"),
      respond(180),
      server("proceeding", { answered: true }),
      [stop("trying"), send],
    ],
    [
      "200 is repeated until its ACK",
      server("proceeding"),
      respond(200),
      server("accepted"),
      [stop("trying"), send, start("H", 32_000), start("G", 500), start("L", 32_000)],
    ],
    [
      "200 over TCP is, too",
      server("proceeding", { reliable: true }),
      respond(200),
      server("accepted", { reliable: true }),
      [stop("trying"), send, start("H", 32_000), start("G", 500), start("L", 32_000)],
    ],
    [
      "G doubles",
      server("accepted"),
      timer("G"),
      server("accepted", { gMs: 1000 }),
      [send, start("G", 1000)],
    ],
    [
      "G stops at T2",
      server("completed", { gMs: 4000 }),
      timer("G"),
      server("completed", { gMs: 4000 }),
      [send, start("G", 4000)],
    ],
    ["absorbs after 2xx", server("accepted"), { kind: "retransmission" }, server("accepted"), []],
    [
      "ACK of a 2xx",
      server("accepted"),
      { kind: "acknowledged" },
      server("accepted"),
      [stop("G"), stop("H")],
    ],
    ["L ends it", server("accepted"), timer("L"), server("terminated"), []],
    [
      "no ACK of a 2xx",
      server("accepted"),
      timer("H"),
      server("terminated"),
      [stop("G"), { do: "unacknowledged" }, stop("L")],
    ],
    [
      "a refusal over UDP",
      server("proceeding"),
      respond(486),
      server("completed"),
      [stop("trying"), send, start("H", 32_000), start("G", 500)],
    ],
    [
      "a refusal over TCP",
      server("proceeding", { reliable: true }),
      respond(486),
      server("completed", { reliable: true }),
      [stop("trying"), send, start("H", 32_000)],
    ],
    ["repeats a refusal", server("completed"), { kind: "retransmission" }, server("completed"), [send]],
    [
      "ACK of a refusal over UDP",
      server("completed"),
      { kind: "ack" },
      server("confirmed"),
      [stop("G"), stop("H"), start("I", 5000)],
    ],
    [
      "ACK of a refusal over TCP",
      server("completed", { reliable: true }),
      { kind: "ack" },
      server("terminated", { reliable: true }),
      [stop("G"), stop("H")],
    ],
    ["late ACKs", server("confirmed"), { kind: "ack" }, server("confirmed"), []],
    ["I ends it", server("confirmed"), timer("I"), server("terminated"), []],
    ["no ACK of a refusal", server("completed"), timer("H"), server("terminated"), [stop("G"), stop("L")]],
    ["a second final response", server("completed"), respond(200), server("completed"), []],
    ["a dead one", server("terminated"), respond(200), server("terminated"), []],
  ])("%s", (_name, state, input, after, outputs) => {
    expect(stepInviteServer(state, input)).toEqual([after, outputs]);
  });
});

const client = (phase: InviteClientState["phase"], more: Partial<InviteClientState> = {}) => ({
  phase,
  reliable: false,
  aMs: 500,
  ...more,
});
const response = (status: number): InviteClientInput => ({ kind: "response", status });
const quiet = [stop("A"), stop("B")];

describe("client", () => {
  test.each<[string, InviteClientState, InviteClientInput, InviteClientState, object[]]>([
    [
      "begins over UDP",
      newInviteClient(false),
      { kind: "begin" },
      client("calling"),
      [send, start("B", 32_000), start("A", 500)],
    ],
    [
      "begins over TCP",
      newInviteClient(true),
      { kind: "begin" },
      client("calling", { reliable: true }),
      [send, start("B", 32_000)],
    ],
    ["A doubles", client("calling"), timer("A"), client("calling", { aMs: 1000 }), [send, start("A", 1000)]],
    [
      "nobody answers",
      client("calling"),
      timer("B"),
      client("terminated"),
      [...quiet, { do: "give-up", why: "timeout" }],
    ],
    ["180", client("calling"), response(180), client("proceeding"), [...quiet, passUp]],
    ["B is over when it rings", client("proceeding"), timer("B"), client("proceeding"), []],
    ["200", client("proceeding"), response(200), client("accepted"), [...quiet, passUp, start("M", 32_000)]],
    ["200 of another fork", client("accepted"), response(200), client("accepted"), [passUp]],
    ["a refusal after a 200", client("accepted"), response(486), client("accepted"), []],
    ["M ends it", client("accepted"), timer("M"), client("terminated"), []],
    [
      "a refusal over UDP",
      client("calling"),
      response(486),
      client("completed"),
      [...quiet, ack, passUp, start("D", 32_000)],
    ],
    [
      "a refusal over TCP",
      client("calling", { reliable: true }),
      response(404),
      client("terminated", { reliable: true }),
      [...quiet, ack, passUp],
    ],
    ["a refusal again", client("completed"), response(486), client("completed"), [ack]],
    ["D ends it", client("completed"), timer("D"), client("terminated"), []],
    [
      "not sent",
      client("calling"),
      { kind: "transport-failed" },
      client("terminated"),
      [...quiet, { do: "give-up", why: "transport" }],
    ],
    ["the way breaks after 200", client("accepted"), { kind: "transport-failed" }, client("accepted"), []],
  ])("%s", (_name, state, input, after, outputs) => {
    expect(stepInviteClient(state, input)).toEqual([after, outputs]);
  });
});
