// Rooms on the chat page in a real browser (headless Chromium), with the real gateway and the real conference service.
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MemoryServer, memoryServer } from "#bus-schemas/bus/memory.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main as conference } from "../../../conference-svc/main.ts";
import { main } from "../main.ts";
import { portOf } from "./fake-courier.ts";

const executablePath = process.env.PARLEY_CHROMIUM ?? "/usr/bin/chromium";
const there = existsSync(executablePath);
if (!there) console.warn(`SKIPPED: no Chromium at ${executablePath}; rooms are not tried in a browser`);
const pictures = process.env.PARLEY_PICTURES;
const uri = "lobby@rooms.example";
const directory = {
  domains: {
    "web.example": { homes: ["web"], deliver: "any" as const, faces: {} },
    "rooms.example": { homes: ["rooms"], deliver: "any" as const, faces: {} },
  },
  accounts: ["dave", "erin"].map((local) => ({
    address: { local, domain: "web.example" },
    password: "secret",
  })),
};

describe.skipIf(!there)("rooms on the page in Chromium", () => {
  let browser: Browser;
  let server: MemoryServer;
  let services: FakeService[];
  let web: FakeService;
  const complaints: string[] = [];

  const startWeb = async (port = 0): Promise<void> => {
    web = fakeService({
      name: "web",
      instance: "web-1",
      bus: server.connect(),
      directory,
      sections: { web: { listen: `127.0.0.1:${port}` } },
    });
    await main(web);
  };
  const signedIn = async (user: string, width = 1100): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width, height: 720 } });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`http://127.0.0.1:${portOf(web)}/`);
    await page.getByLabel("Your address").fill(`${user}@web.example`);
    await page.getByLabel("Password", { exact: true }).fill("secret");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("connected", { exact: true }).waitFor();
    return page;
  };
  const enter = async (page: Page, nick: string): Promise<void> => {
    await page.getByRole("button", { name: "# Enter a room …" }).click();
    await page.getByLabel("Its address").fill(uri);
    await page.getByLabel("Your name there").fill(nick);
    await page.getByRole("button", { name: "Enter", exact: true }).click();
    await page.locator("#people").getByText(nick, { exact: true }).waitFor();
  };
  const write = async (page: Page, text: string): Promise<void> => {
    await page.getByLabel("Message", { exact: true }).fill(text);
    await page.getByLabel("Message", { exact: true }).press("Enter");
  };
  const message = (page: Page, text: string) => page.locator(".message", { hasText: text });
  const tool = async (page: Page, text: string, name: string): Promise<void> => {
    await message(page, text).hover();
    await message(page, text).getByRole("button", { name, exact: true }).click();
  };
  const picture = async (page: Page, name: string): Promise<void> => {
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png` });
  };

  beforeAll(async () => {
    const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
    browser = await chromium.launch({ executablePath, headless: true, args });
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    complaints.length = 0;
    server = memoryServer();
    const rooms = fakeService({
      name: "conference",
      instance: "conference-1",
      bus: server.connect(),
      directory,
    });
    await conference(rooms);
    services = [rooms];
    await startWeb();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await web.stop();
    for (const service of services) await service.stop();
  });

  it("talks, answers, reacts, corrects, takes back", async () => {
    const [dave, erin] = [await signedIn("dave"), await signedIn("erin")];
    await enter(dave, "Dave");
    await enter(erin, "Erin");
    await dave.locator("#people").getByText("Erin", { exact: true }).waitFor();
    await write(dave, "helo everybody");
    await message(erin, "helo everybody").waitFor();
    await dave.locator('.state[data-state="numbered"]').waitFor();
    await tool(erin, "helo everybody", "Answer");
    await erin.getByText("Answer to Dave: helo everybody").waitFor();
    await write(erin, "hello Dave");
    await message(dave, "hello Dave").locator(".quote", { hasText: "helo everybody" }).waitFor();
    const first = erin.locator(".incoming", { hasText: "helo everybody" });
    await first.hover();
    await first.getByRole("button", { name: "React", exact: true }).click();
    await first.getByRole("button", { name: "React with 👍" }).click();
    await dave.getByRole("button", { name: "👍 by Erin" }).waitFor();
    await dave.getByLabel("Message", { exact: true }).press("ArrowUp");
    await write(dave, "hello everybody");
    await erin.locator(".message .body", { hasText: "hello everybody" }).waitFor();
    await erin.getByText("corrected").waitFor();
    await picture(dave, "room");
    await tool(dave, "hello Dave", "Take back");
    await erin.locator(".gone").waitFor();
    await picture(erin, "room-other");
    expect(await erin.locator(".message").count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  it("obeys commands, whispers, and tells what is not allowed", async () => {
    const [dave, erin] = [await signedIn("dave"), await signedIn("erin")];
    await enter(dave, "Dave");
    await enter(erin, "Erin");
    await write(dave, "/topic Tea at four");
    await erin.locator("#topic", { hasText: "Tea at four" }).waitFor();
    await write(erin, "/nick Erin the Second");
    await dave.locator(".room-note", { hasText: "Erin is now Erin the Second" }).waitFor();
    await write(dave, "/msg erin the second psst");
    await erin.locator(".private", { hasText: "psst" }).waitFor();
    await write(erin, "/me waves");
    await dave.locator(".action", { hasText: "* Erin the Second waves" }).waitFor();
    await write(dave, "/set title Tea room");
    await erin.locator("#contact", { hasText: "Tea room" }).waitFor();
    await write(dave, "/lists");
    await dave.locator(".room-note", { hasText: "owner: dave@web.example" }).waitFor();
    await write(erin, "/kick Dave");
    await erin.locator(".room-note.bad", { hasText: "you may not do this here" }).waitFor();
    await write(erin, "/dance");
    await erin.locator(".room-note.bad", { hasText: "there is no /dance" }).waitFor();
    await write(erin, "/help");
    await erin.locator(".room-note", { hasText: "/away text" }).waitFor();
    await dave.locator("#people summary", { hasText: "Erin the Second" }).click();
    await picture(dave, "room-rules");
    await dave.getByRole("button", { name: "Show out" }).click();
    await erin.locator("#banner", { hasText: "You were shown out" }).waitFor();
    await dave.locator(".room-note", { hasText: "Erin the Second was shown out by Dave" }).waitFor();
    await picture(erin, "room-out");
    await erin.getByRole("button", { name: "Enter again" }).click();
    await dave.locator(".room-note", { hasText: "came in" }).nth(1).waitFor();
    expect(complaints).toEqual([]);
  });

  it("invites, and shows who writes", async () => {
    const [dave, erin] = [await signedIn("dave"), await signedIn("erin", 390)];
    await enter(dave, "Dave");
    await write(dave, "/invite erin@web.example come in");
    await erin.getByRole("button", { name: /lobby/ }).click();
    await erin.getByText("Dave invites you: come in").waitFor();
    await picture(erin, "room-invited");
    await erin.getByRole("button", { name: "Enter", exact: true }).click();
    await dave.locator(".room-note", { hasText: "erin came in" }).waitFor();
    await erin.locator("#banner").waitFor({ state: "hidden" });
    await erin.getByLabel("Message", { exact: true }).pressSequentially("hm");
    await dave.getByText("erin is writing …").waitFor();
    await picture(erin, "room-telephone");
    expect(complaints).toEqual([]);
  });

  it("comes back after a break to what it missed, and keeps its place over a reload", async () => {
    const [dave, erin] = [await signedIn("dave"), await signedIn("erin")];
    await enter(dave, "Dave");
    await enter(erin, "Erin");
    await write(dave, "before");
    await message(erin, "before").waitFor();
    await erin.context().setOffline(true);
    const port = portOf(web);
    await web.stop();
    await erin.getByText("no connection, trying again").waitFor();
    await write(erin, "written without a connection");
    await startWeb(port);
    await dave.getByText("connected", { exact: true }).waitFor({ timeout: 20_000 });
    await write(dave, "said meanwhile");
    await dave.locator('.outgoing .state[data-state="numbered"]').nth(1).waitFor();
    await erin.context().setOffline(false);
    await message(dave, "written without a connection").waitFor({ timeout: 30_000 });
    await message(erin, "said meanwhile").waitFor();
    expect(await erin.locator(".message").count()).toBe(3);
    expect(await dave.locator(".room-note", { hasText: "Erin left" }).count()).toBe(0);
    await erin.reload();
    await erin.getByRole("button", { name: /lobby/ }).click();
    await message(erin, "written without a connection").waitFor();
    expect(await erin.locator(".message").count()).toBe(3);
    expect(await dave.locator(".room-note", { hasText: "Erin" }).count()).toBe(1);
  });
});
