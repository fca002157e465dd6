// What all tests share: the panel, and that an error in the browser's console fails a test.

import { readFileSync, writeFileSync } from "node:fs";

import { expect, test as base } from "@playwright/test";

export { expect };

export const NAME = "ada";
export const PASSWORD = "fennel-grows-by-the-sea";

/** What any page of a guest may meet: it asks once more for the guest in the moment in which that is purged. */
const GONE = /404 \(Not Found\) \(\S+\/_sf\/guest_/;

export const test = base.extend({
  panel: async ({}, use) => use(JSON.parse(process.env.UMBEL_E2E)),
  baseURL: async ({ panel }, use) => use(panel.origin),

  /** A pattern of the errors that a test itself brings about. */
  expected: [/(?!)/, { option: true }],

  /** Listens to all pages of a context; the test's own is listened to already. */
  listen: async ({ expected }, use) => {
    const errors = [];
    const hear = (text) => {
      if (!GONE.test(text) && !expected.test(text)) errors.push(text);
    };
    await use((context) => {
      context.on("weberror", (error) => hear(`page error: ${error.error().stack ?? error.error()}`));
      context.on("console", (message) => {
        if (message.type() === "error") hear(`console: ${message.text()} (${message.location().url})`);
      });
      return context;
    });
    expect(errors, "errors in the browser").toEqual([]);
  },
  context: async ({ context, listen }, use) => use(listen(context)),
});

/** Until the wasm has taken the page over and its socket is open. */
export async function live(page) {
  await expect(page.locator(".live-notice")).toHaveAttribute("data-live", "open");
}

/** Fills a form that makes an account, with the password of all tests. */
export async function makeAccount(page, name, button) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: button }).click();
}

export async function signIn(page, name) {
  await page.goto("/sign-in");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Fills in and sends the form for an image of that file. */
export async function sendImage(page, name, file) {
  await page.goto("/images");
  await live(page);
  await page.locator("#files").setInputFiles(file);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Version", { exact: true }).fill("1");
  await page.getByRole("button", { name: "Put it in" }).click();
}

/** The row of a table that has that text. */
export function row(page, text) {
  return page.getByRole("row").filter({ hasText: text });
}

/** From a guest's page: a file goes into it, and comes back as it was. */
export async function thereAndBack(page, info) {
  await page.getByRole("navigation", { name: "Guest" }).getByRole("link", { name: "Files" }).click();
  const words = "words ".repeat(10_000);
  const file = info.outputPath("words.txt");
  writeFileSync(file, words);
  await page.locator("#files").setInputFiles(file);
  await page.getByRole("button", { name: "Send it" }).click();
  await expect(row(page, "words.txt")).toContainText("Done", { timeout: 40_000 });

  await page.getByLabel("Path").fill("/root/files/words.txt");
  await page.getByRole("button", { name: "Fetch it" }).click();
  const link = row(page, "/root/files/words.txt").getByRole("link", { name: /^Download/ });
  await expect(link).toBeVisible({ timeout: 40_000 });
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  expect(download.suggestedFilename()).toBe("words.txt");
  expect(readFileSync(await download.path(), "utf8")).toBe(words);
}

/** Text of the terminal, as far as it has been drawn. */
export function screen(page) {
  return page.evaluate(() => document.querySelector(".terminal")?.terminal?.text() ?? "");
}

export async function type(page, text) {
  await page.locator(".terminal textarea").focus();
  await page.keyboard.type(text);
}

/** The id of the guest whose page is shown. */
export function guestOf(page) {
  return new URL(page.url()).pathname.split("/")[2];
}
