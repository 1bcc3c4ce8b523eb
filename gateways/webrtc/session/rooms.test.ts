// The room sessions of a connection: one row per arrow.
import { describe, expect, it } from "vitest";
import { parseFrame, type Request } from "../wire/request.ts";
import { mostRooms, type RoomSessions } from "./rooms.ts";
import { initial, type State, step } from "./signaling.ts";

const account = "dave@web.example";
const request = (name: string, fields: object = {}): Request => {
  const frame = parseFrame(
    JSON.stringify({ sylkrtc: name, transaction: "t", session: "s", account, ...fields }),
  );
  if (frame.kind === "wrong") throw new Error(frame.error);
  return frame.request;
};
const join = (fields: object = {}) => request("videoroom-join", { uri: "lobby@rooms.example", ...fields });
const bound: State = { ...initial, accounts: new Map([[account, { account, receiving: true }]]) };
const seat = { account, room: "lobby@rooms.example" };
const joining: State = { ...bound, rooms: new Map([["s", { ...seat, phase: "joining" }]]) };
const joined: State = { ...bound, rooms: new Map([["s", { ...seat, phase: "joined" }]]) };
const many: State = {
  ...bound,
  rooms: new Map(
    Array.from({ length: mostRooms }, (_, at) => [`s${at}`, { account, room: `r${at}`, phase: "joined" }]),
  ) satisfies RoomSessions,
};
const take = (state: State, asked: Request) =>
  step(state, { kind: "frame", frame: { kind: "request", request: asked } });
const error = (code: number | undefined) => [
  { do: "send", frame: { sylkrtc: "error", transaction: "t", ...(code === undefined ? {} : { code }) } },
];

describe("room sessions", () => {
  it.each<[string, State, Request, object[], "joining" | "joined" | undefined]>([
    ["a join", bound, join(), [{ do: "join", key: account }], "joining"],
    ["a join with audio and video", bound, join({ sdp: "v=0" }), error(488), undefined],
    ["a join without the account", initial, join(), error(403), undefined],
    ["a second join of the session", joined, join({ uri: "tea@rooms.example" }), error(409), "joined"],
    [
      "a second join of the room",
      joined,
      join({ session: "z", uri: "LOBBY@rooms.example" }),
      error(409),
      "joined",
    ],
    ["one room too many", many, join(), error(429), undefined],
    [
      "a message before the room took it",
      joining,
      request("videoroom-retract", { event_id: "e" }),
      error(409),
      "joining",
    ],
    [
      "a request in it",
      joined,
      request("videoroom-retract", { event_id: "e" }),
      [{ do: "in-room" }],
      "joined",
    ],
    [
      "a request without a session",
      bound,
      request("videoroom-retract", { event_id: "e" }),
      error(481),
      undefined,
    ],
    ["a leave", joined, request("videoroom-leave"), [{ do: "leave", session: "s" }], undefined],
    ["a leave before the room took it", joining, request("videoroom-leave"), [{ do: "leave" }], undefined],
    ["a leave of nothing", bound, request("videoroom-leave"), error(481), undefined],
    [
      "the account taken away",
      joined,
      request("account-remove"),
      [{ do: "leave", session: "s" }, { do: "unbind" }, { do: "send" }],
      undefined,
    ],
    [
      "a question about rooms",
      bound,
      request("videoroom-list"),
      [{ do: "about-rooms", key: account }],
      undefined,
    ],
    [
      "a question about rooms without the account",
      initial,
      request("videoroom-list"),
      error(undefined),
      undefined,
    ],
  ])("%s", (_name, state, asked, outputs, phase) => {
    const [next, done] = take(state, asked);
    expect(done).toMatchObject(outputs);
    expect(done.length).toBe(outputs.length);
    expect(next.rooms.get("s")?.phase).toBe(phase);
  });

  it("is told by the edge what the room did", () => {
    expect(step(joining, { kind: "room-joined", session: "s" })[0].rooms.get("s")?.phase).toBe("joined");
    expect(step(bound, { kind: "room-joined", session: "s" })[0].rooms.size).toBe(0);
    expect(step(joined, { kind: "room-ended", session: "s" })[0].rooms.size).toBe(0);
  });
});
