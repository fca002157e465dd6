// The pictures of README.md, of a real panel: `UMBEL_PICTURES=1 npm run end2end -- picture`.

import path from "node:path";

import { expect, live, screen, test, type } from "./fixtures.mjs";

test.skip(!process.env.UMBEL_PICTURES, "only asked for");
test.use({ colorScheme: "dark", viewport: { width: 1280, height: 800 } });

const docs = (name) => path.join(import.meta.dirname, "../docs", name);

test("a console and the list of guests", async ({ page }) => {
  for (const name of ["web-1", "lab-07", "build"]) {
    await page.goto("/guests/new");
    await live(page);
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByRole("button", { name: "Create guest" }).click();
    await expect.poll(() => screen(page), { timeout: 20_000 }).toMatch(/[#$] ?$/);
  }
  await type(page, "uname -a; free -m; ls /\n");
  await page.waitForTimeout(1500);
  await page.screenshot({ path: docs("screenshot.png") });
  await page.goto("/guests");
  await live(page);
  await page.screenshot({ path: docs("guests.png") });
});
