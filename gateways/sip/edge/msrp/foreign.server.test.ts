// The MSRP stack against a foreign library: set PARLEY_MSRPLIB to the PYTHONPATH of msrplib, eventlib, application and gnutls.
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openClock } from "#bus-schemas/service/clock.ts";
import { openWheel } from "#bus-schemas/service/wheel.ts";
import { Ear } from "#test/cast/actor.ts";
import { privateFolder } from "#test/servers/child.ts";
import { fakeService } from "#test/support/fake-service.ts";
import { openMsrp } from "./open.ts";
import type { Msrp, MsrpMessage, MsrpReport } from "./port.ts";

const library = process.env.PARLEY_MSRPLIB;
if (library === undefined)
  console.warn("PARLEY_MSRPLIB is not set: MSRP is not tried against a foreign library");

interface Said {
  readonly kind: string;
  readonly path?: readonly string[];
  readonly [what: string]: unknown;
}

const folder = privateFolder("foreign-msrp");
const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
let stack: Msrp;

function foreign(
  how: "accept" | "connect",
  security: "tcp" | "tls",
  peer: readonly string[],
): { said: Ear<Said>; ended: Promise<void> } {
  const script = join(dirname(fileURLToPath(import.meta.url)), "foreign-msrp.py");
  const child = spawn("/usr/bin/python3", [script, how, security, peer.join(" "), certFile, keyFile], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, PYTHONPATH: library },
  });
  const said = new Ear<Said>("the foreign library");
  createInterface({ input: child.stdout }).on("line", (line) => said.add(JSON.parse(line)));
  return { said, ended: new Promise((resolve) => child.once("exit", () => resolve())) };
}

describe.skipIf(library === undefined)("with a foreign library", () => {
  beforeAll(async () => {
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=msrp.test",
        "-keyout",
        keyFile,
        "-out",
        certFile,
      ],
      { stdio: "ignore" },
    );
    const clock = openClock();
    const service = fakeService({ clock });
    stack = await openMsrp(
      { clock, wheel: openWheel(clock), log: service.log, metrics: service.metrics },
      {
        listen: [
          { scheme: "msrp", address: "127.0.0.1", port: 0 },
          { scheme: "msrps", address: "127.0.0.1", port: 0 },
        ],
        tls: { key: readFileSync(keyFile), cert: readFileSync(certFile) },
      },
    );
  });
  afterAll(() => stack?.close());

  test.each([
    ["connect", "tcp"],
    ["accept", "tcp"],
    ["connect", "tls"],
    ["accept", "tls"],
  ] as const)(
    "it %ss over %s: texts, chunks, reports, nicknames, refusals, both ways",
    async (how, security) => {
      const messages = new Ear<MsrpMessage>("our side");
      const reports = new Ear<MsrpReport>("our side");
      const nicknames: string[] = [];
      const session = stack.expect(
        { acceptTypes: ["text/*"], maxSize: 1_000_000, scheme: security === "tls" ? "msrps" : "msrp" },
        {
          message: (message) => {
            message.answer(200);
            messages.add(message);
          },
          nickname: ({ nickname, answer }) => {
            nicknames.push(nickname);
            answer(200);
          },
          report: (report) => reports.add(report),
          closed: () => undefined,
        },
      );
      const { said, ended } = foreign(how, security, session.localPath);
      const { path = [] } = await said.next(({ kind }) => kind === "path", 10_000);
      if (how === "accept") await session.connect(path);
      else session.accept(path);
      await said.next(({ kind }) => kind === "refusal", 10_000);
      expect(
        messages.all.map(({ messageId, body }) => (messageId === "inchunks" ? body.length : body.toString())),
      ).toEqual(["hello, grüße", 3000]);
      expect(nicknames).toEqual(["Bob ü"]);
      expect(said.all.filter(({ kind }) => ["nickname-answer", "refusal", "report"].includes(kind))).toEqual(
        expect.arrayContaining([
          { kind: "report", id: "inchunks", code: 200 },
          { kind: "nickname-answer", code: 200 },
          { kind: "refusal", code: 415 },
        ]),
      );
      expect(await session.nickname("Älice")).toMatchObject({ status: 425 });
      const send = (body: string | Buffer, messageId: string, contentType = "text/plain"): Promise<unknown> =>
        session.send({ contentType, body: Buffer.from(body as string), messageId, successReport: true });
      expect(await send("short ü", "short")).toEqual({ status: 200, written: true });
      expect(await send(Buffer.alloc(200_000, "long "), "long")).toEqual({ status: 200, written: true });
      expect(await send("x", "picture", "image/png")).toMatchObject({ status: 415 });
      await reports.next(({ messageId, complete }) => messageId === "long" && complete, 5_000);
      expect(reports.all).toContainEqual({ messageId: "short", status: 200, comment: "OK", complete: true });
      expect(said.all.filter(({ kind }) => kind === "message" || kind === "nickname")).toMatchObject([
        // It neither writes the quotes of RFC 7701 §7.1 nor takes them off; we do the one and forgive the other.
        { kind: "nickname", nickname: '"Älice"' },
        { text: "short ü" },
        { size: 200_000 },
      ]);
      await send("bye", "goodbye");
      await ended;
      expect(session.state).toBe("closed");
    },
  );
});
