// The same house with clients that others wrote: slixmpp, SIPp, and Chromium on the page. Whichever is not installed is named aloud.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Actor, Ear } from "#test/cast/actor.ts";
import { privateFolder, startChild } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";
import { hasSlixmpp, python } from "#test/support/slixmpp.ts";
import { actorsAt, patienceMs, warm } from "./company.ts";
import { type House, openHouse, password } from "./house.ts";

const sipp = "/usr/bin/sipp";
const browser = "/usr/bin/chromium";

let house: House;
let una: Actor;
let wim: Actor;
let ira: Actor;
let xena: Actor;

beforeAll(async () => {
  house = await openHouse({ people: ["una", "wim", "xena", "slix", "sippy", "paige"] });
  const { phone, xmpp, web, irc } = actorsAt(house);
  [una, xena, wim, ira] = await Promise.all([phone("una"), xmpp("xena"), web("wim"), irc("ira")]);
  await warm({ "sip-udp": una, xmpp: xena, web: wim, irc: ira });
});

afterAll(async () => {
  await Promise.all([una, xena, wim, ira].map((actor) => actor?.close()));
  await house?.close();
});

function isThere(path: string): boolean {
  if (existsSync(path)) return true;
  console.warn(`NOT PLAYED: ${path} is not installed`);
  // Said aloud: a play that is left out must not look like one that passed.
  return false;
}

interface Told {
  readonly event: string;
  readonly id?: string;
  readonly text?: string;
  readonly sender?: string;
  readonly condition?: string;
}

test.runIf(hasSlixmpp())(
  "slixmpp: both ways with everyone, receipts, and an error for its own id",
  async () => {
    const script = join(import.meta.dirname, "foreign-xmpp.py");
    const args = [script, "slix@xmpp.example", password("slix"), String(house.ports.c2s)];
    const client = spawn(python, args, { stdio: ["pipe", "pipe", "inherit"] });
    const ear = new Ear<Told>("slixmpp tells");
    createInterface(client.stdout).on("line", (line) => ear.add(JSON.parse(line) as Told));
    try {
      await ear.next(({ event }) => event === "ready", 20_000);
      const say = (to: string, text: string): void =>
        void client.stdin.write(`${JSON.stringify([to, text])}\n`);
      const sentId = async (text: string) =>
        (await ear.next((one) => one.event === "sent" && one.text === text, 5000)).id;
      for (const [to, hearer] of [
        [una.address, una],
        [wim.address, wim],
        [ira.address, ira],
      ] as const) {
        const text = `slixmpp <says> & "means" it to ${to} ✅`;
        say(to, text);
        const heard = await hearer.heard((message) => message.text === text, patienceMs);
        expect(heard.from).toBe(hearer === ira ? "slix" : "slix@xmpp.example");
        await hearer.say("slix@xmpp.example", `answer from ${to}`);
        const answer = await ear.next(({ text: said }) => said === `answer from ${to}`, patienceMs);
        expect(answer).toMatchObject({ event: "message", sender: to });
      }
      const toWeb = await sentId(`slixmpp <says> & "means" it to ${wim.address} ✅`);
      await ear.next((one) => one.event === "receipt" && one.id === toWeb, patienceMs);
      say("nobody@web.example", "is nobody there?");
      const id = await sentId("is nobody there?");
      const refused = await ear.next((one) => one.event === "error" && one.id === id, patienceMs);
      expect(refused.condition).toBe("item-not-found");
    } finally {
      client.stdin.end();
      const late = setTimeout(() => client.kill("SIGKILL"), 5000);
      await new Promise((resolve) =>
        client.exitCode === null ? client.once("exit", resolve) : resolve(undefined),
      );
      clearTimeout(late);
    }
  },
);

// Authentication in a scenario of SIPp: the first MESSAGE is challenged, the second carries the answer.
const message = (cseq: number, authentication: string): string => `
  <send retrans="500"><![CDATA[
    MESSAGE sip:[field1] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:sippy@sip.example>;tag=[pid]-[call_number]
    To: <sip:[field1]>
    Call-ID: [call_id]
    CSeq: ${cseq} MESSAGE
    ${authentication}
    Content-Type: text/plain
    Content-Length: [len]

    SIPp number [call_number]
  ]]></send>`;

const scenario = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="message with digest">${message(1, "Subject: load")}
  <recv response="407" auth="true"/>${message(2, "[authentication username=sippy password=pw-sippy]")}
  <recv response="100" optional="true"/>
  <recv response="202" optional="true" next="1"/>
  <recv response="200"/>
  <label id="1"/>
</scenario>
`;

test.runIf(isThere(sipp))("SIPp: 100 messages with digest, each answered and heard once", async () => {
  const folder = privateFolder("sipp");
  writeFileSync(join(folder, "message.xml"), scenario);
  writeFileSync(join(folder, "to.csv"), "SEQUENTIAL\nsippy;wim@web.example\n");
  const args = [
    `127.0.0.1:${house.ports.sip[0]}`,
    "-sf",
    "message.xml",
    "-inf",
    "to.csv",
    "-m",
    "100",
    "-r",
    "50",
  ];
  const where = [
    "-i",
    "127.0.0.1",
    "-p",
    String(await freePort()),
    "-nostdin",
    "-timeout",
    "40s",
    "-timeout_error",
  ];
  const child = await startChild({
    name: "sipp",
    command: sipp,
    args: [...args, ...where],
    dir: folder,
    cwd: folder,
  });
  const { code } = await child.exited;
  const errors = readdirSync(folder)
    .filter((name) => name.includes("errors"))
    .map((name) => readFileSync(join(folder, name), "utf8"));
  expect(code, errors.join("").slice(0, 1500)).toBe(0);
  for (let n = 1; n <= 100; n += 1)
    await wim.heard(({ text }) => text.trim() === `SIPp number ${n}`, patienceMs);
  expect(wim.messages.filter(({ text }) => text.startsWith("SIPp number"))).toHaveLength(100);
});

test.runIf(isThere(browser))("Chromium on the page: both ways with a phone, markup as text", async () => {
  const chrome = await chromium.launch({
    executablePath: browser,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  try {
    const page = await chrome.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(`http://127.0.0.1:${house.ports.web[0]}/`);
    await page.getByLabel("Your address").fill("paige@web.example");
    await page.getByLabel("Password").fill(password("paige"));
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("connected", { exact: true }).waitFor();
    await una.say("paige@web.example", "<b>hello</b> from a phone");
    await page.getByText("<b>hello</b> from a phone").first().waitFor();
    await page.getByLabel("Write to an address").fill("una@sip.example");
    await page.getByLabel("Write to an address").press("Enter");
    await page.getByLabel("Message", { exact: true }).fill("hello back from the page");
    await page.getByLabel("Message", { exact: true }).press("Enter");
    const heard = await una.heard((one) => one.text === "hello back from the page", patienceMs);
    expect(heard.from).toBe("paige@web.example");
  } finally {
    await chrome.close();
  }
});
