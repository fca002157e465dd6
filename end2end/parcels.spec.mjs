// A file that goes into a guest without a network, and comes out of it again.

import { readFileSync, writeFileSync } from "node:fs";

import { AxeBuilder } from "@axe-core/playwright";

import { expect, guestOf, live, screen, test } from "./fixtures.mjs";

test("a file goes into a guest and comes back", async ({ page }, info) => {
  test.setTimeout(120_000);
  const name = `files-${info.project.name}`;
  await page.goto("/guests/new");
  await live(page);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create guest" }).click();
  await page.waitForURL(/\/guests\/[0-9a-f-]+\/console$/);
  await expect.poll(() => screen(page), { timeout: 40_000 }).toMatch(/[#$] ?$/);
  const guest = guestOf(page);

  await page.getByRole("navigation", { name: "Guest" }).getByRole("link", { name: "Files" }).click();
  const words = "words ".repeat(10_000);
  const file = info.outputPath("words.txt");
  writeFileSync(file, words);
  await page.locator("#files").setInputFiles(file);
  await page.getByRole("button", { name: "Send it" }).click();
  const row = (text) => page.getByRole("row").filter({ hasText: text });
  await expect(row("words.txt")).toContainText("Done", { timeout: 40_000 });

  await page.getByLabel("Path").fill("/root/files/words.txt");
  await page.getByRole("button", { name: "Fetch it" }).click();
  const link = row("/root/files/words.txt").getByRole("link", { name: /^Download/ });
  await expect(link).toBeVisible({ timeout: 40_000 });
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  expect(download.suggestedFilename()).toBe("words.txt");
  expect(readFileSync(await download.path(), "utf8")).toBe(words);

  await page.getByLabel("Path").fill("/none");
  await page.getByRole("button", { name: "Fetch it" }).click();
  await expect(row("/none")).toContainText("the guest says: there is no /none", { timeout: 40_000 });
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join("\n")}`)).toEqual([]);

  await page.goto(`/guests/${guest}/settings`);
  await live(page);
  await page.getByText("Purge at once").click();
  await page.getByLabel(/^Purging/).fill(name);
  await page.getByRole("button", { name: `Purge ${name}` }).click();
  await page.waitForURL("**/guests");
});
