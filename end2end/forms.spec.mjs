// Every form without scripts.

import { NAME, PASSWORD, expect, guestOf, test } from "./fixtures.mjs";
import { leftOf, until } from "./panel.mjs";

test.use({ javaScriptEnabled: false, storageState: { cookies: [], origins: [] } });

/** Sends a form and waits for the page that the answer leads to. */
async function send(page, button) {
  const led = page.waitForResponse((answer) => answer.request().isNavigationRequest() && answer.status() === 200);
  await button.click();
  await led;
  await page.waitForLoadState();
}

async function signIn(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await send(page, page.getByRole("button", { name: "Sign in" }));
}

/** The page as it is once the panel has done what was asked. */
async function soon(page, text) {
  await until(text, 20, async () => {
    await page.reload();
    return (await page.locator(".guest-state").innerText()).includes(text);
  });
}

test("sign in, create, rename, stop, delete, undo, purge", async ({ page, panel }, info) => {
  await page.goto("/guests");
  await signIn(page, NAME, PASSWORD);
  await expect(page.getByRole("heading", { name: "Guests" })).toBeVisible();

  await page.goto("/guests/new");
  await page.getByLabel("Name", { exact: true }).fill("no way");
  await send(page, page.getByRole("button", { name: "Create guest" }));
  await expect(page.locator("#name-error")).not.toBeEmpty();
  const name = `plain-${info.project.name}`;
  await page.getByLabel("Name", { exact: true }).fill(name);
  await send(page, page.getByRole("button", { name: "Create guest" }));
  await page.waitForURL(/\/guests\/[0-9a-f-]+\/console$/);
  const guest = guestOf(page);
  await soon(page, "Running");

  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Name", { exact: true }).fill(`${name}-2`);
  await page.getByLabel("Note").fill("made without scripts");
  await send(page, page.getByRole("button", { name: "Save" }).first());
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(`${name}-2`);

  await send(page, page.getByRole("button", { name: `Shut down ${name}-2` }));
  await soon(page, "Stopped");
  await page.getByRole("link", { name: "Delete…" }).click();
  await send(page, page.getByRole("button", { name: `Delete ${name}-2` }));
  await soon(page, "Deleted");
  await send(page, page.getByRole("button", { name: `Undo delete ${name}-2` }).first());
  await soon(page, "Stopped");

  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByText("Purge at once").click();
  await page.getByLabel(/^Purging/).fill("another");
  await send(page, page.getByRole("button", { name: `Purge ${name}-2` }));
  await expect(page.locator("#purge_name-error")).toContainText(`Type ${name}-2`);
  await page.getByText("Purge at once").click();
  await page.getByLabel(/^Purging/).fill(`${name}-2`);
  await send(page, page.getByRole("button", { name: `Purge ${name}-2` }));
  await page.waitForURL("**/guests");
  await until(`nothing is left of ${name}`, 10, () => leftOf(panel, guest).length === 0);
});

test("an account is made, gets a password of its own, is suspended and deleted", async ({ page, panel, browser, listen }, info) => {
  await page.goto("/people");
  await signIn(page, NAME, PASSWORD);
  const name = `eve-${info.project.name}`;
  await page.getByLabel("Name", { exact: true }).fill(name);
  await send(page, page.getByRole("button", { name: "Create account" }));
  await expect(page.getByRole("heading", { name: "First password" })).toBeVisible();
  const first = await page.locator("code").innerText();

  const other = listen(await browser.newContext({ javaScriptEnabled: false }));
  const second = await other.newPage();
  await second.goto(`${panel.origin}/guests`);
  await signIn(second, name, first);
  await second.getByLabel("Present password").fill(first);
  await second.getByLabel("New password", { exact: true }).fill(PASSWORD);
  await second.getByLabel("New password again").fill(PASSWORD);
  await send(second, second.getByRole("button", { name: "Change password" }));
  await expect(second.getByRole("heading", { name: "Overview" })).toBeVisible();

  await page.getByRole("link", { name: "Back to people" }).click();
  await send(page, page.getByRole("button", { name: `Suspend ${name}` }));
  await second.reload();
  await expect(second.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await other.close();

  await page.getByRole("link", { name, exact: true }).click();
  await expect(page.getByRole("button", { name: `Reinstate ${name}` })).toBeVisible();
  await page.getByLabel(`Type ${name} to delete it`).fill("another");
  await send(page, page.getByRole("button", { name: `Delete ${name}` }));
  await expect(page.locator("#confirm-error")).toContainText(`Type ${name}`);
  await page.getByLabel(`Type ${name} to delete it`).fill(name);
  await send(page, page.getByRole("button", { name: `Delete ${name}` }));
  await page.waitForURL("**/people");
  await expect(page.getByRole("link", { name, exact: true })).toHaveCount(0);
});
