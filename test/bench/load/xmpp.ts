// Load driver for XMPP: a c2s connection per person (RFC 6120, SASL PLAIN on loopback), made again when it breaks; no code
// shared with the gateway. Arguments: people, domain, c2s port; `join=ROOM` enters a room first (biboumi's way on to a network).
import { createConnection, type Socket } from "node:net";
import { accepted, heard, option, refused, serve, told } from "./load.ts";

const [peopleText = "1", domain = "", portText = ""] = process.argv.slice(2);
const people = Number(peopleText);
const sockets: (Socket | undefined)[] = [];
/** What was said under which stanza id, to know which one an error is about. */
const said = new Map<string, string>();
let id = 0;

const entities: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&apos;": "'",
  "&quot;": '"',
  "&amp;": "&",
};
const plain = (text: string): string =>
  text.replace(/&(?:lt|gt|apos|quot|amp);/g, (entity) => entities[entity] ?? entity);

/** Logs one person in, and again whenever the connection breaks. Resolves when he is online the first time. */
async function stay(index: number): Promise<void> {
  try {
    const socket = await logIn(`user${index}`);
    sockets[index] = socket;
    socket.once("close", () => {
      sockets[index] = undefined;
      setTimeout(() => void stay(index), 200);
    });
  } catch {
    // The server is away: tried again until it is back; the play has its own deadline.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await stay(index);
  }
}

async function logIn(user: string): Promise<Socket> {
  const socket = createConnection(Number(portText), "127.0.0.1").setNoDelay(true).setEncoding("utf8");
  let buffer = "";
  let step: ((text: string) => boolean) | undefined;
  const broken = new Promise<never>((_, reject) => {
    socket.on("error", reject).once("close", () => reject(new Error("closed")));
  });
  broken.catch(() => undefined);
  socket.on("data", (data: string) => {
    buffer += data;
    if (step === undefined) buffer = read(buffer);
    else if (step(buffer)) buffer = "";
  });
  const exchange = (write: string, until: string): Promise<void> => {
    const answered = new Promise<void>((resolve, reject) => {
      step = (text) => {
        if (text.includes("<failure") || text.includes("stream:error")) reject(new Error(`${user}: ${text}`));
        if (!text.includes(until)) return false;
        step = undefined;
        resolve();
        return true;
      };
      socket.write(write);
    });
    return Promise.race([answered, broken]);
  };
  const header = `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
  const secret = Buffer.from(`\0${user}\0pw-${user}`).toString("base64");
  await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), broken]);
  await exchange(header, "</stream:features>");
  await exchange(
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`,
    "<success",
  );
  await exchange(header, "</stream:features>");
  await exchange(
    `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind></iq>`,
    "</iq>",
  );
  await exchange("<presence/>", "<presence");
  const room = option("join");
  const muc = "<x xmlns='http://jabber.org/protocol/muc'/>";
  // 110 is one's own presence, the last of those that one gets on entering (XEP-0045 §7.2.2).
  if (room) await exchange(`<presence to='${room}/${user}'>${muc}</presence>`, "110");
  return socket;
}

/** Takes whole message stanzas off the front of what was read. */
function read(text: string): string {
  let rest = text;
  for (;;) {
    const end = rest.indexOf("</message>");
    if (end < 0) return rest;
    const stanza = rest.slice(rest.indexOf("<message"), end);
    rest = rest.slice(end + 10);
    const head = stanza.slice(0, stanza.indexOf(">"));
    if (/type=['"]error/.test(head)) {
      const about = said.get(/ id=['"]([^'"]+)/.exec(head)?.[1] ?? "") ?? "";
      refused(about);
      told(about);
      continue;
    }
    const body = /<body[^>]*>([^<]*)<\/body>/.exec(stanza)?.[1];
    if (body !== undefined) heard(plain(body));
  }
}

const say = (from: number, to: string, text: string): boolean => {
  const socket = sockets[from];
  if (socket === undefined) return false;
  id += 1;
  said.set(`l${id}`, text);
  accepted(text);
  socket.write(`<message to='${to}' type='chat' id='l${id}'><body>${text}</body></message>`);
  return true;
};

for (let index = 0; index < people; index += 1) await stay(index);
serve({ say }, people);
