// Load driver for the web: a WebSocket per person in the sylkRTC-2 vocabulary, acknowledging what it receives; no code shared
// with the gateway. Arguments: people, domain, gateway port(s) separated by commas.
import { createHash } from "node:crypto";
import { WebSocket } from "ws";
import { heard, serve } from "./load.ts";

const [peopleText = "1", domain = "", portsText = ""] = process.argv.slice(2);
const people = Number(peopleText);
const ports = portsText.split(",").map(Number);
const answers = { accepted: 0, refused: 0 };
let transaction = 0;

const send = (socket: WebSocket, request: object): string => {
  transaction += 1;
  socket.send(JSON.stringify({ ...request, transaction: `t${transaction}` }));
  return `t${transaction}`;
};

async function client(user: string, port: number): Promise<WebSocket> {
  const url = `ws://127.0.0.1:${port}/webrtcgateway/ws`;
  const socket = new WebSocket(url, "sylkRTC-2", { origin: `http://127.0.0.1:${port}` });
  const account = `${user}@${domain}`;
  let registered: () => void = () => undefined;
  const online = new Promise<void>((resolve) => {
    registered = resolve;
  });
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data));
    if (frame.sylkrtc === "error") answers.refused += 1;
    if (frame.event === "registration-state" && frame.state === "registered") registered();
    if (frame.event === "disposition-notification" && frame.state === "accepted") answers.accepted += 1;
    if (frame.event === "disposition-notification" && frame.state === "failed") answers.refused += 1;
    if (frame.event !== "message") return;
    send(socket, { sylkrtc: "account-ack", account, message_id: frame.message_id });
    heard(frame.content);
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const password = createHash("md5").update(`${user}:${domain}:pw-${user}`).digest("hex");
  send(socket, { sylkrtc: "account-add", account, password });
  send(socket, { sylkrtc: "account-register", account });
  await online;
  return socket;
}

const sockets: WebSocket[] = [];
for (let index = 0; index < people; index += 1)
  sockets.push(await client(`user${index}`, ports[index % ports.length] ?? 0));
let id = 0;
const say = (from: number, to: string, text: string): void => {
  id += 1;
  const socket = sockets[from];
  const message = {
    message_id: `m${id}`,
    content: text,
    content_type: "text/plain",
    timestamp: new Date().toISOString(),
  };
  if (socket)
    send(socket, { sylkrtc: "account-message", account: `user${from}@${domain}`, uri: to, ...message });
};
serve({ say, answers }, people);
