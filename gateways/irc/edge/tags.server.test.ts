// What goes by tags in a channel, on a real InspIRCd: answers, reactions, typing; and that tags alone are no words.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { main as conference } from "../../../conference-svc/main.ts";
import { ForeignClient, type Ircd, startInspircd } from "./foreign-client.ts";
import { lobby, openRoomsHouse, type RoomsHouse } from "./rooms-house.ts";

let ircd: Ircd;
let house: RoomsHouse;
let zoe: ForeignClient;
beforeAll(async () => {
  ircd = await startInspircd();
});
afterAll(async () => {
  await ircd.child.stop();
});
afterEach(async () => {
  zoe.close();
  await house.stop();
});

async function open(): Promise<void> {
  zoe = await ForeignClient.login(ircd.port, "zoe");
  zoe.write("CAP REQ :message-tags");
  await zoe.next((line) => line.includes(" ACK "));
  zoe.write("JOIN #lobby");
  house = await openRoomsHouse(ircd.port, { startConference: conference });
  await house.join("alice");
  await zoe.next((line) => /:alice!.* JOIN :?#lobby$/.test(line));
  await house.until(() => [...house.view().participants.values()].some(({ nick }) => nick === "zoe"));
}

const msgidOf = (line: string): string => /[@;]msgid=([^; ]+)/.exec(line)?.[1] ?? "";

test("an answer on IRC is one in the room, and the other way round", async () => {
  await open();
  await house.say("alice", "who brings tea?");
  const asked = await zoe.next((line) => line.endsWith("PRIVMSG #lobby :who brings tea?"));
  // The server's id of it is known in the house a moment after the echo.
  await new Promise((resolve) => setTimeout(resolve, 100));
  zoe.write(`@+draft/reply=${msgidOf(asked)} PRIVMSG #lobby :me`);
  const answer = await house.until(() => house.changes("said").find(({ message }) => message.text === "me"));
  const question = house.events.find(({ change }) => change.kind === "said");
  expect(answer.message.repliesTo).toMatchObject({ id: question?.id, nick: "alice" });
  const event = house.events.find(({ change }) => change.kind === "said" && change.message.text === "me");
  await house.say("alice", "thank you", { replyTo: { id: event?.id } });
  const thanks = await zoe.next((line) => line.endsWith("PRIVMSG #lobby :zoe: thank you"));
  expect(thanks).toContain("+draft/reply=");
});

test("reactions both ways", async () => {
  await open();
  await house.say("alice", "tea is ready");
  const told = await zoe.next((line) => line.endsWith("PRIVMSG #lobby :tea is ready"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const said = house.events.find(({ change }) => change.kind === "said");
  zoe.write(`@+draft/react=👍;+draft/reply=${msgidOf(told)} TAGMSG #lobby`);
  zoe.write(`@+draft/react=🎉;+draft/reply=${msgidOf(told)} TAGMSG #lobby`);
  await house.until(() => house.changes("reacted").length === 2);
  expect(house.changes("reacted").at(-1)).toMatchObject({
    message: said?.id,
    emoji: ["👍", "🎉"],
    by: { nick: "zoe" },
  });
  zoe.say("#lobby", "coming");
  const coming = await house.until(() =>
    house.events.find(({ change }) => change.kind === "said" && change.message.text === "coming"),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  await house.do("alice", { kind: "react", message: coming.id, emoji: ["🫖"] });
  const reacted = await zoe.next((line) => /TAGMSG :?#lobby$/.test(line) && line.includes(":alice!"));
  expect(reacted).toContain("+draft/react=🫖");
  expect(house.said()).toEqual(["<alice> tea is ready", "<zoe> coming"]);
});

test("typing both ways", async () => {
  await open();
  zoe.write("@+typing=active TAGMSG #lobby");
  const typing = await house.until(() => house.typings[0]);
  expect(typing).toMatchObject({ nick: "zoe", state: "composing" });
  house.rooms.typing({ room: lobby, key: "alice@web.example", nick: "alice", state: "composing" });
  const shown = await zoe.next((line) => /TAGMSG :?#lobby$/.test(line));
  expect(shown).toContain("+typing=active");
});
