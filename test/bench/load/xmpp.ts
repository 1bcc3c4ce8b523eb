// Load driver for XMPP: a c2s connection per person (RFC 6120, SASL PLAIN on loopback); no code shared with the gateway.
// Arguments: people, domain, c2s port.
import { createConnection, type Socket } from "node:net";
import { heard, serve } from "./load.ts";

const [peopleText = "1", domain = "", portText = ""] = process.argv.slice(2);
const people = Number(peopleText);
const answers = { accepted: 0, refused: 0 };

const unescaped = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&apos;", "'")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");

/** Logs one person in; resolves with a connection that is online. */
async function client(user: string): Promise<Socket> {
  const socket = createConnection(Number(portText), "127.0.0.1").setNoDelay(true);
  socket.setEncoding("utf8");
  let buffer = "";
  let step: ((text: string) => boolean) | undefined;
  socket.on("data", (data: string) => {
    buffer += data;
    if (step !== undefined) {
      if (step(buffer)) buffer = "";
      return;
    }
    buffer = read(buffer);
  });
  const exchange = (write: string, until: string): Promise<void> =>
    new Promise((resolve, reject) => {
      step = (text) => {
        if (text.includes("<failure") || text.includes("stream:error")) reject(new Error(`${user}: ${text}`));
        if (!text.includes(until)) return false;
        step = undefined;
        resolve();
        return true;
      };
      socket.write(write);
    });
  const header = `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
  await new Promise((resolve) => socket.once("connect", resolve));
  await exchange(header, "</stream:features>");
  const plain = Buffer.from(`\0${user}\0pw-${user}`).toString("base64");
  await exchange(
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`,
    "<success",
  );
  await exchange(header, "</stream:features>");
  await exchange(
    `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind></iq>`,
    "</iq>",
  );
  await exchange("<presence/>", "<presence");
  return socket;
}

/** Takes whole message stanzas off the front of what was read. */
function read(text: string): string {
  let rest = text;
  for (;;) {
    const end = rest.indexOf("</message>");
    if (end < 0) return rest;
    const stanza = rest.slice(0, end);
    rest = rest.slice(end + 10);
    if (/^[^>]*type=['"]error/.test(stanza.slice(stanza.indexOf("<message")))) answers.refused += 1;
    else {
      const body = /<body[^>]*>([^<]*)<\/body>/.exec(stanza)?.[1];
      if (body !== undefined) heard(unescaped(body));
    }
  }
}

const sockets: Socket[] = [];
for (let index = 0; index < people; index += 1) sockets.push(await client(`user${index}`));
let id = 0;
const say = (from: number, to: string, text: string): void => {
  id += 1;
  answers.accepted += 1;
  sockets[from]?.write(`<message to='${to}' type='chat' id='l${id}'><body>${text}</body></message>`);
};
serve({ say, answers }, people);
