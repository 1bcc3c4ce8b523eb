// Headers: written here, read back both ways.
import { MsgHdrsImpl } from "@nats-io/transport-node";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHeaders, parseHeaders, readHeaders } from "./headers.ts";

const name = fc.stringMatching(/^[A-MO-Za-z][A-Za-z0-9-]{0,20}$/).filter((text) => text !== "__proto__");
const value = fc.stringMatching(/^[!-~À-ÿ]([ -~À-ÿ]{0,40}[!-~À-ÿ])?$/);

describe("headers", () => {
  test("what is written is read back, by the client and by us", () => {
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 6 }), (plain) => {
        const headers = { ...plain };
        const bytes = (encodeHeaders(headers) as MsgHdrsImpl).encode();
        expect(readHeaders(MsgHdrsImpl.decode(bytes))).toEqual(headers);
        expect(parseHeaders(Buffer.from(bytes).toString("utf8"))).toEqual(headers);
      }),
    );
  });

  test("NATS's own are not the message's", () => {
    const bytes = (encodeHeaders({ "Nats-Msg-Id": "x", traceparent: "y" }) as MsgHdrsImpl).encode();
    expect(readHeaders(MsgHdrsImpl.decode(bytes))).toEqual({ traceparent: "y" });
    expect(readHeaders(undefined)).toEqual({});
  });

  test.for([{ "a\r\nb": "c" }, { a: "b\nc" }, { "": "x" }, { "a:b": "x" }, { "a b": "x" }])(
    "%j is refused",
    (headers) => {
      expect(() => encodeHeaders(headers as Record<string, string>)).toThrow(/header/);
    },
  );
});
