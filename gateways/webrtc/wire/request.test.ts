// Frames in: every request of the vocabulary, what is wrong with others, and that nothing makes the reader throw.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFrame, unsupported } from "./request.ts";

const account = "dave@web.example";
const base = { transaction: "t1", account };

const seat = { transaction: "t1", session: "s" };

const served: Record<string, object> = {
  ping: { transaction: "t1" },
  "lookup-public-key": { transaction: "t1", uri: "erin@web.example" },
  "account-add": {
    ...base,
    password: "0123456789abcdef0123456789abcdef",
    display_name: "Dave",
    user_agent: "x",
  },
  "account-remove": base,
  "account-register": base,
  "account-unregister": base,
  "account-devicetoken": { ...base, token: "t", platform: "ios", device: "d", silent: false, app: "a" },
  "account-message": {
    ...base,
    uri: "erin@web.example",
    message_id: "m",
    content: "hello",
    content_type: "text/plain",
    timestamp: "2026-01-01T00:00:00.000Z",
  },
  "account-ack": { ...base, message_id: "m" },
  "account-disposition-notification": {
    ...base,
    uri: "erin@web.example",
    message_id: "m",
    state: "displayed",
    timestamp: "x",
  },
  "account-sync-conversations": { ...base, message_id: null },
  "account-mark-conversation-read": { ...base, contact: "erin@web.example" },
  "account-remove-message": { ...base, contact: "erin@web.example", message_id: "m" },
  "account-remove-conversation": { ...base, contact: "erin@web.example" },
  "videoroom-join": { ...base, session: "s", uri: "lobby@rooms.example", sdp: null, nick: "Dave", since: 7 },
  "videoroom-leave": seat,
  "videoroom-message": {
    ...seat,
    message_id: "m",
    content: "hello",
    content_type: "text/plain",
    to: "Erin",
    reply_to: { event_id: "e1" },
  },
  "videoroom-composing-indication": { ...seat, state: "active", refresh: 60 },
  "videoroom-configure": { ...seat, config: { title: "Tea", password: null } },
  "videoroom-invite": { ...seat, participants: ["erin@web.example"] },
  "videoroom-nick": { ...seat, nick: "Rin" },
  "videoroom-status": { ...seat, show: "away" },
  "videoroom-subject": { ...seat, text: "" },
  "videoroom-role": { ...seat, nick: "Erin", role: "observer" },
  "videoroom-kick": { ...seat, uri: "erin@web.example" },
  "videoroom-affiliation": { ...seat, changes: [{ nick: "Erin", affiliation: "outcast" }] },
  "videoroom-affiliations": seat,
  "videoroom-capabilities": { ...seat, about: "reactions" },
  "videoroom-retract": { ...seat, event_id: "e1" },
  "videoroom-react": { ...seat, event_id: "e1", emoji: ["👍"] },
  "videoroom-history": { ...seat, before: "e1", limit: 50 },
  "videoroom-destroy": { ...seat, alternate: "tea@rooms.example" },
  "videoroom-create": { ...base, uri: "lobby@rooms.example", config: { persistent: true } },
  "videoroom-list": base,
  "videoroom-decline": { ...base, uri: "lobby@rooms.example", to: "erin@web.example" },
};

describe("requests", () => {
  it.each(Object.entries(served))("%s is read, with fields nobody knows", (sylkrtc, fields) => {
    const parsed = parseFrame(JSON.stringify({ ...fields, sylkrtc, later: { addition: true } }));
    expect(parsed).toMatchObject({ kind: "request", request: { sylkrtc, transaction: "t1" } });
  });

  it.each([...unsupported])("%s is answered, not ignored", (sylkrtc) => {
    expect(parseFrame(JSON.stringify({ sylkrtc, transaction: "t1" }))).toEqual({
      kind: "wrong",
      transaction: "t1",
      error: `${sylkrtc} is not supported yet`,
    });
  });

  it.each([
    ["no JSON", "hello", undefined, "not a JSON object"],
    ["an array", "[1]", undefined, "not a JSON object"],
    ["null", "null", undefined, "not a JSON object"],
    ["no name", `{"transaction":"t1"}`, "t1", "no sylkrtc field"],
    ["no transaction", `{"sylkrtc":"ping"}`, undefined, "no transaction field"],
    ["an unknown name", `{"sylkrtc":"__proto__","transaction":"t1"}`, "t1", "unknown request"],
    [
      "a missing field",
      `{"sylkrtc":"account-remove","transaction":"t1"}`,
      "t1",
      "account-remove: wrong or missing account",
    ],
    [
      "an address without a domain",
      `{"sylkrtc":"account-remove","transaction":"t1","account":"dave"}`,
      "t1",
      "account-remove: wrong or missing account",
    ],
    [
      "a control character in an id",
      JSON.stringify({ ...served["account-ack"], sylkrtc: "account-ack", message_id: "a\nb" }),
      "t1",
      "account-ack: wrong or missing message_id",
    ],
    [
      "a nick of nothing",
      JSON.stringify({ ...seat, sylkrtc: "videoroom-nick", nick: "" }),
      "t1",
      "videoroom-nick: wrong or missing nick",
    ],
    [
      "too many emoji",
      JSON.stringify({ ...seat, sylkrtc: "videoroom-react", event_id: "e", emoji: Array(17).fill("x") }),
      "t1",
      "videoroom-react: wrong or missing emoji",
    ],
    [
      "too many invited",
      JSON.stringify({ ...seat, sylkrtc: "videoroom-invite", participants: Array(51).fill("a@b") }),
      "t1",
      "videoroom-invite: wrong or missing participants",
    ],
    [
      "an id above the limit",
      JSON.stringify({
        ...served["account-message"],
        sylkrtc: "account-message",
        message_id: "x".repeat(256),
      }),
      "t1",
      "account-message: wrong or missing message_id",
    ],
  ])("%s is named", (_name, frame, transaction, error) => {
    expect(parseFrame(frame)).toEqual({ kind: "wrong", transaction, error });
  });

  it("never throws, whatever the text", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseFrame(text)));
  });

  it("never throws, whatever stands in the fields, and repeats nothing of it", () => {
    const names = fc.constantFrom(...Object.keys(served), ...unsupported);
    fc.assert(
      fc.property(
        names,
        fc.dictionary(fc.constantFrom("account", "uri", "message_id", "content"), fc.jsonValue()),
        (sylkrtc, fields) => {
          const parsed = parseFrame(
            JSON.stringify({ transaction: "t1", ...fields, secret: "S3CRET", sylkrtc }),
          );
          if (parsed.kind === "wrong") expect(parsed.error).not.toContain("S3CRET");
        },
      ),
    );
  });

  it("never throws on a frame that was cut or bent", () => {
    const whole = JSON.stringify({ ...served["account-message"], sylkrtc: "account-message" });
    fc.assert(
      fc.property(fc.nat(whole.length), fc.string({ maxLength: 3 }), (at, put) => {
        parseFrame(whole.slice(0, at) + put + whole.slice(at + put.length));
        parseFrame(whole.slice(0, at));
      }),
    );
  });
});
