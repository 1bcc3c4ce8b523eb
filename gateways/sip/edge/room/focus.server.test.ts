// A room as a conference focus, request by request: offers and answers, dialogs, session timers, subscriptions, refusals
// (RFC 4579, RFC 3264, RFC 4028, RFC 6665), and SIPp as a foreign client. No client with MSRP rooms is installed anywhere:
// linphone and baresip do not speak them.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientDialog, type Headers, SipClient } from "#test/cast/sip-dialogs.ts";
import { headerOf, type SipText, statusOf } from "#test/cast/sip-message.ts";
import { privateFolder, startChild, until } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";
import { openRoomHouse, type RoomHouse } from "./test-room.ts";

const folder = privateFolder("focus");
const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
const made = spawnSync("openssl", [
  ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
  ...["-subj", "/CN=focus.test", "-keyout", keyFile, "-out", certFile],
]);

const room = "sip:focus@rooms.example";
let house: RoomHouse;
let client: SipClient;
beforeAll(async () => {
  expect(made.status).toBe(0);
  house = await openRoomHouse({
    sip: {
      msrp: { listen: ["msrp:127.0.0.1:0", "msrps:127.0.0.1:0"], tls: { key: keyFile, cert: certFile } },
      rooms: { notifyEvery: "0s", sessionExpires: "10m" },
    },
    conference: { rooms: { focus: {} } },
  });
  client = await new SipClient({
    ...{ ports: [house.port], address: "alice@sip.example", password: "secret-alice" },
  }).open();
  client.handle = ({ respond }) => respond(200);
});
afterAll(async () => {
  await client.close();
  await house.close();
});

const chat = (more: string[] = [], protocol = "TCP/MSRP"): string[] => [
  `m=message 9 ${protocol} *`,
  "a=accept-types:message/cpim",
  `a=path:msrp${protocol.includes("TLS") ? "s" : ""}://127.0.0.1:9/x${Math.random().toString(36).slice(2)};tcp`,
  "a=setup:active",
  ...more,
];
const sdp = (...lines: string[]): Buffer =>
  Buffer.from(
    ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", ...lines, ""].join("\r\n"),
  );
const common = (): Headers => [
  ["Contact", client.contact],
  ["Content-Type", "application/sdp"],
];

async function ask(
  method: string,
  body: Buffer,
  headers: Headers = common(),
  dialog: ClientDialog = client.dialog(room),
): Promise<SipText & { dialog: ClientDialog }> {
  const response = await client.request(method, dialog, headers, body);
  if (response === undefined) throw new Error(`${method} was not answered`);
  if (method === "INVITE" && statusOf(response) === 200) {
    client.established(dialog, response);
    client.acknowledge(dialog);
  }
  return { ...response, dialog };
}
const hangUp = async (dialog: ClientDialog): Promise<void> => {
  expect(statusOf((await client.request("BYE", dialog, [])) ?? dead)).toBe(200);
};
const dead: SipText = { start: "SIP/2.0 000", headers: [], body: Buffer.alloc(0) };

describe("INVITE", () => {
  test("is answered with what a focus is: isfocus, the chatroom's words, what it reads, its events", async () => {
    const answer = await ask("INVITE", sdp(...chat()));
    expect(statusOf(answer)).toBe(200);
    expect(headerOf(answer, "contact")).toMatch(/^<sip:focus%40rooms\.example@127\.0\.0\.1:\d+>;isfocus$/);
    expect(headerOf(answer, "allow-events")).toBe("conference");
    expect(headerOf(answer, "session-expires")).toBe("600;refresher=uas");
    const text = answer.body.toString();
    expect(text).toMatch(/^m=message \d+ TCP\/MSRP \*\r$/m);
    for (const line of [
      "a=accept-types:message/cpim",
      "a=accept-wrapped-types:text/plain application/im-iscomposing+xml message/imdn+xml",
      "a=chatroom:nickname private-messages",
      "a=setup:passive",
      "a=max-size:131072",
    ])
      expect(text).toContain(`${line}\r\n`);
    expect(text).toMatch(/^a=path:msrp:\/\/127\.0\.0\.1:\d+\/\S+;tcp\r$/m);
    await hangUp(answer.dialog);
  });

  test("of several media the first of MSRP is served, others get port 0 in their place", async () => {
    const body = sdp("m=audio 4000 RTP/AVP 0", ...chat(), ...chat(), "m=video 4002 RTP/AVP 31");
    const answer = await ask("INVITE", body);
    const lines = answer.body
      .toString()
      .split("\r\n")
      .filter((line) => line.startsWith("m="));
    expect(lines.map((line) => line.replace(/\d{4,}/, "port"))).toEqual([
      "m=audio 0 RTP/AVP 0",
      "m=message port TCP/MSRP *",
      "m=message 0 TCP/MSRP *",
      "m=video 0 RTP/AVP 31",
    ]);
    await hangUp(answer.dialog);
  });

  test("by TLS: our fingerprint is in the answer", async () => {
    const answer = await ask("INVITE", sdp(...chat([], "TCP/TLS/MSRP")));
    expect(answer.body.toString()).toMatch(/^m=message \d+ TCP\/TLS\/MSRP \*\r$/m);
    expect(answer.body.toString()).toMatch(/^a=fingerprint:sha-256 [0-9A-F:]{95}\r$/m);
    await hangUp(answer.dialog);
  });

  test("without an offer: ours is in the answer, and the ACK has the peer's", async () => {
    const dialog = client.dialog(room);
    const response = await client.request("INVITE", dialog, [["Contact", client.contact]]);
    expect(response?.body.toString()).toContain("a=setup:actpass\r\n");
    client.established(dialog, response ?? dead);
    client.acknowledge(dialog, [["Content-Type", "application/sdp"]], sdp(...chat()));
    await hangUp(dialog);
  });

  test.each<[string, string[], Headers, number]>([
    ["audio alone", ["m=audio 4000 RTP/AVP 0"], [], 488],
    [
      "no message/cpim",
      ["m=message 9 TCP/MSRP *", "a=accept-types:text/plain", "a=path:msrp://h:1/s;tcp"],
      [],
      488,
    ],
    ["no path", ["m=message 9 TCP/MSRP *", "a=accept-types:*"], [], 488],
    ["a session timer below 90 s", chat(), [["Session-Expires", "30"]], 422],
    ["an extension that we do not know", chat(), [["Require", "100rel"]], 420],
  ])("with %s is refused", async (_name, lines, headers, status) => {
    const answer = await ask("INVITE", sdp(...lines), [...common(), ...headers]);
    expect(statusOf(answer)).toBe(status);
    if (status === 422) expect(headerOf(answer, "min-se")).toBe("90");
  });

  test("with a body of another kind, a broken one, or no Contact is refused", async () => {
    const contact: Headers = [["Contact", client.contact]];
    const text = await ask("INVITE", Buffer.from("hello"), [...contact, ["Content-Type", "text/plain"]]);
    expect([statusOf(text), headerOf(text, "accept")]).toEqual([415, "application/sdp"]);
    expect(statusOf(await ask("INVITE", Buffer.from("v=1"), common()))).toBe(400);
    expect(statusOf(await ask("INVITE", sdp(...chat()), [["Content-Type", "application/sdp"]]))).toBe(400);
  });

  test("again with the same description is a refresh, with another path a new session", async () => {
    const offer = sdp(...chat());
    const first = await ask("INVITE", offer);
    const path = (answer: SipText): string => /a=path:(\S+)/.exec(answer.body.toString())?.[1] ?? "";
    const version = (answer: SipText): string => /o=- \d+ (\d+)/.exec(answer.body.toString())?.[1] ?? "";
    const again = await ask("INVITE", offer, [...common(), ["Supported", "timer"]], first.dialog);
    expect([path(again), version(again)]).toEqual([path(first), version(first)]);
    expect(headerOf(again, "session-expires")).toBe("600;refresher=uac");
    const other = await ask("INVITE", sdp(...chat()), common(), first.dialog);
    expect(path(other)).not.toBe(path(first));
    expect(version(other)).toBe("2");
    await hangUp(first.dialog);
  });

  test("somebody else's domain is none of ours, and a call is not a room", async () => {
    expect(
      statusOf(await ask("INVITE", sdp(...chat()), common(), client.dialog("sip:bob@sip.example"))),
    ).toBe(405);
  });
});

describe("in a dialog", () => {
  test("a request out of order is 500, one that it does not know 405, one of no dialog 481", async () => {
    const { dialog } = await ask("INVITE", sdp(...chat()));
    expect(statusOf(await ask("INFO", Buffer.alloc(0), [], dialog))).toBe(405);
    const late = { ...dialog, cseq: 0 };
    expect(statusOf(await ask("OPTIONS", Buffer.alloc(0), [], late))).toBe(500);
    expect(statusOf(await ask("OPTIONS", Buffer.alloc(0), [], dialog))).toBe(200);
    const other = { ...dialog, remoteTag: "unknown" };
    for (const method of ["BYE", "INVITE", "SUBSCRIBE", "REFER"])
      expect(statusOf(await ask(method, Buffer.alloc(0), [], { ...other }))).toBe(481);
    expect(statusOf(await ask("REFER", Buffer.alloc(0), [["Contact", client.contact]], dialog))).toBe(400);
    await hangUp(dialog);
    expect(statusOf(await ask("BYE", Buffer.alloc(0), [], dialog))).toBe(481);
  });
});

describe("SUBSCRIBE", () => {
  const watch = (more: Headers = [], expires = "600"): Headers => [
    ["Contact", client.contact],
    ["Event", "conference"],
    ["Expires", expires],
    ...more,
  ];
  const notified = (dialog: ClientDialog): SipText[] =>
    client.asked.all.filter(
      (each) => each.start.startsWith("NOTIFY") && headerOf(each, "call-id") === dialog.callId,
    );

  test.each<[string, Headers, number]>([
    [
      "another event",
      [
        ["Event", "presence"],
        ["Expires", "600"],
      ],
      489,
    ],
    ["no event", [["Expires", "600"]], 489],
    [
      "a time too short",
      [
        ["Event", "conference"],
        ["Expires", "5"],
      ],
      423,
    ],
    [
      "another form",
      [
        ["Event", "conference"],
        ["Accept", "application/pidf+xml"],
      ],
      406,
    ],
  ])("to %s is refused", async (_name, headers, status) => {
    const answer = await ask("SUBSCRIBE", Buffer.alloc(0), [["Contact", client.contact], ...headers]);
    expect(statusOf(answer)).toBe(status);
    if (status === 489) expect(headerOf(answer, "allow-events")).toBe("conference");
    if (status === 423) expect(headerOf(answer, "min-expires")).toBe("60");
  });

  test("everything at once, again at a refresh, and at its end; versions and CSeq rise by one", async () => {
    const dialog = client.dialog(room);
    const answer = await client.request("SUBSCRIBE", dialog, watch());
    expect([statusOf(answer ?? dead), headerOf(answer ?? dead, "expires")]).toEqual([200, "600"]);
    client.established(dialog, answer ?? dead);
    await until("the first NOTIFY", () => notified(dialog).length === 1, 3_000);
    await client.request("SUBSCRIBE", dialog, watch());
    await until("the second NOTIFY", () => notified(dialog).length === 2, 3_000);
    await client.request("SUBSCRIBE", dialog, watch([], "0"));
    await until("the last NOTIFY", () => notified(dialog).length === 3, 3_000);
    const states = notified(dialog).map((each) => headerOf(each, "subscription-state"));
    expect(states).toEqual(["active;expires=600", "active;expires=600", "terminated;reason=timeout"]);
    const versions = notified(dialog).map(
      (each) => /state="full" version="(\d+)"/.exec(each.body.toString())?.[1],
    );
    expect(versions).toEqual(["0", "1", "2"]);
    expect(notified(dialog).map((each) => headerOf(each, "cseq"))).toEqual([
      "1 NOTIFY",
      "2 NOTIFY",
      "3 NOTIFY",
    ]);
    expect(statusOf((await client.request("SUBSCRIBE", dialog, watch())) ?? dead)).toBe(481);
  });

  test("a watcher whose client no longer knows of it is forgotten", async () => {
    const dialog = client.dialog(room);
    client.handle = ({ respond }) => respond(481);
    client.established(dialog, (await client.request("SUBSCRIBE", dialog, watch())) ?? dead);
    await until("the first NOTIFY", () => notified(dialog).length === 1, 3_000);
    client.handle = ({ respond }) => respond(200);
    await until(
      "it is over",
      async () => {
        const again = await client.request("SUBSCRIBE", dialog, watch());
        return statusOf(again ?? dead) === 481;
      },
      3_000,
    );
  });

  test("a roster too long for a datagram comes over TCP", async () => {
    const phones = await Promise.all(
      ["alice", "bob", "carol", "dave"].map((local) => house.phone(local, { room: "focus@rooms.example" })),
    );
    for (const [index, phone] of phones.entries())
      expect(await phone.joins(`${"somebody with a long nick ".repeat(4)}${index}`)).toEqual({
        answer: "done",
      });
    const [first] = phones;
    await until("all see all", () => first?.roster.size === 4, 3_000);
    expect(first?.documents.some((text) => text.length > 1_300)).toBe(true);
    expect(first?.sip.streams).toBeGreaterThan(0);
    for (const phone of phones) await phone.close();
  });
});

test("OPTIONS say what a focus can", async () => {
  const answer = await ask("OPTIONS", Buffer.alloc(0), []);
  expect(statusOf(answer)).toBe(200);
  expect(headerOf(answer, "contact")).toContain(";isfocus");
  expect(headerOf(answer, "allow-events")).toBe("conference");
  expect(headerOf(answer, "allow")).toContain("REFER");
});

test("REFER: one target, of a scheme and method that we know, by somebody who is in", async () => {
  const refer = async (...targets: string[]): Promise<number> =>
    statusOf(
      await ask("REFER", Buffer.alloc(0), [
        ["Contact", client.contact],
        ...targets.map((to): [string, string] => ["Refer-To", to]),
      ]),
    );
  expect(await refer()).toBe(400);
  expect(await refer("<sip:a@sip.example>", "<sip:b@sip.example>")).toBe(400);
  expect(await refer("<tel:+1234>")).toBe(416);
  expect(await refer("<sip:bob@sip.example>")).toBe(403);
});

describe.skipIf(spawnSync("sipp", ["-v"]).error !== undefined)("SIPp", () => {
  test.each(["u1", "t1"])("20 calls into a room and out again over %s", async (transport) => {
    const port = await freePort();
    const dir = privateFolder("sipp");
    const tcp = Number(house.sip.lines.find(({ facts }) => facts.transport === "tcp")?.facts.port);
    const child = await startChild({
      name: "sipp",
      command: "sipp",
      args: [
        `127.0.0.1:${transport === "t1" ? tcp : house.port}`,
        ...[
          "-sf",
          `${import.meta.dirname}/../sipp/room.xml`,
          "-i",
          "127.0.0.1",
          "-p",
          String(port),
          "-t",
          transport,
        ],
        ...[
          "-key",
          "user",
          "dave",
          "-key",
          "peer",
          "focus@rooms.example",
          "-au",
          "dave",
          "-ap",
          "secret-dave",
        ],
        ...["-m", "20", "-r", "10", "-timeout", "30s", "-timeout_error", "-nostdin", "-trace_err"],
      ],
      dir,
      cwd: dir,
    });
    const { code } = await child.exited;
    if (code !== 0) {
      console.error(child.output().slice(-2000), readErrors(dir));
    }
    expect(code).toBe(0);
    await until("nobody is left", () => house.sip.metric("sip_room_calls_count") === 0, 5_000);
  });
});

const readErrors = (dir: string): string =>
  spawnSync("sh", ["-c", `cat ${dir}/*errors.log | head -c 3000`], { encoding: "utf8" }).stdout;
