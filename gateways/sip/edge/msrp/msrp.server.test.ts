// The MSRP stack on real sockets, against a raw client that shares no code with it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openClock } from "#bus-schemas/service/clock.ts";
import { openWheel } from "#bus-schemas/service/wheel.ts";
import { type MsrpClient, type MsrpClientOptions, openMsrpClient } from "#test/cast/msrp-client.ts";
import { privateFolder } from "#test/servers/child.ts";
import { fakeService } from "#test/support/fake-service.ts";
import { openMsrp } from "./open.ts";
import type {
  CloseReason,
  Msrp,
  MsrpMessage,
  MsrpOutgoing,
  MsrpReport,
  MsrpSession,
  SessionHandlers,
  SessionOptions,
} from "./port.ts";

const folder = privateFolder("msrp");
const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
execFileSync(
  "openssl",
  ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"].concat([
    ...["-subj", "/CN=msrp.test", "-keyout", keyFile, "-out", certFile],
  ]),
  { stdio: "ignore" },
);
const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) };

const clock = openClock();
let stack: Msrp;
let service: ReturnType<typeof fakeService>;
const clients: MsrpClient[] = [];

beforeEach(async () => {
  service = fakeService({ clock });
  const parts = { clock, wheel: openWheel(clock), log: service.log, metrics: service.metrics };
  stack = await openMsrp(parts, {
    listen: [
      { scheme: "msrp", address: "127.0.0.1", port: 0 },
      { scheme: "msrps", address: "127.0.0.1", port: 0 },
      { scheme: "msrp", address: "::1", port: 0 },
    ],
    tls,
  });
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await stack.close();
});

async function client(options: MsrpClientOptions = {}): Promise<MsrpClient> {
  const one = await openMsrpClient(options);
  clients.push(one);
  return one;
}

interface Side {
  readonly session: MsrpSession;
  readonly messages: MsrpMessage[];
  readonly reports: MsrpReport[];
  readonly closed: Promise<CloseReason>;
}

function side(options: Partial<SessionOptions> = {}, handlers: Partial<SessionHandlers> = {}): Side {
  const messages: MsrpMessage[] = [];
  const reports: MsrpReport[] = [];
  let end: (reason: CloseReason) => void = () => undefined;
  const closed = new Promise<CloseReason>((resolve) => {
    end = resolve;
  });
  const session = stack.expect(
    { acceptTypes: ["message/cpim", "text/*"], maxSize: 100_000, ...options },
    {
      message: (message) => {
        messages.push(message);
        message.answer(200);
      },
      report: (report) => reports.push(report),
      closed: end,
      ...handlers,
    },
  );
  return { session, messages, reports, closed };
}

/** A bound pair: the client has connected. */
async function pair(
  options: Partial<SessionOptions> = {},
  handlers: Partial<SessionHandlers> = {},
  clientOptions: MsrpClientOptions = {},
): Promise<Side & { peer: MsrpClient }> {
  const peer = await client(clientOptions);
  const one = side(options, handlers);
  one.session.accept([peer.path]);
  expect(await peer.connect(one.session.localPath)).toBe(200);
  return { ...one, peer };
}

let ids = 0;
const text = (body: string | Uint8Array, more: Partial<MsrpOutgoing> = {}): MsrpOutgoing => {
  ids += 1;
  return {
    contentType: "text/plain",
    body: typeof body === "string" ? Buffer.from(body) : body,
    messageId: `id${ids}xx`,
    ...more,
  };
};

describe("binding", () => {
  test.each([
    ["TCP", {}, {}],
    ["TLS", { scheme: "msrps" }, { tls }],
    ["TCP over IPv6", { family: 6 }, { host: "::1" }],
  ] as const)("the peer connects by %s, both ways speak", async (_name, options, clientOptions) => {
    const { session, messages, peer } = await pair(options, {}, clientOptions);
    expect(session.state).toBe("bound");
    expect(await peer.send({ body: "hello" })).toMatchObject({ statuses: [200] });
    expect(messages.map(({ body }) => body.toString())).toEqual(["hello"]);
    expect(await session.send(text("Grüße"))).toEqual({ status: 200, written: true });
    expect((await peer.messages.next(() => true, 1000)).body.toString()).toBe("Grüße");
  });

  test.each([
    ["TCP", {}, {}],
    ["TLS", { scheme: "msrps" }, { tls }],
  ] as const)("we connect by %s, and what waited goes out", async (_name, options, clientOptions) => {
    const peer = await client(clientOptions);
    const { session } = side(options);
    const sent = session.send(text("early"));
    await session.connect([peer.path]);
    expect(await sent).toEqual({ status: 200, written: true });
    expect(peer.requests.all[0]).toMatchObject({ what: "SEND", body: undefined });
    expect(await peer.messages.next(() => true, 1000)).toMatchObject({ chunks: 1 });
  });
});
