// What the whole gateway answers to the torture messages of RFC 4475 that the wire lets through.
import { createSocket } from "node:dgram";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { haveVectors, vector, vectorJson } from "../wire/vectors.ts";
import { type House, openHouse } from "./test-house.ts";

// One house for each: several of them have the same branch, and would count as sent again.
let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.close());

/** The status of the answer to one datagram, `none` when there is none within 150 ms. */
async function answerTo(bytes: Buffer): Promise<string> {
  const socket = createSocket("udp4");
  try {
    return await new Promise<string>((resolve) => {
      socket.on("message", (answer) => resolve(answer.toString("latin1").slice(8, 11)));
      socket.bind(0, "127.0.0.1", () => socket.send(bytes, house.port("udp"), "127.0.0.1"));
      setTimeout(() => resolve("none"), 150);
    });
  } finally {
    socket.close();
  }
}

// Calls are refused whole (405), so what is wrong inside an INVITE's body or Accept is not reached.
const answers: Readonly<Record<string, string>> = {
  wsinv: "405",
  intmeth: "501",
  esc01: "405",
  escnull: "404",
  esc02: "501",
  lwsdisp: "404",
  longreq: "405",
  dblreq: "404",
  semiuri: "404",
  transports: "404",
  mpart01: "403",
  unreason: "none",
  noreason: "none",
  badinv01: "400",
  clerr: "400",
  ncl: "400",
  scalar02: "400",
  scalarlg: "none",
  quotbal: "400",
  ltgtruri: "400",
  lwsruri: "400",
  lwsstart: "400",
  trws: "400",
  escruri: "400",
  baddate: "405",
  regbadct: "400",
  badaspec: "400",
  baddn: "400",
  badvers: "505",
  mismatch01: "400",
  mismatch02: "400",
  bigcode: "none",
  badbranch: "400",
  insuf: "400",
  unkscm: "416",
  novelsc: "416",
  unksm2: "400",
  bext01: "420",
  invut: "405",
  regaut01: "404",
  multi01: "400",
  mcl01: "400",
  bcast: "none",
  zeromf: "404",
  cparam01: "404",
  cparam02: "404",
  regescrt: "404",
  sdp01: "405",
  inv2543: "405",
  test: "none",
};

describe.skipIf(!haveVectors)("RFC 4475, answered", () => {
  const names = haveVectors
    ? Object.keys(
        vectorJson<{ messages: Record<string, unknown> }>("sip-torture-rfc4475/manifest.json").messages,
      )
    : [];
  test.each(names)("%s", async (name) => {
    expect(await answerTo(vector(`sip-torture-rfc4475/${name}.dat`))).toBe(answers[name]);
  });
});
