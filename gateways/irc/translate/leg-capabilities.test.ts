// What is published of a channel that is a leg: by mode, and by what is known of the server.
import { expect, test } from "vitest";
import { factsOf, published } from "./leg-capabilities.ts";

const isupport = { network: "Demo", nickLength: 30 };
const none = factsOf(new Set(), isupport);
const tags = factsOf(new Set(["message-tags", "echo-message", "sasl"]), isupport);

test("facts are the agreed ones by name, and what the server says of itself", () => {
  expect(tags).toEqual({
    network: "Demo",
    nickLength: 30,
    "message-tags": true,
    "echo-message": true,
    "account-tag": false,
    "labeled-response": false,
  });
});

test.each([
  ["reacted", "puppets", undefined, "reduced"],
  ["reacted", "puppets", tags, "reduced"],
  ["reacted", "puppets", none, "dropped"],
  ["reacted", "bot", tags, "dropped"],
  ["typing", "puppets", tags, "reduced"],
  ["typing", "puppets", none, "dropped"],
  ["said.to", "puppets", none, "reduced"],
  ["said.to", "bot", none, "refused"],
  ["joined", "puppets", none, "reduced"],
  ["joined", "bot", none, "dropped"],
  ["retracted", "puppets", tags, "dropped"],
] as const)("%s, %s, %j: %s", (deed, mode, facts, fate) => {
  expect(published("irc-demo", facts).legs?.[mode]?.[deed]?.is).toBe(fate);
});

test("without tags an answer is words alone", () => {
  const how = (facts: typeof none): unknown =>
    published("irc-demo", facts).legs?.puppets?.["said.repliesTo"]?.how;
  expect(how(none)).toBe("`nick: text`");
  expect(how(tags)).toContain("reply tag");
});
