import path from "node:path";

import { NAME, expect, live, makeAccount, signIn, test } from "./fixtures.mjs";
import { until } from "./panel.mjs";

test("the printed link makes the first administrator", async ({ page, panel }) => {
  await page.goto(panel.link);
  await makeAccount(page, NAME, "Create administrator");
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await expect(page.locator(".empty").getByRole("link", { name: "New guest" })).toBeVisible();
  await page.context().storageState({ path: path.join(import.meta.dirname, "test-results/.signed-in.json") });
});

// Chromium gives up whatever it loads when an interface of the host gets an address, and a person's first
// guest on the bridge brings one. So there is one before pages are looked at.
test("the network stands before the other tests begin", async ({ page, panel }) => {
  await signIn(page, NAME);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await live(page);
  await page.goto("about:blank");
  const api = `${panel.origin}/api/v1`;
  // On a new machine the first disk image is still being made; the host's own files are offered before it.
  const { image, kernel } = await until("there is a disk image", 40, async () => {
    const { images, kernels } = await (await page.request.get(`${api}/guests/form`)).json();
    const disk = images?.find((image) => image.kind === "disk");
    return disk && { image: disk.id, kernel: kernels[0].id };
  });
  const draft = { name: "keeper", image, kernel, memory_mib: 64, disk_mib: 64 };
  const made = await page.request.post(`${api}/guests`, {
    headers: { origin: panel.origin },
    data: { ...draft, network: "bridge" },
  });
  expect(made.status()).toBe(202);
  await expect
    .poll(async () => JSON.stringify(await (await page.request.get(`${api}/guests`)).json()), { timeout: 40_000 })
    .toMatch(/"address":"10\./);
});
