// The gateway and a foreign client (slixmpp) on both sides of a real Prosody: messages, errors, receipts, markers, disco.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { until } from "#test/servers/child.ts";
import { hasSlixmpp } from "#test/support/slixmpp.ts";
import { XmppConfig } from "../config.ts";
import { type Link, openLink } from "./link.ts";
import { type Prosody, startProsody } from "./prosody-for-test.ts";
import { allSlots, attempt, messageEvent, type TestService, testService } from "./service-for-test.ts";
import { type Slixmpp, slixmpp } from "./slixmpp-for-test.ts";

const bobJid = "bob@xmpp.example/phone";
const alice = "alice@sip.example";

const there = hasSlixmpp();

describe.skipIf(!there).each([true, false])("module: %s", (module) => {
  let prosody: Prosody;
  let house: TestService;
  let link: Link;
  let bob: Slixmpp;

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
    await until("streams run", () => link.components.every((one) => one.running));
    bob = await slixmpp(prosody.clientPort, bobJid, "pw-bob");
  });
  afterAll(async () => {
    bob?.stop();
    await link?.close();
    await prosody?.child.stop();
  });

  const outcome = (part: Partial<OutcomeEvent>): OutcomeEvent => ({
    id: `x:${part.outcome}`,
    type: "message.outcome",
    version: 1,
    time: Date.now(),
    message: "x",
    outcome: "refused",
    to: { local: "bob", domain: "xmpp.example", device: "phone" },
    from: { local: "alice", domain: "sip.example" },
    origin: "xmpp",
    expires: Date.now() + 60_000,
    ...part,
  });

  test("a message out: handed, and delivered by his own client's receipt", async () => {
    const event = messageEvent({
      text: "grüße 😀 <b>&\r\n\u0001 end",
      receipts: { handed: false, delivered: true, displayed: true },
    });
    expect(await house.gateway().deliver(event, attempt)).toEqual({ end: "handed" });
    const heard = await bob.tells({ kind: "message", sender: alice });
    expect(heard).toMatchObject({ type: "chat", body: "grüße 😀 <b>&\n\ufffd end" });
    const report = await until("a receipt", () =>
      house.courier.reports.find((one) => one.outcome === "delivered"),
    );
    expect(report).toMatchObject({
      message: event.id,
      messageId: event.origin.messageId,
      origin: "sip",
      to: { local: "alice", domain: "sip.example" },
      from: { local: "bob", domain: "xmpp.example" },
    });
    bob.do({ do: "displayed", to: alice, id: String(heard.id) });
    await until("a marker", () =>
      house.courier.reports.find((one) => one.outcome === "displayed" && one.message === event.id),
    );
  });

  test("a correction names what it corrects", async () => {
    const first = messageEvent({ text: "helo" });
    const second = messageEvent({ text: "hello", correctionOf: String(first.origin.messageId) });
    await house.gateway().deliver(first, attempt);
    await house.gateway().deliver(second, attempt);
    const helo = await bob.tells({ kind: "message", body: "helo" });
    await bob.tells({ kind: "message", body: "hello", replace: helo.id });
  });

  test("a message in, chat and normal, with a receipt asked for and later given", async () => {
    bob.do({ do: "say", to: alice, body: "are you there?", id: "in-1", receipt: true, markable: true });
    bob.do({ do: "say", to: alice, body: "a letter", id: "in-2", type: "normal" });
    const taken = await until("accepted", () =>
      house.courier.accepted.length >= 2 ? house.courier.accepted : undefined,
    );
    expect(taken.map((one) => one.draft)).toMatchObject([
      {
        kind: "chat",
        text: "are you there?",
        messageId: "in-1",
        receipts: { delivered: true, displayed: true },
      },
      {
        kind: "normal",
        text: "a letter",
        messageId: "in-2",
        receipts: { delivered: false, displayed: false },
      },
    ]);
    expect(await house.gateway().tell(outcome({ outcome: "delivered", messageId: "in-1" }), attempt)).toBe(
      "told",
    );
    await bob.tells({ kind: "receipt", id: "in-1", sender: alice });
    expect(await house.gateway().tell(outcome({ outcome: "displayed", messageId: "in-1" }), attempt)).toBe(
      "told",
    );
    await bob.tells({ kind: "displayed", id: "in-1", sender: alice });
    expect(await house.gateway().tell(outcome({ outcome: "handed", messageId: "in-1" }), attempt)).toBe(
      "dropped",
    );
  });

  test.each([
    ["refused", "unknown-user", "item-not-found"],
    ["expired", undefined, "remote-server-timeout"],
    ["uncertain", undefined, "undefined-condition"],
    ["bounced", "unreachable", "recipient-unavailable"],
  ] as const)("%s is told with the sender's own id", async (end, reason, condition) => {
    const id = `told-${end}`;
    const told = await house
      .gateway()
      .tell(outcome({ outcome: end, reason, messageId: id, text: "so it is" }), attempt);
    expect(told).toBe("told");
    expect(await bob.tells({ kind: "error", id })).toMatchObject({ condition, sender: alice });
  });

  test("refused before acceptance: an error with the id", async () => {
    house.courier.refuse = () => ({ reason: "forbidden", text: "not for you" });
    bob.do({ do: "say", to: alice, body: "may I?", id: "no-1" });
    expect(await bob.tells({ kind: "error", id: "no-1" })).toMatchObject({
      condition: "forbidden",
      text: "not for you",
    });
    house.courier.refuse = undefined;
  });

  test("a message for nobody: the error comes before the barrier", async () => {
    const event = messageEvent({ to: { local: "nobody", domain: "xmpp.example" } });
    expect(await house.gateway().deliver(event, attempt)).toMatchObject({
      end: "refused",
      reason: "unreachable",
    });
  });

  test("an error after the barrier is a bounce", async () => {
    const event = messageEvent({ text: "too late" });
    expect(await house.gateway().deliver(event, attempt)).toEqual({ end: "handed" });
    const heard = await bob.tells({ kind: "message", body: "too late" });
    // slixmpp has no order for it: the stanza of a client that gives a message back.
    bob.do({ do: "bounce", to: alice, id: String(heard.id) });
    const report = await until("a bounce", () =>
      house.courier.reports.find((one) => one.outcome === "bounced"),
    );
    expect(report).toMatchObject({
      message: event.id,
      reason: "unreachable",
      messageId: event.origin.messageId,
    });
  });

  test("ping, disco and presence with a true hash", async () => {
    bob.do({ do: "ping", to: "sip.example" });
    await bob.tells({ kind: "pong" });
    bob.do({ do: "info", to: alice });
    const info = await bob.tells({ kind: "info" });
    expect(info.features).toContain("urn:xmpp:receipts");
    bob.do({ do: "subscribe", to: alice });
    await bob.tells({ kind: "subscribed", sender: alice });
    await bob.tells({ kind: "available", sender: `${alice}/parley` });
    // slixmpp asks for the node, hashes the answer itself, and remembers only what agrees.
    await until("caps verified", async () => {
      bob.do({ do: "caps", jid: `${alice}/parley` });
      return bob.told.some(
        (one) => one.kind === "caps" && Array.isArray(one.known) && one.known.includes("urn:xmpp:receipts"),
      );
    });
    bob.do({ do: "info", to: "nobody@sip.example" });
    await bob.tells({ kind: "iq-error", condition: "item-not-found" });
  });
});
