// Room driver for XMPP: a c2s connection per person (RFC 6120, SASL PLAIN on loopback) in one MUC (XEP-0045); no code shared with
// the gateway. Arguments: people, domain, c2s port, room; `unlock=yes`: the first one accepts the settings of a room that he made.
import { createConnection, type Socket } from "node:net";
import { option } from "./load.ts";
import { copy, inTurns, serveRoom } from "./room.ts";

const [peopleText = "1", domain = "", portText = "", room = ""] = process.argv.slice(2);
const people = Number(peopleText);

interface Person {
  readonly number: number;
  readonly socket: Socket;
  rest: string;
  /** What he waits for: called when this stands in what was read. */
  awaited: { readonly text: string; readonly go: () => void } | undefined;
}

const persons: Person[] = [];

function until(person: Person, text: string, write: string): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      person.awaited = undefined;
      resolve();
    };
    person.awaited = { text, go };
    person.socket.write(write);
  });
}

async function logIn(number: number): Promise<void> {
  const user = `user${number}`;
  const socket = createConnection(Number(portText), "127.0.0.1").setNoDelay(true).setEncoding("utf8");
  socket.once("close", () => {
    throw new Error(`${user}: the connection is closed`);
  });
  const person: Person = { number, socket, rest: "", awaited: undefined };
  persons[number] = person;
  socket.on("data", (data: string) => read(person, data));
  await new Promise((resolve) => socket.once("connect", resolve));
  const header = `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
  const secret = Buffer.from(`\0${user}\0pw-${user}`).toString("base64");
  await until(person, "</stream:features>", header);
  await until(
    person,
    "<success",
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`,
  );
  await until(person, "</stream:features>", header);
  await until(
    person,
    "</iq>",
    `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind></iq>`,
  );
  await until(person, "<presence", "<presence/>");
}

// Only what stands between <body> and </body> is looked at, and one word while somebody waits for it; of the rest an end is kept
// in which a tag may have begun.
function read(person: Person, data: string): void {
  const text = person.rest === "" ? data : person.rest + data;
  const { awaited } = person;
  if (awaited !== undefined) {
    if (text.includes("<failure") || text.includes("stream:error") || text.includes("type='error'"))
      throw new Error(`user${person.number}: ${text}`);
    person.rest = text;
    if (text.includes(awaited.text)) {
      person.rest = "";
      awaited.go();
    } else if (text.length > 1024) person.rest = text.slice(-1024);
    return;
  }
  let at = 0;
  for (;;) {
    const body = text.indexOf("<body", at);
    if (body < 0) {
      person.rest = text.slice(Math.max(at, text.length - 5));
      return;
    }
    const end = text.indexOf("</body>", body);
    if (end < 0) {
      person.rest = text.slice(body);
      return;
    }
    copy(person.number, text.slice(text.indexOf(">", body) + 1, end));
    at = end + 7;
  }
}

const personOf = (number: number): Person => {
  const person = persons[number];
  if (person === undefined) throw new Error(`nobody has the number ${number}`);
  return person;
};

await inTurns(0, people, 20, logIn);
serveRoom(
  {
    async enter(number) {
      const person = personOf(number);
      const history = "<history maxstanzas='0'/>";
      const muc = `<x xmlns='http://jabber.org/protocol/muc'>${history}</x>`;
      // 110 is one's own presence, the last of those that one gets on entering (XEP-0045 §7.2.2).
      const join = `<presence to='${room}/user${number}'>${muc}</presence>`;
      const self = "110";
      await until(person, self, join);
      if (number > 0 || option("unlock") !== "yes") return;
      const form = "<x xmlns='jabber:x:data' type='submit'/>";
      const query = `<query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query>`;
      await until(person, "id='u'", `<iq type='set' id='u' to='${room}'>${query}</iq>`);
    },
    say(number, text) {
      const body = `<body>${text}</body>`;
      personOf(number).socket.write(
        `<message to='${room}' type='groupchat' id='${text.split(" ", 2).join("-")}'>${body}</message>`,
      );
    },
  },
  people,
);
