// Raw XMPP peers for tests, with no code shared with the gateway: strings over a socket, matched by regular expressions.
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { until } from "#test/servers/child.ts";

export interface Raw {
  readonly socket: Socket;
  /** All that has come so far. */
  text(): string;
  write(text: string): void;
  /** The first match in all that came, waited for. */
  expect(pattern: RegExp, withinMs?: number): Promise<RegExpMatchArray>;
  /** Every match so far. */
  all(pattern: RegExp): RegExpMatchArray[];
  readonly closed: boolean;
  end(): void;
}

/** A TCP connection that keeps what it hears. */
export async function openRaw(port: number): Promise<Raw> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const chunks: Buffer[] = [];
  let closed = false;
  let joined = "";
  let upTo = 0;
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
  });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const text = (): string => {
    // Cut at chunk ends: the tests' texts are ASCII where it matters.
    if (upTo < chunks.length) joined += Buffer.concat(chunks.slice(upTo)).toString("utf8");
    upTo = chunks.length;
    return joined;
  };
  return {
    socket,
    text,
    write: (what) => void socket.write(what),
    expect: (pattern, withinMs = 10_000) =>
      until(
        `${pattern} in ${text().slice(-500)}`,
        () => {
          const match = text().match(pattern);
          if (!match && closed) throw new Error(`closed before ${pattern}: ${text().slice(-500)}`);
          return match ?? undefined;
        },
        withinMs,
      ),
    all: (pattern) => [...text().matchAll(new RegExp(pattern, "g"))],
    get closed() {
      return closed;
    },
    end: () => socket.destroy(),
  };
}

/** A component that has proved its secret, and asked for nothing more. */
export async function rawComponent(port: number, domain: string, secret: string): Promise<Raw> {
  const raw = await openRaw(port);
  raw.write(
    `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}'>`,
  );
  const [, id = ""] = await raw.expect(/<stream:stream[^>]* id=['"]([^'"]+)['"]/);
  raw.write(
    `<handshake>${createHash("sha1")
      .update(id + secret)
      .digest("hex")}</handshake>`,
  );
  await raw.expect(/<handshake\/>/);
  return raw;
}

/** A client that is logged in and available. */
export async function rawClient(port: number, domain: string, user: string, resource = "desk"): Promise<Raw> {
  const raw = await openRaw(port);
  const header = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`;
  raw.write(header);
  await raw.expect(/<\/stream:features>/);
  const plain = Buffer.from(`\0${user}\0pw-${user}`).toString("base64");
  raw.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`);
  await raw.expect(/<success/);
  raw.write(header);
  await raw.expect(/<bind[\s\S]*<\/stream:features>/);
  raw.write(
    `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
  );
  await raw.expect(/<iq[^>]*id='bind'[\s\S]*<\/iq>/);
  raw.write("<presence/>");
  await raw.expect(/<presence/);
  return raw;
}
