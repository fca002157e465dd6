// Single files out of a snapshot: a real guest writes, its directories are walked through, a file and an archive are taken.

import { readFileSync } from "node:fs";

import { AxeBuilder } from "@axe-core/playwright";

import { expect, guestOf, live, screen, test, type } from "./fixtures.mjs";

const FILES = /Files…/;

async function made(page, name) {
  await page.goto("/guests/new");
  await live(page);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create guest" }).click();
  await page.waitForURL(/\/guests\/[0-9a-f-]+\/console$/);
  await expect.poll(() => screen(page), { timeout: 60_000 }).toContain("~#");
  return guestOf(page);
}

async function taken(page, link) {
  const coming = page.waitForEvent("download");
  await link.click();
  const download = await coming;
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

test("a snapshot is walked through, and a file and an archive come out of it", async ({ page, browser, baseURL }) => {
  const guest = await made(page, "files-1");
  await type(page, "mkdir '/root/a b'; echo dear >'/root/a b/one'; ln -s /etc/passwd '/root/a b/two'; sync; echo wri\"\"tten\n");
  await expect.poll(() => screen(page)).toContain("written");
  await page.goto(`/guests/${guest}/disk`);
  await live(page);
  await page.getByLabel("Name", { exact: true }).first().fill("kept");
  await page.getByRole("button", { name: "Take a snapshot" }).click();
  const files = page.getByRole("row", { name: /kept/ }).getByRole("link", { name: FILES });
  await expect(files).toBeVisible({ timeout: 40_000 });
  await files.click();
  await expect(page.getByRole("heading", { name: "Files of a snapshot" })).toBeVisible({ timeout: 40_000 });
  await page.getByRole("link", { name: "root/", exact: true }).click();
  await page.getByRole("link", { name: "a b/", exact: true }).click();
  await expect(page.getByText("→ /etc/passwd")).toBeVisible({ timeout: 40_000 });
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join("\n")}`)).toEqual([]);

  const one = await taken(page, page.getByRole("link", { name: "one", exact: true }));
  expect([one.name, one.bytes.toString()]).toEqual(["one", "dear\n"]);
  const all = await taken(page, page.getByRole("link", { name: "Take this directory as tar" }));
  expect(all.name).toBe("a_b.tar");
  expect(all.bytes.includes("./root/a b/one")).toBe(true);

  // The same without scripts.
  const plain = await browser.newContext({
    baseURL,
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  const other = await plain.newPage();
  await other.goto(page.url());
  await other.getByRole("navigation", { name: "Path" }).getByRole("link", { name: "root", exact: true }).click();
  await expect(other.getByRole("link", { name: "a b/", exact: true })).toBeVisible({ timeout: 40_000 });
  await plain.close();

  await page.goto(`/guests/${guest}/settings`);
  await live(page);
  await page.getByText("Purge at once").click();
  await page.getByLabel(/^Purging/).fill("files-1");
  await page.getByRole("button", { name: "Purge files-1" }).click();
  await page.waitForURL("**/guests");
});
