// A guest's whole life at its console.

import { expect, guestOf, live, screen, test, type } from "./fixtures.mjs";
import { killPanel, leftOf, until } from "./panel.mjs";

/** How far the guest counts, a line each 20 ms. */
const COUNT = 300;

async function create(page) {
  await page.goto("/guests");
  await live(page);
  await page.getByRole("link", { name: "New guest" }).first().click();
  await page.getByRole("button", { name: "Create guest" }).click();
  await page.waitForURL(/\/guests\/[0-9a-f-]+\/console$/);
  await expect.poll(() => screen(page), { timeout: 20_000 }).toMatch(/[#$] ?$/);
  return guestOf(page);
}

async function end(page, panel, guest, name) {
  await page.getByRole("link", { name: "Delete…" }).click();
  const dialog = page.getByRole("dialog", { name: `Delete ${name}` });
  await dialog.getByRole("button", { name: `Delete ${name}` }).click();
  await expect(page.locator(".guest-state")).toContainText("Deleted");
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByText("Purge at once").click();
  await page.getByLabel(/^Purging/).fill(name);
  await page.getByRole("button", { name: `Purge ${name}` }).click();
  await page.waitForURL("**/guests");
  await until(`nothing is left of ${name}`, 10, () => leftOf(panel, guest).length === 0);
}

test.describe("a guest", () => {
  // A panel that is killed closes its sockets, and the browser says so.
  test.use({ expected: /WebSocket|ERR_CONNECTION_REFUSED|Failed to (load resource|fetch)/ });

  test("is created, used by two, survives its panel, is stopped and purged", async ({ page, panel, browser, listen }) => {
    test.setTimeout(120_000);
    const guest = await create(page);
    const name = await page.getByRole("heading", { level: 1 }).innerText();

    await type(page, "echo $((6*7))\n");
    await expect.poll(() => screen(page)).toMatch(/^42$/m);

    await page.reload();
    await expect.poll(() => screen(page)).toMatch(/^42$/m);
    // What the terminal answers to a replay is never typed into the guest.
    expect(await screen(page)).not.toMatch(/\[\d+;\d+R/);

    const other = listen(await browser.newContext({ storageState: await page.context().storageState() }));
    const second = await other.newPage();
    await second.goto(page.url());
    await expect.poll(() => screen(second)).toMatch(/^42$/m);
    await expect(page.locator(".console-bar")).toContainText("2 readers");
    await type(page, "echo seen-by-$((1+1))\n");
    await expect.poll(() => screen(second)).toMatch(/^seen-by-2$/m);
    await other.close();

    await type(page, `clear; i=0; while [ $i -lt ${COUNT} ]; do i=$((i+1)); echo n$i; sleep 0.02; done; echo all-$((1))-done\n`);
    await expect.poll(() => screen(page)).toMatch(/^n40$/m);
    killPanel(panel);
    await expect.poll(() => screen(page), { timeout: 30_000 }).toMatch(/^all-1-done$/m);
    const numbers = [...(await screen(page)).matchAll(/^n(\d+)$/gm)].map((match) => Number(match[1]));
    expect(numbers).toEqual(Array.from({ length: COUNT }, (_, i) => i + 1));
    await expect(page.locator(".console-state")).toContainText("Connected");

    await live(page);
    await page.evaluate(() => (document.querySelector(".terminal").terminal.before = true));
    await page.getByRole("button", { name: `Shut down ${name}` }).click();
    await expect(page.locator(".guest-state")).toContainText("Stopped", { timeout: 20_000 });
    // What becomes of the guest makes no new terminal.
    expect(await page.evaluate(() => document.querySelector(".terminal").terminal?.before)).toBe(true);
    expect(await screen(page)).toMatch(/^all-1-done$/m);
    await end(page, panel, guest, name);
  });
});

test.describe("a console", () => {
  test("the size follows, a paste is asked about, text is found", async ({ page, panel, viewport, context }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const guest = await create(page);
    const name = await page.getByRole("heading", { level: 1 }).innerText();
    const size = async () => {
      const { columns, rows } = await page.evaluate(() => {
        const [columns, rows] = document.querySelector(".terminal").terminal.fit();
        return { columns, rows };
      });
      return `${columns}×${rows}`;
    };
    await expect(page.locator(".console-facts")).toContainText(await size());
    if (viewport.width > 640) {
      const before = await size();
      await page.getByRole("button", { name: "Fold the sidebar" }).click();
      await expect.poll(size).not.toBe(before);
      await expect(page.locator(".console-facts")).toContainText(await size());
      const [columns, rows] = (await size()).split("×");
      await type(page, "stty size\n");
      await expect.poll(() => screen(page)).toMatch(new RegExp(`^${rows} ${columns}$`, "m"));
      await page.getByRole("button", { name: "Fold the sidebar" }).click();
    }

    const paste = async (text) => {
      await page.locator(".terminal textarea").focus();
      await page.evaluate((data) => navigator.clipboard.writeText(data), text);
      await page.keyboard.press("Control+Shift+V");
    };
    await paste("echo one-$((2-1))");
    await page.keyboard.press("Enter");
    await expect.poll(() => screen(page)).toMatch(/^one-1$/m);
    await paste("echo two-$((1+1))\necho three-$((1+2))\n");
    await expect(page.getByRole("alertdialog")).toContainText("Paste 2 lines?");
    expect(await screen(page)).not.toContain("two-");
    await page.getByRole("button", { name: "Paste" }).click();
    await expect.poll(() => screen(page)).toMatch(/^three-3$/m);

    await page.getByLabel("Search in the console").fill("one-1");
    await page.keyboard.press("Enter");
    await expect(page.getByText("not found")).toHaveCount(0);
    await page.getByLabel("Search in the console").fill("never-printed");
    await page.keyboard.press("Enter");
    await expect(page.getByText("not found")).toBeVisible();

    const log = await page.request.get(await page.getByRole("link", { name: "Download log" }).getAttribute("href"));
    expect(log.status()).toBe(200);
    expect(await log.text()).toContain("three-3");

    await live(page);
    await end(page, panel, guest, name);
  });
});
