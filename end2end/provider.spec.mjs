// Sign-in at a provider, a real one (npm's oidc-provider), and the proof that dangerous things ask for. A panel of its own,
// since the settings name the provider.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

import { NAME, PASSWORD, test as base, expect, live, makeAccount } from "./fixtures.mjs";
import { age, freePort, start, stop } from "./panel.mjs";

const PROVIDER = path.join(import.meta.dirname, "../server/tests/it/oidc-provider.mjs");

const test = base.extend({
  panel: async ({}, use) => {
    const listen = `127.0.0.1:${await freePort()}`;
    const provider = spawn("node", [PROVIDER, "0", `http://${listen}/sign-in/provider/back`], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const [issuer] = await once(createInterface(provider.stdout), "line");
    const home = mkdtempSync("/tmp/umbel-e2e.");
    const secret = path.join(home, "secret");
    // The panel runs as a user of its own.
    chmodSync(home, 0o711);
    writeFileSync(secret, "secret-of-umbel", { mode: 0o644 });
    const settings = {
      LISTEN: listen,
      UMBEL_PUBLIC_URL: `http://${listen}`,
      UMBEL_OIDC_ISSUER: issuer,
      UMBEL_OIDC_CLIENT_ID: "umbel",
      UMBEL_OIDC_CLIENT_SECRET_FILE: secret,
      UMBEL_OIDC_LABEL: "School",
    };
    let panel;
    try {
      panel = await start(settings);
      await use(panel);
    } finally {
      if (panel) await stop(panel);
      provider.stdin.end();
      rmSync(home, { recursive: true });
    }
  },
});
// Nobody is signed in yet. An old proof and a wrong password are refused; the provider's pages want a font and an icon.
test.use({
  storageState: { cookies: [], origins: [] },
  expected: /403 \(Forbidden\)|422 \(Unprocessable Entity\) \(\S+\/confirm\)|\(https?:\/\/(?!127\.)|favicon/,
});

/** What the provider asks: who one is, and whether the panel may know it. */
async function atTheProvider(page) {
  await page.locator("input[name=login]").fill("ada-at-school");
  await page.locator("input[name=password]").fill("anything");
  await page.getByRole("button", { name: "Sign-in" }).click();
}

test("an account is linked, signs in at the provider, and proves there who it is", async ({ page, panel }) => {
  await page.goto(panel.link);
  await makeAccount(page, NAME, "Create administrator");

  await page.goto("/account");
  await live(page);
  await page.getByRole("link", { name: "Sign-in provider" }).click();
  await page.getByLabel("Your password here").fill(PASSWORD);
  await page.getByRole("button", { name: "Link" }).click();
  await page.getByRole("link", { name: "Go on to School" }).click();
  await atTheProvider(page);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("Your account is linked")).toBeVisible();

  await page.goto("/");
  await live(page);
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await page.getByRole("link", { name: "Sign in with School" }).click();
  // The provider knows this browser still.
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();

  await age(panel, 16);
  await page.goto("/account");
  await live(page);
  const form = page.locator("section").filter({ hasText: "New token" });
  await form.getByLabel("Name").fill("backup");
  await form.getByRole("button", { name: "Make token" }).click();
  const [beside] = await Promise.all([
    page.waitForEvent("popup"),
    page.getByRole("link", { name: "Confirm that it is you" }).click(),
  ]);
  await beside.getByRole("link", { name: "Confirm with School" }).click();
  await atTheProvider(beside);
  await expect(beside.getByRole("heading", { name: "Account", exact: true })).toBeVisible();
  await beside.close();
  // What was typed is there still.
  await form.getByRole("button", { name: "Make token" }).click();
  await expect(page.getByText("It is shown only now.")).toBeVisible();
  const token = await page.locator(".notice code").innerText();
  const bearer = { authorization: `Bearer ${token}` };
  await expect.poll(async () => (await page.request.get("/api/v1/guests", { headers: bearer })).status()).toBe(200);

  await age(panel, 16);
  await form.getByLabel("Name").fill("another");
  await form.getByRole("button", { name: "Make token" }).click();
  const link = await page.getByRole("link", { name: "Confirm that it is you" }).getAttribute("href");
  await page.goto(link);
  await page.getByLabel("Password", { exact: true }).fill("not-the-password");
  await page.getByRole("button", { name: "Confirm", exact: true }).click();
  await expect(page.locator("#password-error")).toBeVisible();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Confirm", exact: true }).click();
  await expect(page).toHaveURL(/\/account$/);
});
