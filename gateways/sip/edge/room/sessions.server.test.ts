// MSRP sessions of rooms in their less usual ways: TLS, reports, refusals that come late, a reader who is too slow (RFC 4975, RFC 7701).

import { spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SipRoomPhone } from "#test/cast/sip-room-phone.ts";
import { privateFolder, until } from "#test/servers/child.ts";
import { openRoomHouse, type RoomHouse } from "./test-room.ts";

const folder = privateFolder("sessions");
const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
const made = spawnSync("openssl", [
  ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
  ...["-subj", "/CN=sessions.test", "-keyout", keyFile, "-out", certFile],
]);
const done = { answer: "done" };

let house: RoomHouse;
beforeAll(async () => {
  expect(made.status).toBe(0);
  house = await openRoomHouse({
    sip: {
      msrp: { listen: ["msrp:127.0.0.1:0", "msrps:127.0.0.1:0"], tls: { key: keyFile, cert: certFile } },
      // Nothing is waited for: what the room says comes late.
      rooms: { notifyEvery: "0s", hold: "0ms" },
    },
    conference: { rooms: { quiet: { moderated: true, owners: ["alice@sip.example"] } } },
  });
});
afterAll(() => house.close());

const enter = async (local: string, room: string, more: object = {}): Promise<SipRoomPhone> => {
  const phone = await house.phone(local, { room, ...more });
  expect(await phone.joins(local)).toEqual(done);
  return phone;
};
const cpim = (room: string, text: string): string =>
  `From: <sip:bob@sip.example>\r\nTo: <sip:${room}>\r\n\r\nContent-Type: text/plain\r\n\r\n${text}`;

test("by TLS, the certificate known by its fingerprint", async () => {
  const cert = readFileSync(certFile, "utf8");
  const hash = createHash("sha256").update(new X509Certificate(cert).raw).digest("hex").toUpperCase();
  const fingerprint = `sha-256 ${hash.match(/../g)?.join(":")}`;
  const tls = { key: readFileSync(keyFile, "utf8"), cert, fingerprint };
  const alice = await enter("alice", "secure@rooms.example", { tls });
  const bob = await enter("bob", "secure@rooms.example");
  expect(await alice.says("by TLS")).toEqual(done);
  await bob.sees(({ text }) => text === "by TLS", 3_000);
  expect(await bob.says("by TCP")).toEqual(done);
  await alice.sees(({ text }) => text === "by TCP", 3_000);
  expect(alice.msrp.path).toMatch(/^msrps:/);
  await Promise.all([alice.close(), bob.close()]);
});

test("a success report for whoever asks, and a failure report where the room refuses after the 200", async () => {
  const alice = await enter("alice", "quiet@rooms.example");
  const bob = await enter("bob", "quiet@rooms.example");
  const body = (text: string) => ({ contentType: "message/cpim", body: cpim("quiet@rooms.example", text) });
  const refused = await bob.msrp.send({ ...body("I am only to listen"), messageId: "refused1" });
  expect(refused.statuses).toEqual([200]);
  const report = await bob.msrp.reports.next(({ messageId }) => messageId === "refused1", 5_000);
  expect(report.status).toMatch(/^000 403/);
  expect(await alice.says("I may")).toEqual(done);
  const asked = await alice.msrp.send({
    ...{ contentType: "message/cpim", messageId: "reported1", successReport: true },
    body: cpim("quiet@rooms.example", "and I want to know").replace("bob", "alice"),
  });
  expect(asked.statuses).toEqual([200]);
  const success = await alice.msrp.reports.next(({ messageId }) => messageId === "reported1", 5_000);
  expect(success.status).toMatch(/^000 200/);
  await bob.sees(({ text }) => text === "and I want to know", 3_000);
  expect(bob.transcript.filter(({ text }) => text === "I am only to listen")).toEqual([]);
  await Promise.all([alice.close(), bob.close()]);
});

test("a message in many chunks, out of order, is one message to the others", async () => {
  const alice = await enter("alice", "long@rooms.example");
  const bob = await enter("bob", "long@rooms.example");
  const text = "a long story 🎈 ".repeat(3_000);
  const body = cpim("long@rooms.example", text);
  const said = await bob.msrp.send({ contentType: "message/cpim", body, chunk: 30_000, order: [1, 0] });
  expect(said.statuses.at(-1)).toBe(200);
  await alice.sees((entry) => entry.text === text, 5_000);
  await Promise.all([alice.close(), bob.close()]);
});

test("a reader who does not read is let go of, holds nobody up, and gets everything when he is back", async () => {
  const alice = await enter("alice", "slow@rooms.example");
  const bob = await enter("bob", "slow@rooms.example");
  const carol = await enter("carol", "slow@rooms.example");
  bob.msrp.pause();
  const text = "x".repeat(60_000);
  const spoken = Array.from({ length: 150 }, (_, at) => `${at} ${text}`);
  for (const each of spoken) expect(await alice.says(each)).toEqual(done);
  await until(
    "the others have it",
    () => carol.transcript.filter(({ kind }) => kind === "said").length === 150,
    10_000,
  );
  const heard = (): string[] =>
    bob.transcript.filter(({ kind }) => kind === "said").map(({ text: said }) => said.slice(0, 3));
  await until("he has it, too", () => heard().length === 150, 20_000).catch(() => undefined);
  expect(heard()).toEqual(spoken.map((each) => each.slice(0, 3)));
  expect(carol.transcript.filter(({ kind }) => kind === "left")).toEqual([]);
  await Promise.all([alice.close(), bob.close(), carol.close()]);
});
