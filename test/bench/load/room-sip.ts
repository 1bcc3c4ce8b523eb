// Room driver for SIP: INVITEs of many people from one UDP socket to one focus (RFC 4579), each with an MSRP session on a TCP
// connection of his own (RFC 4975, RFC 7701); no code shared with the gateway. Arguments: people, domain, gateway port, room.
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { createConnection, type Socket } from "node:net";
import { copy, serveRoom } from "./room.ts";

const [peopleText = "1", domain = "", portText = "", room = ""] = process.argv.slice(2);
const people = Number(peopleText);
const udp = createSocket({ type: "udp4", recvBufferSize: 8_388_608, sendBufferSize: 8_388_608 });
await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
const own = udp.address().port;
const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
const random = (): string => randomBytes(8).toString("hex");
const uri = `sip:${room}`;
/** RFC 3261 §17.1.1.1. */
const timer1Ms = 500;
const patienceMs = 30_000;

interface Call {
  readonly user: string;
  readonly callId: string;
  readonly tag: string;
  cseq: number;
  to: string;
  target: string;
  socket: Socket | undefined;
  ownPath: string;
  peerPath: string;
}

const calls: Call[] = Array.from({ length: people }, (_, number) => ({
  user: `user${number}`,
  callId: random(),
  tag: random(),
  cseq: 0,
  to: `<${uri}>`,
  target: uri,
  socket: undefined,
  ownPath: "",
  peerPath: "",
}));
const waiting = new Map<string, (response: string) => void>();

function send(call: Call, method: string, branch: string, more: string, body: string): void {
  const type = body === "" ? "" : "Content-Type: application/sdp\r\n";
  udp.send(
    `${method} ${call.target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${own};branch=${branch};rport\r\nMax-Forwards: 70\r\n` +
      `From: "${call.user}" <sip:${call.user}@${domain}>;tag=${call.tag}\r\nTo: ${call.to}\r\nCall-ID: ${call.callId}\r\n` +
      `CSeq: ${call.cseq} ${method}\r\nContact: <sip:${call.user}@127.0.0.1:${own}>\r\n${more}${type}Content-Length: ${body.length}\r\n\r\n${body}`,
    Number(portText),
    "127.0.0.1",
  );
}

/** The final response; sent again until something comes. */
function exchange(call: Call, method: string, more: string, body: string): Promise<string> {
  const branch = `z9hG4bK${random()}`;
  call.cseq += 1;
  return new Promise((resolve, reject) => {
    const again = setInterval(() => send(call, method, branch, more, body), timer1Ms);
    const late = setTimeout(() => reject(new Error(`${method} of ${call.user} is not answered`)), patienceMs);
    waiting.set(branch, (response) => {
      clearInterval(again);
      if (/^SIP\/2.0 1/.test(response)) return;
      clearTimeout(late);
      waiting.delete(branch);
      if (method === "INVITE" && !/^SIP\/2.0 2/.test(response)) acknowledge(call, branch, response);
      resolve(response);
    });
    send(call, method, branch, more, body);
  });
}

function acknowledge(call: Call, branch: string, response: string): void {
  const to = header(response, "To");
  send({ ...call, to }, "ACK", branch, "", "");
}

const header = (message: string, name: string): string =>
  new RegExp(`^${name}:\\s*(.*?)\\r?$`, "im").exec(message)?.[1] ?? "";

/** With digest where it is asked for; throws at what is not 200. */
async function request(call: Call, method: string, body: string): Promise<string> {
  let response = await exchange(call, method, "", body);
  const challenge = header(response, "(?:WWW|Proxy)-Authenticate");
  if (challenge !== "") {
    const nonce = /nonce="([^"]+)"/.exec(challenge)?.[1] ?? "";
    const realm = /realm="([^"]+)"/.exec(challenge)?.[1] ?? "";
    const name = response.startsWith("SIP/2.0 401") ? "Authorization" : "Proxy-Authorization";
    const secret = md5(`${call.user}:${realm}:pw-${call.user}`);
    const proof = md5(`${secret}:${nonce}:00000001:c0ffee:auth:${md5(`${method}:${call.target}`)}`);
    const fields = `username="${call.user}",realm="${realm}",nonce="${nonce}",uri="${call.target}",response="${proof}"`;
    const more = `${name}: Digest ${fields},algorithm=MD5,qop=auth,nc=00000001,cnonce="c0ffee"\r\n`;
    response = await exchange(call, method, more, body);
  }
  if (!response.startsWith("SIP/2.0 200"))
    throw new Error(`${method} of ${call.user} was answered ${response.split("\r\n", 1)[0]}`);
  return response;
}

udp.on("message", (packet, peer) => {
  const text = packet.toString("utf8");
  if (text.startsWith("SIP/2.0")) {
    waiting.get(/branch=(z9hG4bK[0-9a-f]+)/.exec(text)?.[1] ?? "")?.(text);
    return;
  }
  if (text.startsWith("ACK")) return;
  const kept = text.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line));
  udp.send(`SIP/2.0 200 OK\r\n${kept.join("\r\n")}\r\nContent-Length: 0\r\n\r\n`, peer.port, peer.address);
});

const offer = (path: string): string =>
  [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    "m=message 9 TCP/MSRP *",
    "a=accept-types:message/cpim",
    "a=accept-wrapped-types:text/plain",
    `a=path:${path}`,
    "a=setup:active",
    "a=chatroom:nickname private-messages",
    "",
  ].join("\r\n");

async function enter(number: number): Promise<void> {
  const call = callOf(number);
  // A call of its own each time; nobody connects to the path.
  const path = `msrp://127.0.0.1:9/${random()};tcp`;
  Object.assign(call, {
    callId: random(),
    tag: random(),
    cseq: 0,
    to: `<${uri}>`,
    target: uri,
    ownPath: path,
  });
  const response = await request(call, "INVITE", offer(path));
  call.to = header(response, "To");
  call.target = /<([^>]+)>/.exec(header(response, "Contact"))?.[1] ?? uri;
  send(call, "ACK", `z9hG4bK${random()}`, "", "");
  call.peerPath = /^a=path:(\S+)/m.exec(response)?.[1] ?? "";
  await connect(call, number);
}

async function connect(call: Call, number: number): Promise<void> {
  const port = Number(/:(\d+)\//.exec(call.peerPath)?.[1]);
  const socket = createConnection({ host: "127.0.0.1", port, noDelay: true }).setEncoding("latin1");
  call.socket = socket;
  await new Promise<void>((bound, reject) => {
    let rest = "";
    socket.once("error", reject);
    socket.on("data", (data: string) => {
      rest = read(number, rest === "" ? data : rest + data, bound);
    });
    socket.once("connect", () => write(call, "Byte-Range: 1-0/0\r\n"));
  });
}

/** Takes whole MSRP packets off the front, and answers all at once those that want it (RFC 4975 §7.1.2). */
function read(number: number, text: string, answered: () => void): string {
  const { ownPath, peerPath, socket } = callOf(number);
  const paths = `To-Path: ${peerPath}\r\nFrom-Path: ${ownPath}\r\n`;
  let answers = "";
  let at = 0;
  for (;;) {
    const line = text.indexOf("\r\n", at);
    if (line < 0) break;
    const [, tid = "", what = ""] = text.slice(at, line).split(" ", 3);
    const end = text.indexOf(`\r\n-------${tid}`, line);
    const next = end + 9 + tid.length + 3;
    if (end < 0 || next > text.length) break;
    if (what === "SEND") {
      copy(number, text.slice(text.lastIndexOf("\r\n\r\n", end) + 4, end));
      if (text.lastIndexOf("Failure-Report: no", end) < at)
        answers += `MSRP ${tid} 200 OK\r\n${paths}-------${tid}$\r\n`;
    } else if (what === "200") answered();
    else throw new Error(`the focus said ${text.slice(at, line)}`);
    at = next;
  }
  if (answers !== "") socket?.write(answers, "latin1");
  return at === 0 ? text : text.slice(at);
}

function write(call: Call, fields: string): void {
  const tid = random();
  const paths = `To-Path: ${call.peerPath}\r\nFrom-Path: ${call.ownPath}\r\nMessage-ID: ${random()}\r\n`;
  call.socket?.write(`MSRP ${tid} SEND\r\n${paths}${fields}-------${tid}$\r\n`, "latin1");
}

function say(number: number, text: string): void {
  const call = callOf(number);
  const from = `From: <sip:${call.user}@${domain}>\r\nTo: <${uri}>\r\n`;
  const body = `${from}\r\nContent-Type: text/plain;charset=UTF-8\r\n\r\n${text.padEnd(200, " .")}`;
  const range = `Byte-Range: 1-${body.length}/${body.length}\r\n`;
  write(call, `${range}Content-Type: message/cpim\r\n\r\n${body}\r\n`);
}

async function leave(number: number): Promise<void> {
  const call = callOf(number);
  await request(call, "BYE", "");
  call.socket?.destroy();
}

function callOf(number: number): Call {
  const call = calls[number];
  if (call === undefined) throw new Error(`nobody has the number ${number}`);
  return call;
}

serveRoom({ enter, say, leave }, people);
