// The two non-INVITE machines: one row per arrow of RFC 3261 figures 6 and 8, with the changes of RFC 4320.
import { describe, expect, test } from "vitest";
import { type ClientInput, type ClientState, newClient, stepClient } from "./client-transaction.ts";
import { newServer, type ServerInput, type ServerState, stepServer } from "./server-transaction.ts";

const client = (phase: ClientState["phase"], reliable = false, eMs = 500): ClientState => ({
  phase,
  reliable,
  eMs,
});
const start = (name: string, delayMs: number) => ({ do: "start-timer", name, delayMs });
const stop = (name: string) => ({ do: "stop-timer", name });
const send = { do: "send" };
const passUp = { do: "pass-up" };
const giveUp = (why: string) => ({ do: "give-up", why });
const timer = (name: string): { kind: "timer"; name: string } => ({ kind: "timer", name });
const response = (status: number): ClientInput => ({ kind: "response", status });

describe("client", () => {
  test.each<[string, ClientState, ClientInput, ClientState, object[]]>([
    [
      "begins over UDP",
      newClient(false),
      { kind: "begin" },
      client("trying"),
      [send, start("F", 32_000), start("E", 500)],
    ],
    [
      "begins over TCP",
      newClient(true),
      { kind: "begin" },
      client("trying", true),
      [send, start("F", 32_000)],
    ],
    ["E doubles", client("trying"), timer("E"), client("trying", false, 1000), [send, start("E", 1000)]],
    [
      "E stops at T2",
      client("trying", false, 4000),
      timer("E"),
      client("trying", false, 4000),
      [send, start("E", 4000)],
    ],
    ["a provisional one", client("trying"), response(100), client("proceeding"), [passUp]],
    [
      "E when proceeding is T2",
      client("proceeding"),
      timer("E"),
      client("proceeding", false, 4000),
      [send, start("E", 4000)],
    ],
    [
      "a final one over UDP",
      client("trying"),
      response(200),
      client("completed"),
      [stop("E"), stop("F"), passUp, start("K", 5000)],
    ],
    [
      "a final one over TCP",
      client("trying", true),
      response(200),
      client("terminated", true),
      [stop("E"), stop("F"), passUp],
    ],
    [
      "a final one when proceeding",
      client("proceeding"),
      response(404),
      client("completed"),
      [stop("E"), stop("F"), passUp, start("K", 5000)],
    ],
    ["F", client("trying"), timer("F"), client("terminated"), [stop("E"), giveUp("timeout")]],
    [
      "F when proceeding",
      client("proceeding"),
      timer("F"),
      client("terminated"),
      [stop("E"), giveUp("timeout")],
    ],
    [
      "transport fails",
      client("trying"),
      { kind: "transport-failed" },
      client("terminated"),
      [stop("E"), stop("F"), giveUp("transport")],
    ],
    [
      "abandoned in silence",
      client("trying"),
      { kind: "abandon" },
      client("terminated"),
      [stop("E"), stop("F"), giveUp("timeout")],
    ],
    ["not abandoned when it proceeds", client("proceeding"), { kind: "abandon" }, client("proceeding"), []],
    ["K", client("completed"), timer("K"), client("terminated"), []],
    ["completed absorbs responses", client("completed"), response(200), client("completed"), []],
    ["completed ignores E", client("completed"), timer("E"), client("completed"), []],
    [
      "completed ignores the transport",
      client("completed"),
      { kind: "transport-failed" },
      client("completed"),
      [],
    ],
    ["terminated ignores all", client("terminated"), response(200), client("terminated"), []],
  ])("%s", (_, state, input, next, outputs) => {
    expect(stepClient(state, input)).toEqual([next, outputs]);
  });
});

const server = (phase: ServerState["phase"], reliable = false): ServerState => ({ phase, reliable });
const respond = (status: number): ServerInput => ({ kind: "respond", status });

describe("server", () => {
  test.each<[string, ServerState, ServerInput, ServerState, object[]]>([
    ["begins over UDP", newServer(false), { kind: "begin" }, server("trying"), [start("trying", 3500)]],
    [
      "begins over TCP: no 100 ever (RFC 4320 §4.1)",
      newServer(true),
      { kind: "begin" },
      server("trying", true),
      [],
    ],
    [
      "a retransmission too early is silence",
      server("trying"),
      { kind: "retransmission" },
      server("trying"),
      [],
    ],
    [
      "100 when E reaches T2 (RFC 4320)",
      server("trying"),
      timer("trying"),
      server("proceeding"),
      [{ do: "send-100" }],
    ],
    [
      "proceeding repeats its 100",
      server("proceeding"),
      { kind: "retransmission" },
      server("proceeding"),
      [send],
    ],
    [
      "final over UDP",
      server("trying"),
      respond(200),
      server("completed"),
      [stop("trying"), send, start("J", 32_000)],
    ],
    [
      "final after 100",
      server("proceeding"),
      respond(480),
      server("completed"),
      [stop("trying"), send, start("J", 32_000)],
    ],
    ["final over TCP", server("trying", true), respond(200), server("terminated", true), [send]],
    [
      "completed repeats its answer",
      server("completed"),
      { kind: "retransmission" },
      server("completed"),
      [send],
    ],
    ["a second final is discarded", server("completed"), respond(500), server("completed"), []],
    ["J", server("completed"), timer("J"), server("terminated"), []],
    ["a late timer of 100 is nothing", server("completed"), timer("trying"), server("completed"), []],
  ])("%s", (_, state, input, next, outputs) => {
    expect(stepServer(state, input)).toEqual([next, outputs]);
  });
});
