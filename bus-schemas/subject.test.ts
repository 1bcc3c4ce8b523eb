// Subjects, slots and tokens: their values are stored, so they may never change.
import fc from "fast-check";
import { expect, test } from "vitest";
import * as subject from "./subject.ts";

test.each([
  ["alice@sip.example", 3],
  ["bob@xmpp.example", 48],
  ["#lobby@irc.example", 55],
])("the slot of %s is %i for ever", (key, slot) => {
  expect(subject.slotOf(key)).toBe(slot);
});

test("slots are spread evenly", () => {
  const counts = new Array<number>(subject.slotCount).fill(0);
  for (let i = 0; i < 6400; i++)
    counts[subject.slotOf(`user${i}@example.org`)] =
      (counts[subject.slotOf(`user${i}@example.org`)] ?? 0) + 1;
  expect(Math.min(...counts)).toBeGreaterThan(50);
  expect(Math.max(...counts)).toBeLessThan(160);
});

test.each([
  [subject.messageSubject("sip", 7), "parley.v1.message.sip.7"],
  [subject.messageSubject("irc-demo", "*"), "parley.v1.message.irc-demo.*"],
  [subject.outcomeSubject("xmpp", 0), "parley.v1.outcome.xmpp.0"],
  [subject.mailboxSubject("web", "63", "q"), "parley.v1.mailbox.web.63.q"],
  [subject.ledgerSubject("sip", "sip-1"), "parley.v1.ledger.sip.sip-1"],
  [subject.instanceSubject("sip-1", "status"), "parley.v1.instance.sip-1.status"],
  [subject.streams.message("irc-demo"), "PARLEY_MESSAGE_irc-demo"],
  [subject.streams.outcome("sip"), "PARLEY_OUTCOME_sip"],
  [subject.streams.mailbox("sip"), "PARLEY_MAILBOX_sip"],
  [subject.streams.ledger, "PARLEY_LEDGER"],
])("%s", (made, written) => {
  expect(made).toBe(written);
});

test("whatever the text, its slot is one of them and its token can stand in a subject and in a key", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(subject.slotOf(text)).toBeGreaterThanOrEqual(0);
      expect(subject.slotOf(text)).toBeLessThan(subject.slotCount);
      expect(subject.token(text)).toMatch(/^[A-Za-z0-9_-]{22}$/);
    }),
  );
});
