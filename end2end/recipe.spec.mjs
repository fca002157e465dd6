// A Debian of its recipe, from the page to a guest's prompt, with packages of Debian's own mirror; and once more over the
// API. A panel of its own, since the settings may have to permit that mirror's network.

import { lookup } from "node:dns/promises";

import { NAME, test as base, expect, guestOf, live, makeAccount, screen, thereAndBack, type } from "./fixtures.mjs";
import { start, stop } from "./panel.mjs";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ anna@example";
const BOOTS = { timeout: 180_000 };

const test = base.extend({
  panel: async ({}, use) => {
    const addresses = await lookup("deb.debian.org", { all: true });
    const networks = addresses.map(({ address, family }) => `${address}/${family === 4 ? 32 : 128}`);
    const panel = await start({ UMBEL_FETCH_NETWORKS: networks.join(",") });
    try {
      await use(panel);
    } finally {
      await stop(panel);
    }
  },
});
test.use({ storageState: { cookies: [], origins: [] } });
test.skip(!process.env.UMBEL_TEST_FULL, "make test-full: the image is made of a hundred packages");

/** Whether root's prompt has the guest's name, and anna her account and key. */
async function hasAll(page, name) {
  await expect.poll(() => screen(page), BOOTS).toContain(`root@${name}:~#`);
  await type(page, "id -un anna; cut -d ' ' -f 3 /home/anna/.ssh/authorized_keys\n");
  await expect.poll(() => screen(page), BOOTS).toMatch(/\nanna\s*\nanna@example/);
}

test("a Debian is built and boots with its name, user and key, and takes files", async ({ page, panel }, info) => {
  test.setTimeout(900_000);
  await page.goto(panel.link);
  await makeAccount(page, NAME, "Create administrator");
  await page.goto("/images");
  await live(page);
  await page.getByRole("link", { name: "Debian 13" }).click();
  await expect(page.getByLabel("Recipe")).toHaveValue(/suite = "trixie"/);
  await page.getByRole("button", { name: "Build it" }).click();
  await page.getByRole("link", { name: "See what it says" }).click();
  await expect(page.locator(".note.meta")).toContainText("; over", { timeout: 400_000 });
  await expect(page.locator("body")).toContainText("umbel: done:");

  await page.goto("/guests/new");
  await live(page);
  await page.getByText("debian-13", { exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("page");
  await page.getByText("Who signs in, and a script").click();
  await page.getByLabel("User", { exact: true }).fill("anna");
  await page.getByLabel("Other public keys").fill(KEY);
  // Chromium gives up whatever it loads when an interface of the host gets an address, as the first guest on a bridge brings.
  await page.getByText("Advanced").click();
  await page.getByText("No network card.").click();
  await page.getByRole("button", { name: "Create guest" }).click();
  await page.waitForURL(/\/guests\/[0-9a-f-]+\/console$/);
  await hasAll(page, "page");

  await thereAndBack(page, info);

  const guest = guestOf(page);
  const api = `${panel.origin}/api/v1/guests`;
  const { kernel, image } = await (await page.request.get(`${api}/${guest}`)).json();
  const draft = { name: "api", image, kernel, memory_mib: 128, disk_mib: 1024, setup: { user: "anna", ssh_keys: KEY } };
  const made = await page.request.post(api, { headers: { origin: panel.origin }, data: draft });
  expect(made.status()).toBe(202);
  const other = (await made.json()).guest;
  await page.goto(`/guests/${other}/console`);
  await live(page);
  await hasAll(page, "api");
});
