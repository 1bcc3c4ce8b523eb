// The machines of rooms: a call, a subscription, session timers, dialogs; one row per arrow.
import { describe, expect, test } from "vitest";
import type { SipRequest, SipResponse } from "../wire/message.ts";
import { parseDatagram } from "../wire/parse.ts";
import { type CallInput, type CallState, newCall, orphanedCall, stepCall } from "./call.ts";
import { answeredDialog, askedDialog, keyOfRequest, received, requestIn } from "./dialog.ts";
import {
  everything,
  type News,
  type NotifierInput,
  type NotifierState,
  newNotifier,
  stepNotifier,
  together,
} from "./notifier.ts";
import { agreedTimer, answerTimer, dueMs } from "./session-timer.ts";

const start = (name: string, delayMs: number) => ({ do: "start-timer", name, delayMs });
const stop = (name: string) => ({ do: "stop-timer", name });
const act = (...names: string[]) => names.map((name) => ({ do: name }));

const call = (sip: CallState["sip"], msrp: CallState["msrp"] = "waiting", more: Partial<CallState> = {}) => ({
  ...{ sip, msrp, asking: false, tries: 0 },
  ...more,
});
const over = (before: CallState, ...outputs: object[]): [CallState, object[]] => [
  { ...before, sip: "ended", asking: false },
  [stop("again"), ...outputs, ...act("close-msrp", "forget")],
];

describe("a call", () => {
  const status = (kind: "refused" | "not-renewed", code: number): CallInput => ({ kind, status: code });
  const plain = (
    kind:
      | "entered"
      | "cancel"
      | "ack"
      | "no-ack"
      | "bye"
      | "accepted"
      | "bound"
      | "lost"
      | "renewed"
      | "expelled"
      | "expired",
  ): CallInput => ({ kind });
  const again: CallInput = { kind: "timer", name: "again" };
  test.each<[string, CallState, CallInput, [CallState, object[]]]>([
    ["the room takes him", newCall, plain("entered"), [call("answered"), act("answer")]],
    ["it does not", newCall, status("refused", 403), over(newCall, { do: "refuse", status: 403 })],
    ["he gives up before", newCall, plain("cancel"), over(newCall)],
    ["he gave up, and is taken all the same", call("ended"), plain("entered"), [call("ended"), act("leave")]],
    [
      "the room ends before it answers",
      newCall,
      plain("expelled"),
      over(newCall, { do: "refuse", status: 480 }),
    ],
    ["whom we asked in has answered", newCall, plain("accepted"), [call("confirmed"), []]],
    ["ACK", call("answered"), plain("ack"), [call("confirmed"), []]],
    ["no ACK", call("answered"), plain("no-ack"), over(call("answered"), ...act("bye", "leave"))],
    [
      "he hangs up",
      call("confirmed", "bound"),
      plain("bye"),
      over(call("confirmed", "bound"), ...act("leave")),
    ],
    [
      "he is sent away",
      call("confirmed", "bound"),
      plain("expelled"),
      over(call("confirmed", "bound"), ...act("bye")),
    ],
    [
      "nobody refreshes",
      call("confirmed", "bound"),
      plain("expired"),
      over(call("confirmed", "bound"), ...act("bye", "leave")),
    ],
    ["the session is there", call("answered"), plain("bound"), [call("answered", "bound"), [stop("again")]]],
    [
      "it breaks",
      call("confirmed", "bound"),
      plain("lost"),
      [call("confirmed", "gone"), [...act("disconnected"), start("again", 1_500)]],
    ],
    ["it breaks once", call("confirmed", "gone"), plain("lost"), [call("confirmed", "gone"), []]],
    [
      "he is asked for another",
      call("confirmed", "gone"),
      again,
      [call("confirmed", "gone", { asking: true, tries: 1 }), act("re-invite")],
    ],
    [
      "not twice at the same time",
      call("confirmed", "gone", { asking: true }),
      again,
      [call("confirmed", "gone", { asking: true }), []],
    ],
    ["not when he has come back", call("confirmed", "waiting"), again, [call("confirmed", "waiting"), []]],
    [
      "he has given another",
      call("confirmed", "gone", { asking: true, tries: 1 }),
      plain("renewed"),
      [call("confirmed", "waiting", { tries: 1 }), [stop("again")]],
    ],
    [
      "he does not answer",
      call("confirmed", "gone", { asking: true, tries: 1 }),
      status("not-renewed", 408),
      [call("confirmed", "gone", { tries: 1 }), [start("again", 5_000)]],
    ],
    [
      "he does not know the dialog",
      call("confirmed", "gone", { asking: true, tries: 1 }),
      status("not-renewed", 481),
      over(call("confirmed", "gone", { tries: 1 }), ...act("leave")),
    ],
    [
      "he never answers",
      call("confirmed", "gone", { asking: true, tries: 15 }),
      status("not-renewed", 408),
      over(call("confirmed", "gone", { tries: 15 }), ...act("bye", "leave")),
    ],
    [
      "a mere refresh is refused",
      call("confirmed", "bound", { asking: true }),
      status("not-renewed", 488),
      [call("confirmed", "bound"), []],
    ],
    [
      "another process's call is asked anew",
      orphanedCall,
      again,
      [call("confirmed", "gone", { asking: true, tries: 1 }), act("re-invite")],
    ],
    ["what is over stays over", call("ended"), plain("bye"), [call("ended"), []]],
  ])("%s", (_name, state, input, after) => {
    expect(stepCall(state, input)).toEqual(after);
  });
});

const part = (...users: string[]): News => ({
  full: false,
  users: new Set(users),
  gone: new Map(),
  description: false,
});
const notifier = (phase: NotifierState["phase"], more: Partial<NotifierState> = {}): NotifierState => ({
  ...newNotifier,
  phase,
  ...more,
});
const notify = (news: News, ending?: string) => ({ do: "notify", news, ending });

describe("a subscription", () => {
  const subscribed = (expiresMs: number): NotifierInput => ({ kind: "subscribed", expiresMs });
  const happened = (news: News): NotifierInput => ({ kind: "happened", news });
  const answered = (status: number): NotifierInput => ({ kind: "answered", status });
  const timer = (name: string): NotifierInput => ({ kind: "timer", name });
  const forget = [stop("expiry"), stop("pause"), { do: "forget" }];
  test.each<[string, NotifierState, NotifierInput, NotifierState, object[]]>([
    [
      "is told everything at once",
      newNotifier,
      subscribed(60_000),
      notifier("notifying", { pausing: true }),
      [start("expiry", 60_000), notify(everything), start("pause", 5_000)],
    ],
    [
      "fetches once",
      newNotifier,
      subscribed(0),
      notifier("notifying", { pausing: true, ending: "timeout" }),
      [stop("expiry"), notify(everything, "timeout")],
    ],
    [
      "is told a part",
      notifier("quiet"),
      happened(part("a")),
      notifier("notifying", { pausing: true }),
      [notify(part("a")), start("pause", 5_000)],
    ],
    [
      "one NOTIFY at a time",
      notifier("notifying"),
      happened(part("a")),
      notifier("notifying", { news: part("a") }),
      [],
    ],
    [
      "what waits is told together",
      notifier("notifying", { news: part("a") }),
      happened(part("b")),
      notifier("notifying", { news: part("a", "b") }),
      [],
    ],
    [
      "not faster than once in a while",
      notifier("quiet", { pausing: true }),
      happened(part("a")),
      notifier("quiet", { pausing: true, news: part("a") }),
      [],
    ],
    [
      "the pause is over",
      notifier("quiet", { pausing: true, news: part("a") }),
      timer("pause"),
      notifier("notifying", { pausing: true }),
      [notify(part("a")), start("pause", 5_000)],
    ],
    [
      "answered",
      notifier("notifying", { pausing: true }),
      answered(200),
      notifier("quiet", { pausing: true }),
      [],
    ],
    [
      "refused: everything again",
      notifier("notifying"),
      answered(500),
      notifier("notifying", { pausing: true }),
      [notify(everything), start("pause", 5_000)],
    ],
    ["its client does not know it", notifier("notifying"), answered(481), notifier("over"), forget],
    ["its client is silent", notifier("notifying"), answered(408), notifier("over"), forget],
    [
      "it runs out",
      notifier("quiet", { pausing: true }),
      timer("expiry"),
      notifier("notifying", { pausing: true, ending: "timeout" }),
      [stop("expiry"), notify(everything, "timeout")],
    ],
    [
      "the room ends while it is told",
      notifier("notifying"),
      { kind: "end", reason: "noresource" },
      notifier("notifying", { ending: "noresource", news: everything }),
      [],
    ],
    [
      "then the last word",
      notifier("notifying", { ending: "noresource", news: everything }),
      answered(200),
      notifier("notifying", { pausing: true, ending: "noresource" }),
      [stop("expiry"), notify(everything, "noresource")],
    ],
    [
      "after it nothing",
      notifier("notifying", { ending: "noresource" }),
      answered(200),
      notifier("over", { ending: "noresource" }),
      forget,
    ],
    ["a dead one", notifier("over"), happened(part("a")), notifier("over"), []],
  ])("%s", (_name, state, input, after, outputs) => {
    expect(stepNotifier(5_000)(state, input)).toEqual([after, outputs]);
  });
  test("without a pause it is told at once", () => {
    expect(stepNotifier(0)(notifier("quiet"), happened(part("a")))).toEqual([
      notifier("notifying"),
      [notify(part("a"))],
    ]);
  });
  test("of many single changes it is told everything", () => {
    expect(
      together(
        part(...Array.from({ length: 40 }, (_, at) => `a${at}`)),
        part(...Array.from({ length: 11 }, (_, at) => `b${at}`)),
      ),
    ).toBe(everything);
  });
});

function message(...lines: string[]): SipRequest | SipResponse {
  const parsed = parseDatagram(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`));
  if (parsed.kind !== "message") throw new Error(parsed.kind);
  return parsed.message;
}
const invite = (...more: string[]): SipRequest =>
  message(
    "INVITE sip:lobby@rooms.example SIP/2.0",
    "Via: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bKx",
    'From: "Alice" <sip:alice@sip.example>;tag=a',
    "To: <sip:lobby@rooms.example>",
    "Call-ID: c1",
    "CSeq: 7 INVITE",
    "Contact: <sip:alice@127.0.0.1:5062>",
    ...more,
  ) as SipRequest;

describe("session timers", () => {
  test.each<[string, string[], object]>([
    ["who knows none is refreshed by us", [], { timer: { seconds: 1800, refresher: "us" } }],
    [
      "who knows them refreshes himself",
      ["Supported: timer"],
      { timer: { seconds: 1800, refresher: "peer" } },
    ],
    [
      "who asks for less gets less",
      ["Supported: timer", "Session-Expires: 600"],
      { timer: { seconds: 600, refresher: "peer" } },
    ],
    [
      "who wants us to refresh",
      ["Supported: timer", "Session-Expires: 600;refresher=uas"],
      { timer: { seconds: 600, refresher: "us" } },
    ],
    ["more than is usual is cut", ["Session-Expires: 99999"], { timer: { seconds: 1800, refresher: "us" } }],
    [
      "but not below the least that he bears",
      ["Session-Expires: 9999", "Min-SE: 4000"],
      { timer: { seconds: 4000, refresher: "us" } },
    ],
    ["too brief", ["Session-Expires: 89"], { is: "too-brief" }],
  ])("%s", (_name, lines, expected) => {
    expect(answerTimer(invite(...lines), 1800)).toMatchObject(expected);
  });
  test("when something is due (RFC 4028 §10)", () => {
    expect(dueMs({ seconds: 1800, refresher: "us" })).toBe(900_000);
    expect(dueMs({ seconds: 1800, refresher: "peer" })).toBe(1_768_000);
    expect(dueMs({ seconds: 90, refresher: "peer" })).toBe(60_000);
  });
  test("what a peer has agreed to", () => {
    const answer = (...lines: string[]) =>
      message("SIP/2.0 200 OK", "CSeq: 1 INVITE", ...lines) as SipResponse;
    expect(agreedTimer(answer("Session-Expires: 120;refresher=uas"), 600)).toEqual({
      seconds: 120,
      refresher: "peer",
    });
    expect(agreedTimer(answer(), 600)).toEqual({ seconds: 600, refresher: "us" });
  });
});

describe("a dialog", () => {
  const made = answeredDialog(invite("Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>"), "local");
  if (!made.ok) throw new Error(made.error);
  const dialog = made.value;
  test("of an INVITE to us (RFC 3261 §12.1.1)", () => {
    expect(dialog).toEqual({
      ...{ callId: "c1", localTag: "local", remoteTag: "a", localCseq: 0, remoteCseq: 7 },
      local: "<sip:lobby@rooms.example>",
      remote: '"Alice" <sip:alice@sip.example>',
      routes: ["sip:p1.example;lr", "sip:p2.example;lr"],
      target: "sip:alice@127.0.0.1:5062",
    });
  });
  test("its requests go by the routes to the target (§12.2.1.1)", () => {
    const within = requestIn(dialog, "BYE");
    expect(within).toMatchObject({
      uri: "sip:alice@127.0.0.1:5062",
      nextHop: "sip:p1.example;lr",
      dialog: { localCseq: 1 },
    });
    expect(within.fields.map(({ key, value }) => `${key}: ${value}`)).toEqual([
      "max-forwards: 70",
      "route: <sip:p1.example;lr>",
      "route: <sip:p2.example;lr>",
      "from: <sip:lobby@rooms.example>;tag=local",
      'to: "Alice" <sip:alice@sip.example>;tag=a',
      "call-id: c1",
      "cseq: 1 BYE",
    ]);
  });
  test("a strict router gets the request itself", () => {
    const within = requestIn({ ...dialog, routes: ["sip:old.example", "sip:p2.example;lr"] }, "BYE");
    expect(within.uri).toBe("sip:old.example");
    expect(within.fields.filter(({ key }) => key === "route").map(({ value }) => value)).toEqual([
      "<sip:p2.example;lr>",
      "<sip:alice@127.0.0.1:5062>",
    ]);
  });
  test("an ACK has its INVITE's number and takes none", () => {
    const ack = requestIn({ ...dialog, localCseq: 5 }, "ACK", 3);
    expect(ack.fields.at(-1)?.value).toBe("3 ACK");
    expect(ack.dialog.localCseq).toBe(5);
  });
  test("the peer's numbers rise; a target refresh moves it (§12.2.2)", () => {
    const later = message(
      "INVITE sip:x@127.0.0.1 SIP/2.0",
      "From: <sip:alice@sip.example>;tag=a",
      "To: <sip:lobby@rooms.example>;tag=local",
      "Call-ID: c1",
      "CSeq: 8 INVITE",
      "Contact: <sip:alice@127.0.0.1:9999>",
    ) as SipRequest;
    expect(keyOfRequest(later)).toBe("c1\nlocal\na");
    expect(received(dialog, later)).toMatchObject({ remoteCseq: 8, target: "sip:alice@127.0.0.1:9999" });
    expect(received({ ...dialog, remoteCseq: 8 }, later)).toBe(false);
  });
  test("of an INVITE of ours the routes are turned round (§12.1.2)", () => {
    const answer = message(
      "SIP/2.0 200 OK",
      "To: <sip:bob@sip.example>;tag=b",
      "CSeq: 1 INVITE",
      "Contact: <sip:bob@127.0.0.1:7>",
      "Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>",
    ) as SipResponse;
    const asked = askedDialog(invite(), answer);
    expect(asked).toMatchObject({
      ok: true,
      value: {
        localTag: "a",
        remoteTag: "b",
        localCseq: 7,
        routes: ["sip:p2.example;lr", "sip:p1.example;lr"],
      },
    });
  });
  test.each([
    ["no Contact", invite().fields.filter(({ key }) => key !== "contact")],
    ["two", [...invite().fields, { key: "contact", name: "Contact", value: "<sip:b@h>" }]],
  ])("with %s there is none", (_name, fields) => {
    expect(answeredDialog(invite().with({ fields }), "t").ok).toBe(false);
  });
});
