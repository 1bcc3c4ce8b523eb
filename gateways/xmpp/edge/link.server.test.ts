// The gateway against a real Prosody, with a raw XMPP client on the other side.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { XmppConfig } from "../config.ts";
import { type Link, openLink } from "./link.ts";
import { host, type Prosody, startProsody } from "./prosody-for-test.ts";
import { type Raw, rawClient } from "./raw-for-test.ts";
import { allSlots, attempt, messageEvent, type TestService, testService } from "./service-for-test.ts";

for (const module of [true, false]) {
  describe(module ? "with mod_parley_ack" : "as a plain component", () => {
    let prosody: Prosody;
    let house: TestService;
    let link: Link;
    let bob: Raw;

    beforeAll(async () => {
      prosody = await startProsody({
        users: ["bob"],
        components: { "sip.example": "", "gw.example": "" },
        module,
      });
      house = testService();
      link = await openLink(
        house.service,
        XmppConfig.parse({ port: prosody.componentPort, secret: prosody.secret }),
      );
      house.gateway().owns?.(allSlots, new Map());
      await until("both streams run", () => link.components.every((one) => one.running));
      bob = await rawClient(prosody.clientPort, host, "bob");
    });
    afterAll(async () => {
      bob?.end();
      await link?.close();
      await prosody?.child.stop();
    });

    test("says which kind of stream it has", () => {
      expect(link.components.map((one) => one.status)).toEqual(
        module ? ["acked", "acked"] : ["plain", "plain"],
      );
      expect(house.healths.get("xmpp sip.example")?.why).toBe(module ? undefined : "inbound best effort");
    });

    test("takes a message to the courier", async () => {
      bob.write(
        "<message to='alice@sip.example' type='chat' id='m1'><body>hello &amp; grüße</body></message>",
      );
      const [taken] = await until("accepted", () =>
        house.courier.accepted.length > 0 ? house.courier.accepted : undefined,
      );
      expect(taken?.draft).toMatchObject({
        from: { local: "bob", domain: host, device: "desk", assurance: "server" },
        to: { local: "alice", domain: "sip.example" },
        text: "hello & grüße",
        kind: "chat",
        messageId: "m1",
      });
      expect(taken?.arrival.source).toBe("bob@xmpp.example/desk");
    });

    test("hands a message over", async () => {
      const event = messageEvent({
        text: "hi bob",
        receipts: { handed: false, delivered: true, displayed: false },
      });
      expect(await house.gateway().deliver(event, attempt)).toEqual({ end: "handed" });
      const [stanza] = await bob.expect(/<message[^>]*>(?:(?!<\/message>)[\s\S])*hi bob[\s\S]*?<\/message>/);
      expect(stanza).toContain("from='alice@sip.example'");
      expect(stanza).toContain(`id='${event.id}.sip.`);
      expect(stanza).toContain("urn:xmpp:receipts");
    });

    test("a message for nobody is refused before the barrier", async () => {
      const event = messageEvent({ to: { local: "nobody", domain: host } });
      expect(await house.gateway().deliver(event, attempt)).toMatchObject({
        end: "refused",
        reason: "unreachable",
      });
    });

    test("a refusal of the courier comes back as an error with the sender's id", async () => {
      house.courier.refuse = () => ({ reason: "unknown-user", text: "nobody of this name" });
      bob.write("<message to='carol@sip.example' type='chat' id='m2'><body>are you there?</body></message>");
      const [error] = await bob.expect(/<message[^>]*id='m2'[\s\S]*?<\/message>/);
      expect(error).toMatch(/type='error'/);
      expect(error).toContain("item-not-found");
      expect(error).toContain("from='carol@sip.example'");
      house.courier.refuse = undefined;
    });
  });
}
