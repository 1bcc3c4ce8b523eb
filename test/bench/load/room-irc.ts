// Room driver for IRC: a connection per person in one channel (RFC 2812); no code shared with the gateway.
// Arguments: people, port, channel.
import { createConnection, type Socket } from "node:net";
import { copy, inTurns, serveRoom } from "./room.ts";

const [peopleText = "1", portText = "", channel = ""] = process.argv.slice(2);
const people = Number(peopleText);

interface Person {
  readonly socket: Socket;
  awaited: { readonly command: string; readonly go: () => void } | undefined;
}

const persons: Person[] = [];
/** Nicks of people of other protocols that the first one saw come in: users by name, not gateways' own bots. */
const seen = new Set<string>();
const isGuest = (source: string): boolean => source.startsWith(":user");

function until(person: Person, command: string, line: string): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      person.awaited = undefined;
      resolve();
    };
    person.awaited = { command, go };
    person.socket.write(`${line}\r\n`);
  });
}

async function logIn(number: number): Promise<void> {
  const socket = createConnection(Number(portText), "127.0.0.1").setNoDelay(true).setEncoding("utf8");
  socket.once("close", () => {
    throw new Error(`carol${number}: the connection is closed`);
  });
  const person: Person = { socket, awaited: undefined };
  persons[number] = person;
  let rest = "";
  socket.on("data", (data: string) => {
    const lines = (rest + data).split("\r\n");
    rest = lines.pop() ?? "";
    for (const line of lines) read(person, number, line);
  });
  await until(person, "001", `NICK carol${number}\r\nUSER carol${number} 0 * :load`);
}

function read(person: Person, number: number, line: string): void {
  if (line.startsWith("PING")) person.socket.write(`PONG${line.slice(4)}\r\n`);
  const [source = "", command = "", target = "", ...words] = line.split(" ");
  if (number === 0 && command === "JOIN" && isGuest(source)) seen.add(source.split("!", 1)[0] ?? "");
  if (command === person.awaited?.command) person.awaited.go();
  if (command === "PRIVMSG" && target === channel) copy(number, words.join(" ").slice(1));
}

const personOf = (number: number): Person => {
  const person = persons[number];
  if (person === undefined) throw new Error(`nobody has the number ${number}`);
  return person;
};

await inTurns(0, people, 10, logIn);
serveRoom(
  {
    present: () => seen.size,
    enter: (number) => until(personOf(number), "366", `JOIN ${channel}`),
    say: (number, text) => void personOf(number).socket.write(`PRIVMSG ${channel} :${text}\r\n`),
  },
  people,
);
