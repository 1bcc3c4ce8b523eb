// The machine of a connection, one row per arrow.
import { describe, expect, it } from "vitest";
import type { Request, RequestOf } from "../wire/request.ts";
import { accountKey, type Input, initial, mostAccounts, type State, step } from "./signaling.ts";

const account = "Dave@web.example";
const key = accountKey(account);
const add = (of = account): RequestOf<"account-add"> => ({
  sylkrtc: "account-add",
  transaction: "t1",
  account: of,
  password: "x",
  password_type: undefined,
  display_name: undefined,
  user_agent: undefined,
  device_id: undefined,
});
const frame = (request: Request): Input => ({ kind: "frame", frame: { kind: "request", request } });
const bound: State = { accounts: new Map([[key, { account, receiving: true }]]), rooms: new Map() };
const base = { transaction: "t1", account: "dave@web.example" };
const ack = { do: "send", frame: { sylkrtc: "ack", transaction: "t1" } };
const error = (text: string) => ({ do: "send", frame: { sylkrtc: "error", transaction: "t1", error: text } });
const registration = (state: string) => ({
  do: "send",
  frame: { sylkrtc: "account-event", account, event: "registration-state", state },
});

const message: RequestOf<"account-message"> = {
  ...base,
  sylkrtc: "account-message",
  uri: "erin@web.example",
  message_id: "m",
  content: "x",
  content_type: "text/plain",
  timestamp: undefined,
  server_generated: undefined,
  receipts: undefined,
  subject: undefined,
  thread: undefined,
  language: undefined,
  correction_of: undefined,
};
const ackRequest: RequestOf<"account-ack"> = { ...base, sylkrtc: "account-ack", message_id: "m" };
const report: RequestOf<"account-disposition-notification"> = {
  ...base,
  sylkrtc: "account-disposition-notification",
  uri: "erin@web.example",
  message_id: "m",
  state: "displayed",
  timestamp: undefined,
};
const sync: RequestOf<"account-sync-conversations"> = {
  ...base,
  sylkrtc: "account-sync-conversations",
  message_id: undefined,
  since: undefined,
  limit: undefined,
};
const read: RequestOf<"account-mark-conversation-read"> = {
  ...base,
  sylkrtc: "account-mark-conversation-read",
  contact: "erin@web.example",
};
const many: State = {
  rooms: new Map(),
  accounts: new Map(
    Array.from({ length: mostAccounts }, (_, at) => [`a${at}@b`, { account: `a${at}@b`, receiving: true }]),
  ),
};

describe("a connection", () => {
  it.each<[string, State, Input, unknown[]]>([
    [
      "wrong frame",
      initial,
      { kind: "frame", frame: { kind: "wrong", transaction: "t1", error: "no" } },
      [error("no")],
    ],
    [
      "wrong frame without transaction",
      initial,
      { kind: "frame", frame: { kind: "wrong", transaction: undefined, error: "no" } },
      [{ do: "send", frame: { sylkrtc: "error", transaction: "", error: "no" } }],
    ],
    ["ping", initial, frame({ sylkrtc: "ping", transaction: "t1" }), [ack]],
    [
      "key look-up",
      initial,
      frame({ sylkrtc: "lookup-public-key", transaction: "t1", uri: "e@f" }),
      [ack, { do: "send", frame: { sylkrtc: "lookup-public-key-event", uri: "e@f" } }],
    ],
    ["add", initial, frame(add()), [{ do: "authenticate", request: add() }]],
    ["add twice", bound, frame(add()), [error("the account is bound to this connection already")]],
    ["add too many", many, frame(add()), [error("too many accounts on one connection")]],
    ["verified", initial, { kind: "verified", request: add() }, [ack, { do: "receive", key }]],
    ["denied", initial, { kind: "denied", request: add(), why: "no" }, [error("no")]],
    ["message unbound", initial, frame(message), [error("this account is not bound to this connection")]],
    ["message bound, other case", bound, frame(message), [{ do: "accept", key, request: message }]],
    ["ack", bound, frame(ackRequest), [{ do: "acknowledge", key, request: ackRequest }, ack]],
    ["ack unbound", initial, frame(ackRequest), [error("this account is not bound to this connection")]],
    ["report", bound, frame(report), [{ do: "report", key, request: report }]],
    ["synchronise", bound, frame(sync), [{ do: "synchronise", key, request: sync }]],
    ["mark read", bound, frame(read), [{ do: "change", key, request: read }]],
    ["remove", bound, frame({ ...base, sylkrtc: "account-remove" }), [{ do: "unbind", key }, ack]],
    [
      "register",
      bound,
      frame({ ...base, sylkrtc: "account-register" }),
      [ack, registration("registering"), registration("registered"), { do: "receive", key }],
    ],
    ["unregister", bound, frame({ ...base, sylkrtc: "account-unregister" }), [{ do: "rest", key }, ack]],
    [
      "device token",
      bound,
      frame({ ...base, sylkrtc: "account-devicetoken" }),
      [error("push notifications are not supported yet")],
    ],
  ])("%s", (_name, state, input, outputs) => {
    expect(step(state, input)[1]).toEqual(outputs);
  });

  it("remembers what is bound", () => {
    const [added] = step(initial, { kind: "verified", request: add() });
    expect([...added.accounts]).toEqual([[key, { account, receiving: true }]]);
    const [away] = step(added, frame({ ...base, sylkrtc: "account-unregister" }));
    expect(away.accounts.get(key)?.receiving).toBe(false);
    const [back] = step(away, frame({ ...base, sylkrtc: "account-register" }));
    expect(back.accounts.get(key)?.receiving).toBe(true);
    const [gone] = step(back, frame({ ...base, sylkrtc: "account-remove" }));
    expect(gone.accounts.size).toBe(0);
  });
});
