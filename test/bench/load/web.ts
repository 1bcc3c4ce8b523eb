// Load driver for the web: a WebSocket per person in the sylkRTC-2 vocabulary, acknowledging what it receives; made again when
// it breaks, and then what was not accepted is sent again under the same id. No code shared with the gateway.
// Arguments: people, domain, gateway port(s) separated by commas.
import { createHash } from "node:crypto";
import { WebSocket } from "ws";
import { accepted, heard, refused, serve, told } from "./load.ts";

const [peopleText = "1", domain = "", portsText = ""] = process.argv.slice(2);
const people = Number(peopleText);
const ports = portsText.split(",").map(Number);

interface Person {
  readonly account: string;
  readonly user: string;
  readonly port: number;
  socket: WebSocket | undefined;
  /** Said and not yet accepted: message id to request. */
  readonly open: Map<string, { uri: string; content: string }>;
  /** Ids received: a second copy under the same id is the same message (that is the protocol's rule). */
  readonly received: Set<string>;
}

const persons: Person[] = Array.from({ length: people }, (_, index) => ({
  account: `user${index}@${domain}`,
  user: `user${index}`,
  port: ports[index % ports.length] ?? 0,
  socket: undefined,
  open: new Map(),
  received: new Set(),
}));
const texts = new Map<string, string>();
let transaction = 0;
let id = 0;

function send(socket: WebSocket, request: object): void {
  transaction += 1;
  socket.send(JSON.stringify({ ...request, transaction: `t${transaction}` }));
}

/** Keeps one person connected. Resolves when he is registered the first time. */
async function stay(person: Person): Promise<void> {
  const url = `ws://127.0.0.1:${person.port}/webrtcgateway/ws`;
  const socket = new WebSocket(url, "sylkRTC-2", { origin: `http://127.0.0.1:${person.port}` });
  const registered = new Promise<boolean>((resolve) => {
    socket.on("error", () => undefined).once("close", () => resolve(false));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      if (frame.event === "registration-state" && frame.state === "registered") resolve(true);
      read(person, socket, frame);
    });
  });
  socket.once("open", () => {
    const password = createHash("md5").update(`${person.user}:${domain}:pw-${person.user}`).digest("hex");
    send(socket, { sylkrtc: "account-add", account: person.account, password, device_id: "load" });
    send(socket, { sylkrtc: "account-register", account: person.account });
  });
  if (!(await registered)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return stay(person);
  }
  person.socket = socket;
  socket.once("close", () => {
    person.socket = undefined;
    setTimeout(() => void stay(person), 200);
  });
  for (const [messageId, message] of person.open) write(person, socket, messageId, message);
}

interface Frame {
  readonly sylkrtc: string;
  readonly event?: string;
  readonly state?: string;
  readonly message_id?: string;
  readonly content?: string;
  readonly transaction?: string;
}

const byTransaction = new Map<string, { person: Person; messageId: string }>();

function read(person: Person, socket: WebSocket, frame: Frame): void {
  const messageId = frame.message_id ?? "";
  if (frame.sylkrtc === "error") {
    const about = byTransaction.get(frame.transaction ?? "");
    if (about === undefined) return;
    about.person.open.delete(about.messageId);
    refused(texts.get(about.messageId) ?? "");
    return;
  }
  if (frame.event === "disposition-notification") {
    if (frame.state === "accepted") {
      person.open.delete(messageId);
      accepted(texts.get(messageId) ?? "");
    }
    if (frame.state === "failed") told(texts.get(messageId) ?? "");
  }
  if (frame.event !== "message") return;
  send(socket, { sylkrtc: "account-ack", account: person.account, message_id: messageId });
  if (person.received.has(messageId)) return;
  person.received.add(messageId);
  heard(frame.content ?? "");
}

function write(
  person: Person,
  socket: WebSocket,
  messageId: string,
  message: { uri: string; content: string },
): void {
  byTransaction.set(`t${transaction + 1}`, { person, messageId });
  send(socket, {
    sylkrtc: "account-message",
    account: person.account,
    message_id: messageId,
    content_type: "text/plain",
    timestamp: new Date().toISOString(),
    ...message,
  });
}

const say = (from: number, uri: string, content: string): boolean => {
  const person = persons[from];
  if (person === undefined) return false;
  id += 1;
  const messageId = `m${id}`;
  texts.set(messageId, content);
  person.open.set(messageId, { uri, content });
  if (person.socket) write(person, person.socket, messageId, { uri, content });
  return true;
};

for (const person of persons) await stay(person);
serve({ say }, people);
