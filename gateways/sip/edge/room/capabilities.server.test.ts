// OPTIONS to a room with `Accept: application/json`: by whom it may be asked, and what a phone learns (RFC 3261 §11).
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Headers, SipClient } from "#test/cast/sip-dialogs.ts";
import { headerOf, type SipText, statusOf } from "#test/cast/sip-message.ts";
import { openRoomHouse, type RoomHouse } from "./test-room.ts";

const json: Headers = [["Accept", "application/json"]];
let house: RoomHouse;
let client: SipClient;
beforeAll(async () => {
  house = await openRoomHouse({
    conference: {
      rooms: {
        lobby: { privateMessages: "nobody" },
        closed: { membersOnly: true, members: ["bob@sip.example"] },
      },
    },
  });
  const address = { address: "alice@sip.example", password: "secret-alice" };
  client = await new SipClient({ ports: [house.port], ...address }).open();
});
afterAll(async () => {
  await client.close();
  await house.close();
});

async function options(room: string, headers: Headers): Promise<SipText> {
  const answer = await client.request(
    "OPTIONS",
    client.dialog(`sip:${room}@rooms.example`),
    headers,
    Buffer.alloc(0),
  );
  if (answer === undefined) throw new Error("not answered");
  return answer;
}

test("what becomes of what is said, by way; in a datagram without the words", async () => {
  const phone = await house.phone("bob");
  expect(await phone.joins("Bob")).toEqual({ answer: "done" });
  const answer = await options("lobby", json);
  expect(statusOf(answer)).toBe(200);
  expect(headerOf(answer, "content-type")).toBe("application/json");
  expect(headerOf(answer, "contact")).toContain(";isfocus");
  const { room, ways } = JSON.parse(answer.body.toString("utf8"));
  expect(room).toBe("lobby@rooms.example");
  expect(ways).toHaveLength(1);
  expect(ways[0]).toMatchObject({ name: "sip", participants: 1, refused: ["said.to"] });
  expect(ways[0].carried).toContain("said.text");
  expect(ways[0].dropped).toContain("reacted");
  expect(ways[0].how).toBeUndefined();
  await phone.leaves();
});

test.each<[string, Headers, number]>([
  ["lobby", [], 200],
  ["lobby", [["Accept", "application/sdp"]], 200],
  ["closed", [], 200],
  ["closed", json, 403],
  ["nowhere", json, 404],
])("%s, %j: %i", async (room, headers, status) => {
  const answer = await options(room, headers);
  expect(statusOf(answer)).toBe(status);
  expect(answer.body.length).toBe(0);
});
