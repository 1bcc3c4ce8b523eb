// The gateway on other servers and links: TLS, and InspIRCd with labelled responses instead of PING barriers.
import { afterEach, describe, expect, test } from "vitest";
import { ForeignClient, type Ircd, startInspircd, startTlsNgircd } from "./foreign-client.ts";
import { alice, type House, openHouse } from "./house.ts";

let ircd: Ircd | undefined;
let house: House | undefined;
const clients: ForeignClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await house?.stop();
  await ircd?.child.stop();
  house = undefined;
});

const login = async (port: number, nick: string): Promise<ForeignClient> => {
  const client = await ForeignClient.login(port, nick);
  clients.push(client);
  return client;
};

describe("TLS", () => {
  test("both ways, with the server's certificate checked", async () => {
    const tls = await startTlsNgircd();
    ircd = tls;
    house = await openHouse(tls.tlsPort, { tls: { ca: tls.ca } });
    const carol = await login(tls.port, "carol");
    await house.say(alice, "carol", "hello over TLS");
    await carol.next((line) => line.endsWith("PRIVMSG carol :hello over TLS"));
    carol.say("alice", "and back");
    await house.until(() => house?.received.some((event) => event.text === "and back"));
  });

  test("a certificate that nobody vouches for is refused, and the message waits", async () => {
    const tls = await startTlsNgircd();
    ircd = tls;
    house = await openHouse(tls.tlsPort, { tls: true });
    const carol = await login(tls.port, "carol");
    await house.say(alice, "carol", "hello");
    const lost = await house.until(() =>
      house?.irc.lines.find((line) => line.message === "an IRC connection is gone"),
    );
    expect(lost.facts.why).toMatch(/self.signed certificate/);
    expect(house.outcomes).toEqual([]);
    expect(carol.heard("alice")).toEqual([]);
  });
});

describe("InspIRCd", () => {
  test("labelled responses: both ways, refusals by label, many at once in order, no echo comes back", async () => {
    ircd = await startInspircd();
    house = await openHouse(ircd.port, { pacing: "off" });
    const carol = await login(ircd.port, "carol");
    const dave = await login(ircd.port, "dave");
    const texts = Array.from({ length: 50 }, (_, index) => `line ${index}`);
    const sent = await Promise.all(
      texts.flatMap((text) => [
        house?.say(alice, "carol", text),
        house?.say(alice, "dave", text),
        house?.say(alice, "nobody", text),
      ]),
    );
    expect(sent.every((answer) => answer?.accepted)).toBe(true);
    await house.until(() => carol.heard("alice").length === 50 && dave.heard("alice").length === 50);
    expect(carol.heard("alice")).toEqual(texts);
    expect(dave.heard("alice")).toEqual(texts);
    await house.until(() => house?.outcomes.length === 50);
    expect(new Set(house.outcomes.map((event) => event.reason))).toEqual(new Set(["unknown-user"]));
    const ready = house.irc.lines.find(
      (line) => line.message === "logged in to IRC" && line.facts.nick === "alice",
    );
    expect(ready?.facts.caps).toEqual(
      expect.arrayContaining(["echo-message", "labeled-response", "message-tags"]),
    );
    carol.say("alice", "got them");
    await house.until(() => house?.received.some((event) => event.text === "got them"));
    expect(house.received).toHaveLength(1);
  });

  test("killed with lines written and not confirmed: uncertain", async () => {
    ircd = await startInspircd();
    house = await openHouse(ircd.port);
    const carol = await login(ircd.port, "carol");
    await house.say(alice, "carol", "first");
    await carol.next((line) => line.endsWith("PRIVMSG carol :first"));
    ircd.child.signal("SIGSTOP");
    const sent = await house.say(alice, "carol", "second");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await ircd.child.kill();
    if (!sent.accepted) throw new Error("not accepted");
    expect(await house.outcome(sent.id)).toMatchObject({ outcome: "uncertain" });
  });
});
