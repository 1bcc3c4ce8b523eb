// Rooms over SIP and MSRP on real sockets, with the real conference service: raw clients that share no code with the gateway.
// Every roster that they are sent is checked against the published schema.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { SipRoomPhone } from "#test/cast/sip-room-phone.ts";
import { privateFolder, until } from "#test/servers/child.ts";
import { openRoomHouse, type RoomHouse } from "./test-room.ts";

const done = { answer: "done" };
const refused = (code: string) => ({ answer: "refused", code });
const schema = `${process.env.PARLEY_VECTORS ?? `${import.meta.dirname}/../../../../../shared/vectors`}/xsd/conference-info.xsd`;
const canValidate = spawnSync("xmllint", ["--version"]).error === undefined && existsSync(schema);
if (!canValidate)
  console.warn(
    "SKIPPED: rosters are not validated: xmllint (Debian: libxml2-utils) or the schema is missing",
  );

let house: RoomHouse;
let serial = 0;
beforeAll(async () => {
  house = await openRoomHouse({
    conference: {
      rooms: { closed: { membersOnly: true, owners: ["alice@sip.example"] }, pin: { password: "1234" } },
    },
  });
});
afterEach(async () => {
  await Promise.all(house.phones.map((phone) => phone.close()));
});
afterAll(async () => {
  await house.close();
  const { phones } = house;
  const documents = phones.flatMap((phone) => phone.documents);
  expect(documents.length).toBeGreaterThan(20);
  for (const phone of phones) expect(phone.sheet.gaps).toBe(0);
  if (canValidate) validate(documents);
});

function validate(documents: readonly string[]): void {
  const dir = privateFolder("rosters");
  const files = documents.map((text, index) => {
    const file = join(dir, `${index}.xml`);
    writeFileSync(file, text);
    return file;
  });
  const run = spawnSync("xmllint", ["--nonet", "--noout", "--schema", schema, ...files], {
    encoding: "utf8",
  });
  expect([run.status, run.stderr.split("\n").filter((line) => !line.endsWith(" validates"))]).toEqual([
    0,
    [""],
  ]);
}

/** Phones in a room of their own; the first makes it, and so owns it. */
async function together(...people: string[]): Promise<SipRoomPhone[]> {
  serial += 1;
  const room = `room${serial}@rooms.example`;
  const found: SipRoomPhone[] = [];
  for (const local of people) found.push(await enter(local, room));
  await until("all see all", () => found.every(({ roster }) => roster.size === people.length), 3_000);
  return found;
}

async function enter(local: string, room: string, nick = local): Promise<SipRoomPhone> {
  const phone = await house.phone(local, { room, welcomes: true });
  expect(await phone.joins(nick)).toEqual(done);
  return phone;
}

const said = (phone: SipRoomPhone): string[] =>
  phone.transcript.filter(({ kind }) => kind === "said").map(({ nick, text }) => `${nick}: ${text}`);

test("two people talk, one leaves", async () => {
  const [alice, bob] = (await together("alice", "bob")) as [SipRoomPhone, SipRoomPhone];
  expect(alice.roster.get("alice")).toEqual({ nick: "alice", role: "moderator" });
  expect(await alice.says("hello Bob")).toEqual(done);
  expect(await bob.says("/me waves")).toEqual(done);
  await alice.sees(({ text }) => text === "/me waves", 3_000);
  expect(await bob.leaves()).toEqual(done);
  await alice.sees(({ kind, nick, text }) => kind === "left" && nick === "bob" && text === "left", 3_000);
  expect([said(alice), said(bob)]).toEqual([["bob: /me waves"], ["alice: hello Bob"]]);
});

test("one who comes later is shown what was said, with its author and time", async () => {
  const [alice] = (await together("alice")) as [SipRoomPhone];
  await alice.says("early");
  const bob = await enter("bob", alice.room);
  const heard = await bob.sees(({ text }) => text === "early", 3_000);
  expect(heard).toMatchObject({ nick: "alice", old: true });
});

test("what is said to one is for him alone, on all his devices; the speaker's other device has it too", async () => {
  const [alice, bob, carol] = (await together("alice", "bob", "carol")) as [
    SipRoomPhone,
    SipRoomPhone,
    SipRoomPhone,
  ];
  const second = await house.phone("bob", { room: alice.room });
  expect(await second.joins("")).toEqual(done);
  expect(await alice.whispers("bob", "psst")).toEqual(done);
  for (const phone of [bob, second])
    await phone.sees(({ text, to }) => text === "psst" && to === "bob", 3_000);
  expect(await bob.says("aloud")).toEqual(done);
  for (const phone of [second, carol]) await phone.sees(({ text }) => text === "aloud", 3_000);
  expect(said(carol)).toEqual(["bob: aloud"]);
  expect(said(bob)).toEqual(["alice: psst"]);
  expect(await alice.whispers("nobody", "psst")).toEqual(refused("404"));
});

test("nobody speaks in another's name, to several, or in a form that rooms do not read", async () => {
  const [alice, bob] = (await together("alice", "bob")) as [SipRoomPhone, SipRoomPhone];
  const cpim = (head: string[]): string =>
    `${head.join("\r\n")}\r\n\r\nContent-Type: text/plain\r\n\r\nfalse`;
  const room = `To: <sip:${alice.room}>`;
  const me = "From: <sip:alice@sip.example>";
  const send = async (body: string, contentType = "message/cpim"): Promise<number | undefined> =>
    (await alice.msrp.send({ contentType, body })).statuses[0];
  expect(await send(cpim(["From: <sip:bob@sip.example>", room]))).toBe(403);
  expect(await send(cpim([`From: <sip:${alice.room};gr=bob>`, room]))).toBe(403);
  expect(await send(cpim([me, room, "To: <sip:bob@sip.example>"]))).toBe(403);
  expect(await send("plain", "text/plain")).toBe(415);
  expect(await send("no CPIM at all")).toBe(400);
  expect(await send(cpim([me, room]).replace("text/plain", "image/png"))).toBe(415);
  expect(await send(cpim([`From: <sip:${alice.room};gr=alice>`, room]))).toBe(200);
  await bob.sees(({ text }) => text === "false", 3_000);
  expect(said(bob)).toEqual(["alice: false"]);
});

test("nicks: taken, malformed, too long, another, none", async () => {
  const [alice, bob] = (await together("alice", "bob")) as [SipRoomPhone, SipRoomPhone];
  expect(await bob.renames("ALICE")).toEqual(refused("425"));
  expect(await bob.renames("\u0007")).toEqual(refused("424"));
  expect(await bob.renames("x".repeat(300))).toEqual(refused("424"));
  expect(await bob.renames("Bobby 🎈")).toEqual(done);
  await alice.sees(
    ({ kind, nick, text }) => kind === "renamed" && nick === "bob" && text === "Bobby 🎈",
    3_000,
  );
  expect([...alice.roster.keys()].sort()).toEqual(["Bobby 🎈", "alice"]);
  expect(await alice.whispers("Bobby 🎈", "hi")).toEqual(done);
  await bob.sees(({ text }) => text === "hi", 3_000);
  expect(await bob.renames("")).toEqual(done);
});

test("subject and typing", async () => {
  const [alice, bob] = (await together("alice", "bob")) as [SipRoomPhone, SipRoomPhone];
  expect(await alice.topics("the agenda")).toEqual(done);
  await bob.sees(
    ({ kind, nick, text }) => kind === "subject" && nick === "alice" && text === "the agenda",
    3_000,
  );
  await until("the roster has the subject", () => bob.sheet.subject === "the agenda", 3_000);
  expect(await alice.types("active")).toEqual(done);
  expect(await alice.types("idle")).toEqual(done);
  await until("typing is seen", () => bob.typing.length === 2, 3_000);
  expect(bob.typing).toEqual([
    { nick: "alice", state: "active" },
    { nick: "alice", state: "idle" },
  ]);
  expect(alice.typing).toEqual([]);
});

test("a moderator removes somebody by REFER, who is told why; others may not", async () => {
  const [alice, bob, carol] = (await together("alice", "bob", "carol")) as [
    SipRoomPhone,
    SipRoomPhone,
    SipRoomPhone,
  ];
  expect(await bob.kicks("carol")).toEqual(refused("403"));
  expect(await alice.kicks("bob")).toEqual(done);
  await bob.sees(({ kind, text }) => kind === "left" && text === "kicked", 3_000);
  await carol.sees(({ kind, nick, text }) => kind === "left" && nick === "bob" && text === "kicked", 3_000);
  expect(bob.inside).toBe(false);
  await until("the end of the REFER is told", () => alice.fragments.length === 2, 3_000);
  expect(alice.fragments).toEqual([
    "active;expires=70 SIP/2.0 100 Trying",
    "terminated;reason=noresource SIP/2.0 200 OK",
  ]);
  expect(await alice.refers(`<sip:${alice.room};gr=carol;method=BYE>`, [["Refer-Sub", "false"]])).toEqual(
    done,
  );
  await carol.sees(({ kind, text }) => kind === "left" && text === "kicked", 3_000);
  expect(alice.fragments.length).toBe(2);
});

test("somebody is asked in by REFER: the focus calls him, and he is there", async () => {
  const [alice] = (await together("alice")) as [SipRoomPhone];
  const dave = await house.phone("dave", { room: alice.room, welcomes: true });
  expect(await alice.invites("dave@sip.example")).toEqual(done);
  await until("the end is told", () => alice.fragments.some((each) => each.includes("200 OK")), 5_000);
  await alice.sees(({ kind, nick }) => kind === "joined" && nick === "dave", 3_000);
  expect(await dave.says("thanks")).toEqual(done);
  await alice.sees(({ nick, text }) => nick === "dave" && text === "thanks", 3_000);
  const carol = await house.phone("carol", { room: alice.room });
  expect(await alice.invites("carol@sip.example")).toEqual(done);
  await carol.sees(({ kind, text }) => kind === "invited" && text === alice.room, 3_000);
  await until("the refusal is told", () => alice.fragments.some((each) => each.includes("603")), 5_000);
  expect(await alice.invites("nobody@nowhere.example")).toEqual(done);
});

test("the owner ends the room: BYE to all, the deleted roster, and nothing is left", async () => {
  const [alice, bob] = (await together("alice", "bob")) as [SipRoomPhone, SipRoomPhone];
  expect(await bob.refers(`<sip:${alice.room};method=BYE>`)).toEqual(refused("403"));
  expect(await alice.refers(`<sip:${alice.room};method=BYE>`)).toEqual(done);
  await until("both are out", () => !alice.inside && !bob.inside, 3_000);
  await until(
    "the deleted roster is told",
    () => bob.documents.some((each) => each.includes('state="deleted"')),
    3_000,
  );
});

test("doors: members only, a secret, unknown rooms, who may write without being in", async () => {
  const closed = await house.phone("bob", { room: "closed@rooms.example" });
  expect(await closed.joins("bob")).toEqual(refused("403"));
  expect(await closed.subscribes()).toEqual(refused("403"));
  const pin = await house.phone("bob", { room: "pin@rooms.example" });
  expect(await pin.joins("bob")).toEqual(refused("403"));
  const dialled = await house.phone("bob", { room: "pin@rooms.example", secret: "1234" });
  expect(await dialled.joins("bob")).toEqual(done);
  const none = await house.phone("bob", { room: "none@rooms.example" });
  expect(await none.subscribes()).toEqual(refused("404"));
  expect(await none.refers("<sip:dave@sip.example>")).toEqual(refused("404"));
});

test("a MESSAGE to the room is for members; to a nick in it, for him alone", async () => {
  const [alice, bob] = (await together("alice", "bob")) as [SipRoomPhone, SipRoomPhone];
  expect(await alice.writes("by MESSAGE")).toEqual(done);
  await bob.sees(({ nick, text }) => nick === "alice" && text === "by MESSAGE", 3_000);
  expect(await alice.writes("only you", "bob")).toEqual(done);
  await bob.sees(({ to, text }) => to === "bob" && text === "only you", 3_000);
  const carol = await house.phone("carol", { room: alice.room });
  expect(await carol.writes("let me in")).toEqual(refused("403"));
});

test("a session that breaks: the client comes back and has missed nothing, and nobody is told that he left", async () => {
  const [alice, bob] = (await together("alice", "bob")) as [SipRoomPhone, SipRoomPhone];
  await alice.says("one");
  await bob.sees(({ text }) => text === "one", 3_000);
  bob.msrp.break();
  await until(
    "he is seen as disconnected",
    () => alice.sheet.users.get(bob.entity(alice))?.status === "disconnected",
    3_000,
  );
  await alice.says("two");
  // The focus asks for a new session by itself.
  await bob.sees(({ text }) => text === "two", 6_000);
  await alice.says("three");
  await bob.sees(({ text }) => text === "three", 3_000);
  bob.break();
  await alice.says("four");
  await bob.sees(({ text }) => text === "four", 6_000);
  expect(said(bob)).toEqual(["alice: one", "alice: two", "alice: three", "alice: four"]);
  expect(
    alice.transcript.filter(({ kind }) => kind === "left" || kind === "joined").map(({ nick }) => nick),
  ).toEqual(["bob"]);
});

test("another instance goes on with everything when one ends", async () => {
  const other = await house.gateway("sip-2");
  const room = "moving@rooms.example";
  const alice = await house.phone("alice", { room, ports: [other.port, house.port] });
  const bob = await enter("bob", room);
  expect(await alice.joins("alice")).toEqual(done);
  await bob.says("before");
  await alice.sees(({ text }) => text === "before", 3_000);
  const version = alice.sheet.version ?? 0;
  const cseq = alice.cseqs.length;
  await other.service.stop();
  await bob.says("meanwhile");
  await alice.sees(({ text }) => text === "meanwhile", 10_000);
  await until("the roster goes on in another block", () => (alice.sheet.version ?? 0) >= 1_000, 10_000);
  expect(version).toBeLessThan(1_000);
  expect(alice.cseqs.slice(cseq).every((each) => each > 1_000)).toBe(true);
  expect(await alice.says("after")).toEqual(done);
  await bob.sees(({ text }) => text === "after", 3_000);
  expect(said(alice)).toEqual(["bob: before", "bob: meanwhile"]);
  expect(bob.transcript.filter(({ kind }) => kind === "left")).toEqual([]);
});
