import path from "node:path";

import { NAME, PASSWORD, expect, test } from "./fixtures.mjs";

test("the printed link makes the first administrator", async ({ page, panel }) => {
  await page.goto(panel.link);
  await page.getByLabel("Name").fill(NAME);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Create administrator" }).click();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await expect(page.locator(".empty").getByRole("link", { name: "New guest" })).toBeVisible();
  await page.context().storageState({ path: path.join(import.meta.dirname, "test-results/.signed-in.json") });
});
