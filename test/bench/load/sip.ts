// Load driver for SIP: many phones behind one UDP socket, each registered with digest; no code shared with the gateway.
// Arguments: people, domain, gateway port(s) separated by commas; `bind=PORT`; `register=no` for a gateway without registrar.
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { accepted, heard, option, refused, serve } from "./load.ts";

const [peopleText = "1", domain = "", portsText = ""] = process.argv.slice(2);
const people = Number(peopleText);
const ports = portsText.split(",").map(Number);
const socket = createSocket({
  type: "udp4",
  recvBufferSize: 8 * 1024 * 1024,
  sendBufferSize: 8 * 1024 * 1024,
});
await new Promise<void>((resolve) => socket.bind(Number(option("bind") ?? 0), "127.0.0.1", resolve));
const own = socket.address().port;
const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
const random = (): string => randomBytes(8).toString("hex");

interface Phone {
  readonly user: string;
  readonly ha1: string;
  readonly port: number;
  nonce: string;
  header: string;
  count: number;
}

interface Open {
  readonly phone: Phone;
  readonly method: string;
  readonly uri: string;
  readonly body: string;
  packet: Buffer;
  tries: number;
  done: ((status: number) => void) | undefined;
}

const phones: Phone[] = Array.from({ length: people }, (_, index) => {
  const user = `user${index}`;
  const port = ports[index % ports.length] ?? 0;
  return { user, ha1: md5(`${user}:${domain}:pw-${user}`), port, nonce: "", header: "", count: 0 };
});
const open = new Map<string, Open>();
let sequence = 0;

function print(phone: Phone, method: string, uri: string, body: string, branch: string): Buffer {
  sequence += 1;
  const nc = (phone.count + 1).toString(16).padStart(8, "0");
  phone.count += 1;
  const response = md5(`${phone.ha1}:${phone.nonce}:${nc}:c0ffee:auth:${md5(`${method}:${uri}`)}`);
  const credentials = phone.nonce
    ? `${phone.header}: Digest username="${phone.user}",realm="${domain}",nonce="${phone.nonce}",uri="${uri}",response="${response}",algorithm=MD5,qop=auth,nc=${nc},cnonce="c0ffee"\r\n`
    : "";
  const to = method === "REGISTER" ? `sip:${phone.user}@${domain}` : uri;
  const contact =
    method === "REGISTER" ? `Contact: <sip:${phone.user}@127.0.0.1:${own}>\r\nExpires: 3600\r\n` : "";
  return Buffer.from(
    `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${own};branch=${branch};rport\r\nMax-Forwards: 70\r\n` +
      `From: <sip:${phone.user}@${domain}>;tag=${branch.slice(-8)}\r\nTo: <${to}>\r\nCall-ID: ${branch}\r\nCSeq: ${sequence} ${method}\r\n` +
      `${contact}${credentials}Content-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function request(
  phone: Phone,
  method: string,
  uri: string,
  body: string,
  done?: (status: number) => void,
): void {
  const branch = `z9hG4bK${random()}`;
  const entry: Open = {
    phone,
    method,
    uri,
    body,
    packet: print(phone, method, uri, body, branch),
    tries: 0,
    done,
  };
  open.set(branch, entry);
  send(branch, entry);
}

// RFC 3261 §17.1.2.2: Timer E doubles from 0.5 s to 4 s; after 32 s it counts as refused.
function send(branch: string, entry: Open): void {
  socket.send(entry.packet, entry.phone.port, "127.0.0.1");
  setTimeout(
    () => {
      if (open.get(branch) !== entry) return;
      entry.tries += 1;
      if (entry.tries > 10) finish(branch, entry, 408);
      else send(branch, entry);
    },
    Math.min(500 * 2 ** entry.tries, 4000),
  ).unref();
}

function finish(branch: string, entry: Open, status: number): void {
  open.delete(branch);
  if (entry.method === "MESSAGE") {
    if (status < 300) accepted(entry.body);
    else refused(entry.body);
  }
  entry.done?.(status);
}

function answered(text: string): void {
  const status = Number(text.slice(8, 11));
  const branch = /branch=(z9hG4bK[0-9a-f]+)/.exec(text)?.[1] ?? "";
  const entry = open.get(branch);
  if (entry === undefined || status < 200) return;
  if (status !== 401 && status !== 407) return finish(branch, entry, status);
  const nonce = /nonce="([^"]+)"/.exec(text)?.[1] ?? "";
  open.delete(branch);
  if (nonce !== entry.phone.nonce) {
    entry.phone.nonce = nonce;
    entry.phone.count = 0;
  }
  entry.phone.header = status === 401 ? "Authorization" : "Proxy-Authorization";
  request(entry.phone, entry.method, entry.uri, entry.body, entry.done);
}

const taken = new Set<string>();

socket.on("message", (packet, peer) => {
  const text = packet.toString("utf8");
  if (text.startsWith("SIP/2.0")) return answered(text);
  if (!text.startsWith("MESSAGE ")) return;
  const end = text.indexOf("\r\n\r\n");
  const head = text.slice(0, end);
  const kept = head.split("\r\n").filter((line) => /^(Via|v|From|f|To|t|Call-ID|i|CSeq):/i.test(line));
  const answer = kept.map((line) =>
    /^(To|t):/i.test(line) && !line.includes("tag=") ? `${line};tag=x` : line,
  );
  socket.send(
    `SIP/2.0 200 OK\r\n${answer.join("\r\n")}\r\nContent-Length: 0\r\n\r\n`,
    peer.port,
    peer.address,
  );
  const call = /^(?:Call-ID|i):\s*(\S+)/im.exec(head)?.[1] ?? "";
  if (taken.has(call)) return;
  taken.add(call);
  heard(text.slice(end + 4));
});

const register = (phone: Phone): Promise<number> =>
  new Promise((resolve) => request(phone, "REGISTER", `sip:${domain}`, "", resolve));
for (const phone of option("register") === "no" ? [] : phones) {
  const status = await register(phone);
  if (status !== 200) throw new Error(`REGISTER of ${phone.user} was answered ${status}`);
}
const say = (from: number, to: string, text: string): boolean => {
  const phone = phones[from];
  if (phone) request(phone, "MESSAGE", `sip:${to}`, text);
  return phone !== undefined;
};
serve({ say }, people);
