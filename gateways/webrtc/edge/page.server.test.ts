// The chat page in a real browser (headless Chromium) against the real gateway and courier, on a bus in memory.
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MemoryServer, memoryServer } from "#bus-schemas/bus/memory.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main } from "../main.ts";
import { directory, portOf } from "./fake-courier.ts";

const executablePath = process.env.PARLEY_CHROMIUM ?? "/usr/bin/chromium";
const there = existsSync(executablePath);
if (!there)
  console.warn(`SKIPPED: no Chromium at ${executablePath}; the chat page is not tried in a browser`);
const pictures = process.env.PARLEY_PICTURES;

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

describe.skipIf(!there)("the chat page in Chromium", () => {
  let browser: Browser;
  let server: MemoryServer;
  let service: FakeService;
  const complaints: string[] = [];

  const start = async (port = 0): Promise<void> => {
    service = fakeService({
      name: "web",
      instance: "web-1",
      bus: server.connect(),
      directory,
      sections: { web: { listen: `127.0.0.1:${port}` } },
    });
    await main(service);
  };
  const open = async (user: string, password: string): Promise<Page> => {
    const page = await (await browser.newContext({ viewport: { width: 1100, height: 720 } })).newPage();
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(`http://127.0.0.1:${portOf(service)}/`);
    await page.getByLabel("Your address").fill(`${user}@web.example`);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    return page;
  };
  const signedIn = async (user: string, password: string): Promise<Page> => {
    const page = await open(user, password);
    await page.getByText("connected", { exact: true }).waitFor();
    return page;
  };
  const writeTo = async (page: Page, contact: string, text: string): Promise<void> => {
    await page.getByLabel("Write to an address").fill(contact);
    await page.getByLabel("Write to an address").press("Enter");
    await page.getByLabel("Message", { exact: true }).fill(text);
    await page.getByLabel("Message", { exact: true }).press("Enter");
  };
  const picture = async (page: Page, name: string): Promise<void> => {
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png` });
  };

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, headless: true, args: flags });
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    complaints.length = 0;
    server = memoryServer();
    await start();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await service.stop();
  });

  it("refuses a wrong password in words", async () => {
    const page = await open("dave", "wrong");
    await page.getByText("wrong account or password").waitFor();
    await picture(page, "login");
  });

  it("carries a conversation both ways, with states up to read", async () => {
    const dave = await signedIn("dave", "secret");
    const erin = await signedIn("erin", "secret2");
    await writeTo(dave, "erin@web.example", "Good morning, Erin!");
    await erin.getByRole("button", { name: /Dave/ }).click();
    await erin.locator(".incoming", { hasText: "Good morning, Erin!" }).waitFor();
    await dave.locator('.outgoing .state[data-state="displayed"]').waitFor();
    await erin.getByLabel("Message", { exact: true }).fill("Good morning.\nTwo lines.");
    await erin.getByRole("button", { name: "Send" }).click();
    await dave.locator(".incoming", { hasText: "Two lines." }).waitFor();
    await writeTo(dave, "nobody@web.example", "Anybody there?");
    await dave.locator(".failure", { hasText: "Not delivered: no such user" }).waitFor();
    await picture(dave, "failed");
    await dave.getByRole("button", { name: /erin@web.example/ }).click();
    await picture(dave, "talk");
    expect(complaints).toEqual([]);
  });

  it("shows markup as text and runs none of it", async () => {
    const dave = await signedIn("dave", "secret");
    const erin = await signedIn("erin", "secret2");
    const text = `<img src=x onerror="alert(1)"><script>alert(2)</script> {{x}} javascript:alert(3)`;
    await writeTo(dave, "erin@web.example", text);
    await erin.getByRole("button", { name: /Dave/ }).click();
    expect(await erin.locator(".incoming .body").textContent()).toBe(text);
    expect(await erin.locator("#messages img, #messages script").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("sends what was written while the gateway was away, once, and brings what was missed", async () => {
    const dave = await signedIn("dave", "secret");
    const port = portOf(service);
    await service.stop();
    await dave.getByText("no connection, trying again").waitFor();
    await writeTo(dave, "erin@web.example", "written without a connection");
    await dave.locator('.outgoing .state[data-state="pending"]').waitFor();
    await picture(dave, "offline");
    await start(port);
    await dave.locator('.outgoing .state[data-state="accepted"]').waitFor({ timeout: 20_000 });
    const erin = await signedIn("erin", "secret2");
    await erin.getByRole("button", { name: /Dave/ }).click();
    await erin.locator(".incoming", { hasText: "written without a connection" }).waitFor();
    expect(await erin.locator(".incoming").count()).toBe(1);
    await dave.reload();
    await dave.getByRole("button", { name: /erin@web.example/ }).click();
    await dave.locator('.outgoing .state[data-state="displayed"]').waitFor();
    expect(await dave.locator(".outgoing").count()).toBe(1);
  });

  it("fits a telephone, in the dark", async () => {
    const dave = await signedIn("dave", "secret");
    await dave.setViewportSize({ width: 390, height: 780 });
    await dave.emulateMedia({ colorScheme: "dark" });
    await writeTo(dave, "erin@web.example", "Short and dark.");
    await dave.locator('.outgoing .state[data-state="accepted"]').waitFor();
    await picture(dave, "dark");
    await dave.getByRole("button", { name: "Back to the conversations" }).click();
    await dave.getByRole("button", { name: /erin@web.example/ }).waitFor();
    await picture(dave, "dark-list");
  });
});
