// INVITE in the transaction layer: retransmissions, CANCEL, ACK, both ways (RFC 3261 §9, §17; RFC 6026).
import { expect, test } from "vitest";
import type { Log, Metrics } from "#bus-schemas/service/service.ts";
import { openWheel } from "#bus-schemas/service/wheel.ts";
import { fakeClock } from "#test/support/fake-clock.ts";
import { noBody, SipRequest, type SipResponse } from "../wire/message.ts";
import { parseDatagram } from "../wire/parse.ts";
import { field } from "../wire/print.ts";
import type { Serving } from "./serving.ts";
import { Transactions } from "./transactions.ts";
import type { Source } from "./transport-types.ts";

const quiet = (): void => undefined;
const log: Log = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const metrics: Metrics = {
  counter: () => ({ add: quiet }),
  histogram: () => ({ record: quiet }),
  gauge: quiet,
};
const peer: Source = { transport: "udp", address: "127.0.0.1", port: 5062, flow: "udp x" };

function stage() {
  const clock = fakeClock();
  const sent: string[] = [];
  const served: Serving[] = [];
  const acks: SipRequest[] = [];
  const first = (bytes: Buffer): string => bytes.toString().split("\r\n")[0] ?? "";
  const transactions = new Transactions({
    ...{ wheel: openWheel(clock), log, metrics, hasFlow: () => true },
    reply: (bytes) => void sent.push(first(bytes)),
    send: (bytes) => {
      sent.push(first(bytes));
      return Promise.resolve(undefined);
    },
    handle: (_request, _source, answer) => answer({ status: 405 }),
    invite: (_request, _source, serving) => void served.push(serving),
    ack: (request) => void acks.push(request),
  });
  const hear = (method: string, branch = "z9hG4bKa", more = ""): void => {
    const text = `${method} sip:lobby@rooms.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=${branch}\r\nFrom: <sip:a@h>;tag=a\r\nTo: <sip:lobby@rooms.example>${more}\r\nCall-ID: c\r\nCSeq: 1 ${method}\r\nMax-Forwards: 70\r\n\r\n`;
    transactions.receive(parseDatagram(Buffer.from(text)), peer);
  };
  return { clock, sent, served, acks, transactions, hear };
}

test("a 2xx is repeated until its ACK is found by whoever answered", async () => {
  const { clock, sent, served, acks, hear } = stage();
  hear("INVITE");
  await clock.advance(250);
  expect(sent).toEqual(["SIP/2.0 100 Trying"]);
  hear("INVITE");
  expect([sent.length, served.length]).toEqual([2, 1]);
  expect(served[0]?.answer({ status: 200, tag: "t" })).toBe(true);
  await clock.advance(1_600);
  expect(sent.filter((line) => line.includes("200"))).toHaveLength(3);
  hear("ACK", "z9hG4bKother", ";tag=t");
  expect(acks).toHaveLength(1);
  served[0]?.acknowledged();
  await clock.advance(10_000);
  hear("INVITE");
  expect(sent.filter((line) => line.includes("200"))).toHaveLength(3);
});

test("no ACK of a 2xx is told after 32 s", async () => {
  const { clock, served, hear } = stage();
  hear("INVITE");
  let told = false;
  const [serving] = served;
  if (serving === undefined) throw new Error("not served");
  serving.onUnacknowledged = () => {
    told = true;
  };
  serving.answer({ status: 200 });
  await clock.advance(31_000);
  expect(told).toBe(false);
  await clock.advance(1_100);
  expect(told).toBe(true);
});

test("CANCEL: 200 to it, 487 to the INVITE, and who would have answered is told; a late answer changes nothing", async () => {
  const { clock, sent, served, hear } = stage();
  hear("INVITE");
  let cancelled = 0;
  const [serving] = served;
  if (serving === undefined) throw new Error("not served");
  serving.onCancel = () => {
    cancelled += 1;
  };
  hear("CANCEL");
  expect(sent).toEqual(["SIP/2.0 487 Request Terminated", "SIP/2.0 200 OK"]);
  expect([cancelled, serving.answer({ status: 200 })]).toEqual([1, false]);
  await clock.advance(600);
  expect(sent.filter((line) => line.includes("487"))).toHaveLength(2);
  hear("ACK");
  await clock.advance(10_000);
  expect(sent.filter((line) => line.includes("487"))).toHaveLength(2);
});

test("CANCEL of nothing is 481", () => {
  const { sent, hear } = stage();
  hear("CANCEL", "z9hG4bKunknown");
  expect(sent).toEqual(["SIP/2.0 481 Call/Transaction Does Not Exist"]);
});

function ours(): SipRequest {
  const fields = [
    field("via", "SIP/2.0/UDP gw;branch=z9hG4bKours"),
    field("from", "<sip:lobby@rooms.example>;tag=l"),
    field("to", "<sip:bob@sip.example>"),
    field("call-id", "o"),
    field("cseq", "1 INVITE"),
  ];
  return new SipRequest("INVITE", "sip:bob@127.0.0.1:5062", fields, noBody);
}
const answer = (status: number): Buffer =>
  Buffer.from(
    `SIP/2.0 ${status} X\r\nVia: SIP/2.0/UDP gw;branch=z9hG4bKours\r\nFrom: <sip:lobby@rooms.example>;tag=l\r\nTo: <sip:bob@sip.example>;tag=b\r\nCall-ID: o\r\nCSeq: 1 INVITE\r\n\r\n`,
  );

test("our INVITE: repeated until it rings; CANCEL waits for that; the refusal is acknowledged", async () => {
  const { clock, sent, transactions } = stage();
  const ends: unknown[] = [];
  const rung: number[] = [];
  const inviting = transactions.invite(ours(), peer, {
    provisional: ({ status }) => void rung.push(status),
    accepted: (response: SipResponse) => void ends.push(response.status),
    refused: (end) => void ends.push(typeof end === "string" ? end : end.status),
  });
  await clock.advance(600);
  expect(sent).toHaveLength(2);
  inviting.cancel();
  expect(sent).toHaveLength(2);
  transactions.receive(parseDatagram(answer(180)), peer);
  expect([rung, sent.at(-1)]).toEqual([[180], "CANCEL sip:bob@127.0.0.1:5062 SIP/2.0"]);
  transactions.receive(parseDatagram(answer(487)), peer);
  transactions.receive(parseDatagram(answer(487)), peer);
  expect(ends).toEqual([487]);
  expect(sent.filter((line) => line.startsWith("ACK"))).toHaveLength(2);
});

test("our INVITE: every 2xx is passed up; silence is told", async () => {
  const { clock, transactions } = stage();
  const ends: unknown[] = [];
  const handlers = {
    accepted: (response: SipResponse) => void ends.push(response.status),
    refused: (end: unknown) => void ends.push(end),
  };
  transactions.invite(ours(), peer, handlers);
  for (let count = 0; count < 2; count += 1) transactions.receive(parseDatagram(answer(200)), peer);
  expect(ends).toEqual([200, 200]);
  const silent = stage();
  silent.transactions.invite(ours(), peer, handlers);
  await silent.clock.advance(33_000);
  expect(ends).toEqual([200, 200, "timeout"]);
  await clock.advance(0);
});
