// Rooms to the letter, with raw XMPP clients on a real Prosody: status codes, two devices, moderation, bounces, refusals.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { host } from "./prosody-for-test.ts";
import { type Raw, rawClient } from "./raw-for-test.ts";
import { openRoomsHouse, type RoomsHouse, running } from "./rooms-house-for-test.ts";

const muc = "http://jabber.org/protocol/muc";
const x = `<x xmlns='${muc}'/>`;
let made = 0;

describe("a room, to the letter", () => {
  let house: RoomsHouse;
  let bob: Raw;
  let carol: Raw;
  let phone: Raw;
  let room: string;

  beforeAll(async () => {
    house = await openRoomsHouse(["bob", "carol", "dave"]);
    await running((await house.gateway("xmpp-1")).link);
  });
  afterAll(async () => house?.close());
  beforeEach(async () => {
    for (const one of [bob, carol, phone]) one?.end();
    made += 1;
    room = `room${made}@rooms.example`;
    const port = house.prosody.clientPort;
    bob = await rawClient(port, host, "bob", `b${made}`);
    carol = await rawClient(port, host, "carol", `c${made}`);
    phone = await rawClient(port, host, "carol", `p${made}`);
    await enter(bob, "Bob");
  });

  // The server writes attributes in any order: a stanza is known by patterns that are all found in it.
  const all = (who: Raw, name: string, ...patterns: (string | RegExp)[]): string[] =>
    who
      .all(new RegExp(`<${name} [^>]*?(?:/>|>[\\s\\S]*?</${name}>)`))
      .map(([text]) => text)
      .filter((text) =>
        patterns.every((one) => (typeof one === "string" ? text.includes(one) : one.test(text))),
      );
  const stanza = (who: Raw, name: string, ...patterns: (string | RegExp)[]): Promise<string> =>
    until(
      `${name} with ${patterns.join(" and ")} in ${who.text().slice(-800)}`,
      () => all(who, name, ...patterns).at(-1),
      5_000,
    );
  const enter = async (who: Raw, nick: string): Promise<string> => {
    const before = who.text().length;
    const subjects = all(who, "message", `from='${room}`, "<subject").length;
    who.write(`<presence to='${room}/${nick}'>${x}</presence>`);
    await until(
      "the subject",
      () => all(who, "message", `from='${room}`, "<subject").length > subjects,
      5_000,
    );
    return who.text().slice(before);
  };
  const iq = async (who: Raw, type: "get" | "set", to: string, content: string): Promise<string> => {
    made += 1;
    who.write(`<iq type='${type}' to='${to}' id='iq${made}'>${content}</iq>`);
    return await stanza(who, "iq", `id='iq${made}'`);
  };
  const admin = (who: Raw, item: string): Promise<string> =>
    iq(who, "set", room, `<query xmlns='${muc}#admin'>${item}</query>`);
  const config = (values: Record<string, string>): Promise<string> =>
    iq(
      bob,
      "set",
      room,
      `<query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${muc}#roomconfig</value></field>${Object.entries(
        values,
      )
        .map(([name, value]) => `<field var='muc#${name}'><value>${value}</value></field>`)
        .join("")}</x></query>`,
    );

  test("without a nick, and without the word of entering, nobody comes in", async () => {
    carol.write(`<presence to='${room}' id='p1'>${x}</presence>`);
    await stanza(carol, "presence", "id='p1'", "type='error'", "jid-malformed");
    carol.write(`<presence to='${room}/Carol'/>`);
    const stray = await stanza(carol, "presence", `from='${room}/Carol'`);
    expect(stray).toContain("type='unavailable'");
    for (const code of ["110", "307", "333"]) expect(stray).toContain(`code='${code}'`);
    expect(bob.text()).not.toContain("Carol");
  });

  test("two devices are one occupant, under the nick that he has", async () => {
    await enter(carol, "Carol");
    const shown = await enter(phone, "Caroline");
    await stanza(phone, "presence", `from='${room}/Carol'`, "code='210'");
    expect(shown).not.toContain("Caroline'");
    bob.write(`<message to='${room}/Carol' type='chat' id='pm'><body>psst</body></message>`);
    for (const one of [carol, phone])
      expect(await stanza(one, "message", "id='pm'")).toContain(`${muc}#user`);
    carol.write(`<presence to='${room}/Carol' type='unavailable'/>`);
    await stanza(carol, "presence", "type='unavailable'", "code='110'");
    bob.write(`<message to='${room}' type='groupchat' id='still'><body>still there?</body></message>`);
    await stanza(phone, "message", "id='still'");
    expect(all(bob, "presence", "type='unavailable'")).toEqual([]);
    phone.write(`<presence to='${room}/Carol' type='unavailable'/>`);
    await stanza(bob, "presence", "type='unavailable'");
  });

  test("what one does is done in its order, however fast it comes", async () => {
    await enter(carol, "Carol");
    const lines = Array.from(
      { length: 20 },
      (_, n) => `<message to='${room}' type='groupchat' id='f${n}'><body>fast ${n}</body></message>`,
    );
    carol.write(
      `${lines.join("")}<presence to='${room}/Caro'/><message to='${room}' type='groupchat' id='as'><body>as Caro</body></message><presence to='${room}/Caro' type='unavailable'/>`,
    );
    await stanza(bob, "presence", `from='${room}/Caro'`, "type='unavailable'");
    const order = bob
      .all(/<body>(fast \d+|as Caro)<\/body>|code='(303)'/)
      .map(([, body, code]) => body ?? code);
    expect(order).toEqual([...lines.map((_, n) => `fast ${n}`), "303", "as Caro"]);
    expect(await stanza(bob, "message", "<body>as Caro</body>")).toContain(`from='${room}/Caro'`);
  });

  test("asking to come in again shows it all again, and nobody else anything", async () => {
    await enter(carol, "Carol");
    await stanza(bob, "presence", `from='${room}/Carol'`);
    const again = await enter(carol, "Carol");
    expect(again).toMatch(new RegExp(`from='${room}/Bob'[\\s\\S]*from='${room}/Carol'`));
    expect(all(bob, "presence", `from='${room}/Carol'`)).toHaveLength(1);
  });

  test("an author takes it back; a moderator does; the archive keeps a tombstone", async () => {
    await enter(carol, "Carol");
    carol.write(`<message to='${room}' type='groupchat' id='m1'><body>one</body></message>`);
    carol.write(`<message to='${room}' type='groupchat' id='m2'><body>two</body></message>`);
    const id = async (messageId: string): Promise<string> =>
      /<stanza-id (?:[^>]* )?id='([^']+)'/.exec(await stanza(bob, "message", `id='${messageId}'`))?.[1] ?? "";
    const [one, two] = [await id("m1"), await id("m2")];
    carol.write(
      `<message to='${room}' type='groupchat' id='r1'><retract id='${one}' xmlns='urn:xmpp:message-retract:1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>/me took it back</body></message>`,
    );
    expect(await stanza(bob, "message", new RegExp(`<retract [^>]*id='${one}'`))).toContain(
      `from='${room}/Carol'`,
    );
    const moderate = `<moderate id='${two}' xmlns='urn:xmpp:message-moderate:1'><retract xmlns='urn:xmpp:message-retract:1'/><reason>rude</reason></moderate>`;
    expect(await iq(carol, "set", room, moderate.replace(two, "nothing"))).toContain("item-not-found");
    expect(await iq(bob, "set", room, moderate)).toContain("type='result'");
    const moderated = await stanza(carol, "message", new RegExp(`<retract [^>]*id='${two}'`));
    expect(moderated).toContain(`from='${room}'`);
    expect(moderated).toMatch(new RegExp(`<moderated [^>]*by='${room}/Bob'`));
    expect(moderated).toContain("<reason>rude</reason>");
    await iq(bob, "set", room, "<query xmlns='urn:xmpp:mam:2' queryid='q'/>");
    const archive = bob.text();
    expect(archive).toMatch(/queryid='q'[\s\S]*<retracted [^>]*[\s\S]*<moderated /);
    expect(archive.slice(archive.indexOf("queryid='q'"))).not.toContain("<body>two</body>");
  });

  test("encrypted messages are refused in words", async () => {
    bob.write(
      `<message to='${room}' type='groupchat' id='o1'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted><body>I sent you an OMEMO message</body></message>`,
    );
    const error = await stanza(bob, "message", "id='o1'");
    expect(error).toMatch(/type='error'/);
    expect(error).toContain("encryption");
  });

  test("a member struck from the list of a room for members: 321; a stranger when it becomes one: 322", async () => {
    await enter(carol, "Carol");
    expect(await config({ roomconfig_membersonly: "1" })).toContain("type='result'");
    const out = await stanza(carol, "presence", "type='unavailable'");
    expect(out).toContain("code='322'");
    await admin(bob, `<item affiliation='member' jid='carol@${host}'/>`);
    await enter(phone, "Carol");
    await admin(bob, `<item affiliation='none' jid='carol@${host}'/>`);
    const struck = await stanza(phone, "presence", "type='unavailable'");
    expect(struck).toContain("code='321'");
    expect(struck).toContain("affiliation='none'");
  });

  test("a ban: 301, with whoever did it and why", async () => {
    await enter(carol, "Carol");
    await admin(bob, `<item affiliation='outcast' jid='carol@${host}'><reason>spam</reason></item>`);
    const out = await stanza(carol, "presence", "type='unavailable'");
    expect(out).toContain("code='301'");
    expect(out).toContain("affiliation='outcast'");
    expect(out).toMatch(/<actor nick='Bob'\/><reason>spam<\/reason>/);
    expect(await stanza(bob, "presence", "type='unavailable'")).not.toContain("code='110'");
  });

  test("a voice is asked for, and given", async () => {
    await config({ roomconfig_moderatedroom: "1" });
    expect(await enter(carol, "Carol")).toContain("role='visitor'");
    carol.write(
      `<message to='${room}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${muc}#request</value></field><field var='muc#role'><value>participant</value></field></x></message>`,
    );
    expect(await stanza(bob, "message", `${muc}#request`)).toContain("<value>Carol</value>");
    bob.write(
      `<message to='${room}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${muc}#request</value></field><field var='muc#roomnick'><value>Carol</value></field><field var='muc#request_allow'><value>1</value></field></x></message>`,
    );
    await stanza(carol, "presence", `from='${room}/Carol'`, "role='participant'");
  });

  test("whoever bounces is taken out: 333", async () => {
    await enter(carol, "Carol");
    carol.write(
      `<message to='${room}/Bob' type='error' id='e'><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
    );
    expect(await stanza(bob, "presence", "type='unavailable'")).toContain("code='333'");
  });

  test("an error about one message takes nobody out", async () => {
    await enter(carol, "Carol");
    carol.write(
      `<message to='${room}/Bob' type='error' id='e'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
    );
    carol.write(`<message to='${room}' type='groupchat' id='here'><body>here</body></message>`);
    await stanza(bob, "message", "id='here'");
    expect(bob.text()).not.toContain("type='unavailable'");
  });

  test("a destroyed room says where to go on", async () => {
    await enter(carol, "Carol");
    const answer = await iq(
      bob,
      "set",
      room,
      `<query xmlns='${muc}#owner'><destroy jid='other@rooms.example'><reason>moved</reason></destroy></query>`,
    );
    expect(answer).toContain("type='result'");
    const gone = await stanza(carol, "presence", "type='unavailable'");
    expect(gone).toMatch(/<destroy jid='other@rooms.example'><reason>moved<\/reason><\/destroy>/);
    expect(gone).toContain("affiliation='none'");
  });

  test("refuses what is too large, not for it, or malformed", async () => {
    bob.write(`<message to='${room}' type='groupchat' id='big'><body>${"x".repeat(70_000)}</body></message>`);
    expect(await stanza(bob, "message", "id='big'")).toContain("policy-violation");
    expect(await iq(bob, "get", room, "<query xmlns='jabber:iq:register'/>")).toContain(
      "service-unavailable",
    );
    expect(await iq(bob, "set", room, `<query xmlns='${muc}#admin'/>`)).toContain("bad-request");
    expect(await iq(bob, "get", `${room}/Nobody`, "<vCard xmlns='vcard-temp'/>")).toContain("item-not-found");
    expect(await iq(bob, "get", "nowhere@rooms.example", `<query xmlns='${muc}#owner'/>`)).toContain(
      "item-not-found",
    );
    bob.write(`<message to='${room}' type='chat' id='wrong'><body>hi</body></message>`);
    expect(await stanza(bob, "message", "id='wrong'")).toContain("type='error'");
  });

  test("says which nick somebody has here, and lists rooms page by page", async () => {
    const node = await iq(
      bob,
      "get",
      room,
      "<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>",
    );
    expect(node).toMatch(/<identity [^>]*name='Bob'/);
    const list = await iq(
      bob,
      "get",
      "rooms.example",
      "<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query>",
    );
    expect([...list.matchAll(/<item /g)]).toHaveLength(1);
    expect(list).toMatch(/<first index='0'>[^<]+<\/first><last>[^<]+<\/last><count>\d+<\/count>/);
  });

  test("a decline reaches the one who invited, also by his nick", async () => {
    phone.write(
      `<message to='${room}'><x xmlns='${muc}#user'><decline to='${room}/Bob'><reason>asleep</reason></decline></x></message>`,
    );
    await stanza(bob, "message", "<decline ", "<reason>asleep</reason>");
    carol.write(
      `<message to='${room}'><x xmlns='${muc}#user'><decline to='bob@${host}'><reason>busy</reason></decline></x></message>`,
    );
    expect(await stanza(bob, "message", "<decline ", "busy")).toContain(
      `<decline from='carol@${host}'><reason>busy</reason></decline>`,
    );
  });
});
