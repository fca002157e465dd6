// A file that goes into a guest without a network, and comes out of it again.

import { AxeBuilder } from "@axe-core/playwright";

import { expect, guestOf, live, row, screen, test, thereAndBack } from "./fixtures.mjs";

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

  await thereAndBack(page, info);

  await page.getByLabel("Path").fill("/none");
  await page.getByRole("button", { name: "Fetch it" }).click();
  await expect(row(page, "/none")).toContainText("the guest says: there is no /none", { timeout: 40_000 });
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join("\n")}`)).toEqual([]);

  await page.goto(`/guests/${guest}/settings`);
  await live(page);
  await page.getByText("Purge at once").click();
  await page.getByLabel(/^Purging/).fill(name);
  await page.getByRole("button", { name: `Purge ${name}` }).click();
  await page.waitForURL("**/guests");
});
