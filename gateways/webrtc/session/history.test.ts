// What a client has missed, folded from the log.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HistoryRecord, missed } from "./history.ts";

const message = (
  id: string,
  time: number,
  direction: "incoming" | "outgoing" = "incoming",
  contact = "e@x",
): HistoryRecord => ({
  kind: "message",
  time,
  contact,
  id,
  direction,
  contentType: "text/plain",
  content: `text of ${id}`,
  disposition: [],
});
const state = (
  id: string,
  time: number,
  to: "delivered" | "displayed" | "failed" | "processed",
): HistoryRecord => ({
  kind: "state",
  time,
  id,
  state: to,
  ...(to === "failed" ? { reason: "no such user" } : {}),
});
const all = { limit: 100 };
const brief = (records: HistoryRecord[], since = all as Parameters<typeof missed>[1]) =>
  missed(records, since).messages.map((entry) => `${entry.message_id} ${entry.state}`);

describe("what was missed", () => {
  it.each<[string, HistoryRecord[], Parameters<typeof missed>[1], string[]]>([
    ["nothing", [], all, []],
    ["all, in order", [message("a", 1), message("b", 2, "outgoing")], all, ["a received", "b accepted"]],
    [
      "after an id",
      [message("a", 1), message("b", 2), message("c", 3)],
      { ...all, messageId: "b" },
      ["c received"],
    ],
    ["after an id nobody knows: all", [message("a", 1)], { ...all, messageId: "zz" }, ["a received"]],
    ["since a moment", [message("a", 1), message("b", 5)], { ...all, timeMs: 1 }, ["b received"]],
    ["since a moment after all", [message("a", 1)], { ...all, timeMs: 9 }, []],
    [
      "a state rides on its message",
      [message("a", 1, "outgoing"), state("a", 2, "delivered")],
      all,
      ["a delivered"],
    ],
    [
      "a state never goes back",
      [message("a", 1, "outgoing"), state("a", 2, "displayed"), state("a", 3, "delivered")],
      all,
      ["a displayed"],
    ],
    [
      "a state about what the client has is told apart",
      [message("a", 1, "outgoing"), message("b", 2), state("a", 3, "delivered")],
      { ...all, messageId: "b" },
      ["delivered:a received"],
    ],
    [
      "a report that was written before its message",
      [state("a", 1, "delivered"), state("a", 2, "processed"), message("a", 3, "outgoing")],
      all,
      ["a delivered"],
    ],
    ["written twice, told once", [message("a", 1), message("a", 2)], all, ["a received"]],
    [
      "removed",
      [message("a", 1), message("b", 2), { kind: "removed", time: 3, contact: "e@x", id: "a" }],
      all,
      ["b received", "remove:a accepted"],
    ],
    [
      "a conversation removed, the other one stays",
      [
        message("a", 1),
        message("b", 2, "incoming", "f@x"),
        { kind: "conversation-removed", time: 3, contact: "e@x" },
      ],
      { ...all, messageId: "b" },
      ["remove:a accepted"],
    ],
    [
      "going on after a removal",
      [message("a", 1), { kind: "removed", time: 2, contact: "e@x", id: "a" }, message("b", 3)],
      { ...all, messageId: "remove:a" },
      ["b received"],
    ],
  ])("%s", (_name, records, since, expected) => {
    expect(brief(records, since)).toEqual(expected);
  });

  it("marks what was read, but not what came later", () => {
    const { messages } = missed(
      [message("a", 1), { kind: "read", time: 2, contact: "E@x" }, message("b", 3)],
      all,
    );
    expect(messages.map((entry) => entry.read)).toEqual([true, undefined]);
  });

  it("tells the reason of a failure", () => {
    const { messages } = missed([message("a", 1, "outgoing"), state("a", 2, "failed")], all);
    expect(messages[0]).toMatchObject({ state: "failed", reason: "no such user" });
  });

  it("names as had what was received before the point, and nothing sent", () => {
    const records = [message("a", 1), message("b", 2, "outgoing"), message("c", 3)];
    expect(missed(records, { ...all, messageId: "b" }).had).toEqual(["a"]);
    expect(missed(records, all).had).toEqual([]);
  });

  it("brings the same in pieces as at once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 }), (count, limit) => {
        const records = Array.from({ length: count }, (_, at) => message(`m${at}`, at));
        const seen: string[] = [];
        for (let more = true, last: string | undefined; more; ) {
          const piece = missed(records, { limit, messageId: last });
          seen.push(...piece.messages.map((entry) => entry.message_id));
          last = seen.at(-1);
          more = piece.more;
        }
        expect(seen).toEqual(records.map((record) => (record.kind === "message" ? record.id : "")));
      }),
    );
  });
});
