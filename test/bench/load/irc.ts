// Load driver for IRC: a connection per person; no code shared with the gateway. Arguments: people, port.
// It writes to a person by the nick of his puppet, once the puppet is there; before that through the service nick.
import { createConnection, type Socket } from "node:net";
import { heard, serve } from "./load.ts";

const [peopleText = "1", portText = ""] = process.argv.slice(2);
const people = Number(peopleText);
const answers = { accepted: 0, refused: 0 };

async function client(nick: string): Promise<Socket> {
  const socket = createConnection(Number(portText), "127.0.0.1").setNoDelay(true);
  socket.setEncoding("utf8");
  let rest = "";
  await new Promise<void>((resolve) => {
    socket.on("data", (data: string) => {
      const lines = (rest + data).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("PING")) socket.write(`PONG${line.slice(4)}\r\n`);
        const [, command, , ...words] = line.split(" ");
        if (command === "001") resolve();
        if (command === "401") answers.refused += 1;
        if (command === "PRIVMSG") heard(words.join(" ").slice(1));
      }
    });
    socket.write(`NICK ${nick}\r\nUSER ${nick} 0 * :load\r\n`);
  });
  return socket;
}

const sockets: Socket[] = [];
for (let index = 0; index < people; index += 1) sockets.push(await client(`carol${index}`));
const say = (from: number, to: string, text: string): void => {
  answers.accepted += 1;
  const line = to.includes("@") ? `PRIVMSG Parley :to ${to} ${text}` : `PRIVMSG ${to} :${text}`;
  sockets[from]?.write(`${line}\r\n`);
};
serve({ say, answers }, people);
