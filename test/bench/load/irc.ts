// Load driver for IRC: a connection per person, made again when it breaks; no code shared with the gateway. It writes to addresses
// by the service nick, and to nicks directly. A PING after each line tells whether the server took it (an error numeric comes before the PONG).
// Arguments: people, port; `confirm=no`: without that PING, for benches.
import { createConnection, type Socket } from "node:net";
import { accepted, heard, option, refused, serve } from "./load.ts";

const [peopleText = "1", portText = ""] = process.argv.slice(2);
const people = Number(peopleText);
const confirm = option("confirm") !== "no";
const sockets: (Socket | undefined)[] = [];

/** Keeps one person on the network. Resolves when he is there the first time. */
async function stay(index: number): Promise<void> {
  const socket = createConnection(Number(portText), "127.0.0.1").setNoDelay(true).setEncoding("utf8");
  socket.on("error", () => undefined);
  let rest = "";
  const there = await new Promise<boolean>((resolve) => {
    socket.once("close", () => {
      sockets[index] = undefined;
      resolve(false);
    });
    socket.on("data", (data: string) => {
      const lines = (rest + data).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (read(socket, line)) resolve(true);
    });
    socket.write(`NICK carol${index}\r\nUSER carol${index} 0 * :load\r\n`);
  });
  if (there) {
    sockets[index] = socket;
    socket.once("close", () => setTimeout(() => void stay(index), 300));
    return;
  }
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await stay(index);
}

const failing = new WeakSet<Socket>();

/** One line from the server; true when it is the welcome. */
function read(socket: Socket, line: string): boolean {
  if (line.startsWith("PING")) socket.write(`PONG${line.slice(4)}\r\n`);
  const [source = "", command = "", , ...words] = line.split(" ");
  if (command === "401" || command === "433") failing.add(socket);
  if (command === "433") socket.destroy();
  if (command === "PRIVMSG" || command === "NOTICE")
    heard(words.join(" ").slice(1), source.slice(1).split("!")[0]);
  if (command === "PONG") {
    const said = words.join(" ").replace(/^:/, "").replaceAll("_", " ");
    if (failing.delete(socket)) refused(said);
    else accepted(said);
  }
  return command === "001";
}

const say = (from: number, to: string, text: string): boolean => {
  const socket = sockets[from];
  if (socket === undefined) return false;
  const line = to.includes("@") ? `PRIVMSG Parley :to ${to} ${text}` : `PRIVMSG ${to} :${text}`;
  if (!confirm) {
    accepted(text);
    socket.write(`${line}\r\n`);
    return true;
  }
  const token = text.split(" ").slice(0, 2).join("_");
  socket.write(`${line}\r\nPING :${token}\r\n`);
  return true;
};

for (let index = 0; index < people; index += 1) await stay(index);
serve({ say }, people);
