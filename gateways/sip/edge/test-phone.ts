// For the tests of the edge: a raw phone. It shares no code with the gateway, so that one mistake cannot sit at both ends.
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Phone {
  readonly port: number;
  readonly user: string;
  /** All that it has received, as text. */
  readonly heard: string[];
  /** All that it has asked, as text. */
  readonly said: string[];
  /** Answers of this phone to requests: a status, or undefined for silence. */
  answer: (request: string) => number | undefined;
  send(text: string): void;
  /** Sends and waits for a final response to the same Call-ID and CSeq. */
  ask(text: string): Promise<string>;
  /** The same with digest when it is challenged. */
  login(
    method: string,
    uri: string,
    fields?: string[],
    body?: string,
    as?: { user?: string; password?: string },
  ): Promise<string>;
  /** Waits for a request or response that holds `what`. */
  hear(what: string | RegExp, withinMs?: number): Promise<string>;
  register(fields?: string[], contact?: string): Promise<string>;
  close(): void;
}

export const header = (message: string, name: string): string | undefined =>
  new RegExp(`^${name}\\s*:\\s*(.*?)\\r?$`, "im").exec(message)?.[1];
export const bodyOf = (message: string): string => message.slice(message.indexOf("\r\n\r\n") + 4);
export const status = (message: string): number => Number(/^SIP\/2\.0 (\d+)/.exec(message)?.[1]);

const digest = (name: string, text: string): string => createHash(name).update(text).digest("hex");
let serial = 0;

/** A phone on a port of its own. Over TCP it keeps one connection to the gateway and listens on the same port, too. */
export async function openPhone(
  user: string,
  gateway: { transport: "udp" | "tcp"; port: number; host?: string },
  algorithm = "MD5",
): Promise<Phone> {
  const host = gateway.host ?? "127.0.0.1";
  const heard: string[] = [];
  const said: string[] = [];
  let write: (text: string) => void = () => undefined;
  let close: () => void = () => undefined;
  let port = 0;
  const take = (text: string, back: (answer: string) => void): void => {
    heard.push(text);
    if (text.startsWith("SIP/2.0")) return;
    const code = phone.answer(text);
    if (code === undefined) return;
    const copied =
      text
        .split("\r\n\r\n")[0]
        ?.split("\r\n")
        .filter((line) => /^(Via|From|To|Call-ID|CSeq)\s*:/i.test(line)) ?? [];
    back(
      `SIP/2.0 ${code} Whatever\r\n${copied.join("\r\n")};x=y\r\nContent-Length: 0\r\n\r\n`
        .replace(/^(To:.*)$/im, "$1;tag=phone")
        .replace(/;x=y\r\n/, "\r\n"),
    );
  };
  if (gateway.transport === "udp") {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    await new Promise<void>((resolve) => socket.bind(0, host, resolve));
    port = socket.address().port;
    socket.on("message", (bytes, from) =>
      take(bytes.toString("utf8"), (answer) => socket.send(answer, from.port, from.address)),
    );
    write = (text) => socket.send(text, gateway.port, host);
    close = () => socket.close();
  } else {
    const cut = (socket: Socket): void => {
      let rest = Buffer.alloc(0);
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        for (;;) {
          const end = rest.indexOf("\r\n\r\n");
          if (end < 0) return;
          const size =
            end + 4 + Number(/content-length:\s*(\d+)/i.exec(rest.toString("utf8", 0, end))?.[1] ?? 0);
          if (rest.length < size) return;
          take(rest.toString("utf8", 0, size), (answer) => socket.write(answer));
          rest = rest.subarray(size);
        }
      });
    };
    const server = createServer(cut);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const at = server.address();
    port = typeof at === "object" && at !== null ? at.port : 0;
    const socket = connect({ host, port: gateway.port });
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    cut(socket);
    write = (text) => socket.write(text);
    close = () => {
      socket.destroy();
      server.close();
    };
  }
  const shown = host.includes(":") ? `[${host}]` : host;
  const build = (
    method: string,
    uri: string,
    callId: string,
    cseq: number,
    fields: string[],
    body: string,
  ): string =>
    [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/${gateway.transport.toUpperCase()} ${shown}:${port};branch=z9hG4bK${callId}${cseq};rport`,
      "Max-Forwards: 70",
      ...(fields.some((each) => each.startsWith("From:"))
        ? []
        : [`From: <sip:${user}@sip.example>;tag=t${callId}`]),
      `To: <${method === "REGISTER" ? `sip:${user}@sip.example` : uri}>`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      ...fields,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n");
  const phone: Phone = {
    port,
    user,
    heard,
    said,
    answer: () => 200,
    send: (text) => write(text),
    async ask(text) {
      const [callId, cseq] = [header(text, "Call-ID"), header(text, "CSeq")];
      const before = heard.length;
      said.push(text);
      write(text);
      return waitFor(() =>
        heard
          .slice(before)
          .find(
            (each) =>
              each.startsWith("SIP/2.0") &&
              status(each) >= 200 &&
              header(each, "Call-ID") === callId &&
              header(each, "CSeq") === cseq,
          ),
      );
    },
    async login(method, uri, fields = [], body = "", as = {}) {
      serial += 1;
      const callId = `call${process.pid}x${serial}`;
      const first = await phone.ask(build(method, uri, callId, 1, fields, body));
      if (status(first) !== 401 && status(first) !== 407) return first;
      const names = { MD5: "md5", "SHA-256": "sha256", "SHA-512-256": "sha512-256" };
      const challenge =
        first
          .split("\r\n")
          .find((line) => /-authenticate:/i.test(line) && line.includes(`algorithm=${algorithm}`)) ?? "";
      const get = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? "";
      const name = names[algorithm as keyof typeof names];
      const [me, password] = [as.user ?? user, as.password ?? `secret-${as.user ?? user}`];
      const ha1 = digest(name, `${me}:${get("realm")}:${password}`);
      const response = digest(
        name,
        `${ha1}:${get("nonce")}:00000001:c:auth:${digest(name, `${method}:${uri}`)}`,
      );
      const key = status(first) === 401 ? "Authorization" : "Proxy-Authorization";
      const credentials = `${key}: Digest username="${me}", realm="${get("realm")}", nonce="${get("nonce")}", uri="${uri}", response="${response}", algorithm=${algorithm}, qop=auth, nc=00000001, cnonce="c"`;
      return phone.ask(build(method, uri, callId, 2, [...fields, credentials], body));
    },
    hear: (what, withinMs) =>
      waitFor(
        () => heard.find((each) => (typeof what === "string" ? each.includes(what) : what.test(each))),
        withinMs,
      ),
    register: (fields = [], contact = `<sip:${user}@${shown}:${port};transport=${gateway.transport}>`) =>
      phone.login("REGISTER", "sip:sip.example", [`Contact: ${contact}`, "Expires: 600", ...fields]),
    close,
  };
  return phone;
}

export async function waitFor<T>(probe: () => T | undefined, withinMs = 5_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error("not heard in time");
    await sleep(5);
  }
}

/** A MESSAGE with a body of text. */
export const text = (body: string): [string[], string] => [["Content-Type: text/plain"], body];
