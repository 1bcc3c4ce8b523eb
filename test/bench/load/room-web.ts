// Room driver for the web: a WebSocket per person in one room, in the sylkRTC-2 vocabulary; no code shared with the gateway.
// Arguments: people, domain, gateway port, room.
import { WebSocket } from "ws";
import { copy, inTurns, serveRoom } from "./room.ts";

const [peopleText = "1", domain = "", portText = "", room = ""] = process.argv.slice(2);
const people = Number(peopleText);

interface Frame {
  readonly sylkrtc: string;
  readonly event?: string;
  readonly state?: string;
  readonly content?: string;
  readonly transaction?: string;
}

interface Person {
  readonly number: number;
  readonly account: string;
  readonly socket: WebSocket;
  established: () => void;
}

const persons: Person[] = [];
const answers = new Map<string, (frame: Frame) => void>();
let transactions = 0;

/** Resolves when it is answered by `ack`; what is refused ends the driver. */
function ask(person: Person, request: object): Promise<void> {
  transactions += 1;
  const transaction = `t${transactions}`;
  return new Promise((resolve, reject) => {
    answers.set(transaction, (frame) =>
      frame.sylkrtc === "ack" ? resolve() : reject(new Error(JSON.stringify(frame))),
    );
    person.socket.send(JSON.stringify({ ...request, transaction }));
  });
}

async function logIn(number: number): Promise<void> {
  const account = `user${number}@${domain}`;
  const url = `ws://127.0.0.1:${portText}/webrtcgateway/ws`;
  const socket = new WebSocket(url, "sylkRTC-2", { perMessageDeflate: false });
  const person: Person = { number, account, socket, established: () => undefined };
  persons[number] = person;
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  socket.once("close", () => {
    throw new Error(`${account}: the connection is closed`);
  });
  socket.on("message", (data) => read(person, JSON.parse(String(data)) as Frame));
  const password = { password: `pw-user${number}`, password_type: "plain" };
  await ask(person, { sylkrtc: "account-add", account, ...password, device_id: "load" });
  await ask(person, { sylkrtc: "account-register", account });
}

function read(person: Person, frame: Frame): void {
  if (frame.transaction !== undefined) {
    answers.get(frame.transaction)?.(frame);
    answers.delete(frame.transaction);
    return;
  }
  if (frame.sylkrtc !== "videoroom-event") return;
  if (frame.event === "session-state" && frame.state === "established") person.established();
  if (frame.event === "message") copy(person.number, frame.content ?? "");
}

const personOf = (number: number): Person => {
  const person = persons[number];
  if (person === undefined) throw new Error(`nobody has the number ${number}`);
  return person;
};
const session = (number: number): string => `room${number}`;

await inTurns(0, people, 20, logIn);
serveRoom(
  {
    async enter(number) {
      const person = personOf(number);
      const established = new Promise<void>((resolve) => {
        person.established = resolve;
      });
      const who = { account: person.account, uri: room, nick: `user${number}`, history: 0 };
      await ask(person, { sylkrtc: "videoroom-join", session: session(number), ...who });
      await established;
    },
    say(number, content) {
      const message_id = content.split(" ", 2).join("-");
      const said = { message_id, content, content_type: "text/plain" };
      // A refusal ends the driver: then the figures would mean nothing.
      void ask(personOf(number), { sylkrtc: "videoroom-message", session: session(number), ...said });
    },
  },
  people,
);
