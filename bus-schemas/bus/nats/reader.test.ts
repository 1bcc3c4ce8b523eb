// The place of a delivered message, read from its reply subject as old and new servers write it.
import { expect, test } from "vitest";
import { parsePlace } from "./reader.ts";

const place = { delivery: 7, sequence: 41, storedAt: 1_767_225_600_123, pending: 9 };
const rows: [string, string][] = [
  ["2.9", "$JS.ACK.S.consumer.1.41.7.1767225600123456789.9"],
  ["with domain and account", "$JS.ACK._.ACCOUNT.S.consumer.1.41.7.1767225600123456789.9"],
  ["with domain, account and token", "$JS.ACK.hub.ACCOUNT.S.consumer.1.41.7.1767225600123456789.9.random"],
];

test.for(rows)("%s", ([_, reply]) => {
  expect(parsePlace(reply)).toEqual(place);
});
