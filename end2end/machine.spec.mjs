// What guests run on: networks, images, kernels, pauses, the classic example. Real guests.

import { execFileSync } from "node:child_process";

import { AxeBuilder } from "@axe-core/playwright";

import { expect, guestOf, live, screen, sendImage, test, type } from "./fixtures.mjs";

/** A guest from the form, with what `choose` chooses; its page is shown at the end. */
async function make(page, name, choose = async () => {}) {
  await page.goto("/guests/new");
  await live(page);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByText("Advanced").click();
  await choose();
  await page.getByRole("button", { name: "Create guest" }).click();
  await page.waitForURL(/\/guests\/[0-9a-f-]+\/console$/);
  await page.getByRole("navigation", { name: "Guest" }).getByRole("link", { name: "Overview" }).click();
  await expect(page.locator(".guest-state")).toContainText("Running", { timeout: 40_000 });
  return guestOf(page);
}

async function purge(page, guest, name) {
  await page.goto(`/guests/${guest}/settings`);
  await live(page);
  await page.getByText("Purge at once").click();
  await page.getByLabel(/^Purging/).fill(name);
  await page.getByRole("button", { name: `Purge ${name}` }).click();
  await page.waitForURL("**/guests");
}

test.describe("a guest on the bridge", () => {
  // A port that is refused.
  test.use({ expected: /422 .*\/_sf\/forward_add/ });

  test("has an address, pauses, goes on, is reached by a port", async ({ page }) => {
    const guest = await make(page, "net-1", async () => {
      await expect(page.getByRole("radio", { name: /^Bridge/ })).toBeChecked();
    });
    await expect(page.locator(".facts").getByText(/^10\.\d+\.\d+\.\d+$/)).toBeVisible();
    // Drawn by the server; asked for again while the page is looked at.
    await expect(page.getByRole("img", { name: /^CPU since 1 h ago/ })).toBeVisible();
    await expect(page.getByText(/^As the guest itself sees it: .* in use\.$/)).toBeVisible({ timeout: 20_000 });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join("\n")}`)).toEqual([]);

    await page.getByRole("button", { name: "Pause net-1" }).click();
    await expect(page.locator(".guest-state")).toContainText("Paused");
    await page.getByRole("button", { name: "Go on net-1" }).click();
    await expect(page.locator(".guest-state")).toContainText("Running");

    await page.getByRole("navigation", { name: "Guest" }).getByRole("link", { name: "Network" }).click();
    await page.getByLabel("Port of the guest").fill("0");
    await page.getByRole("button", { name: "Lead the port" }).click();
    await expect(page.locator("#guest_port-error")).not.toBeEmpty();
    await page.getByLabel("Port of the guest").fill("22");
    await page.getByRole("button", { name: "Lead the port" }).click();
    await expect(page.locator("table.forwards code")).toHaveText(/^ssh -p 2\d{4} root@127\.0\.0\.1$/);
    await page.getByRole("button", { name: /^Remove/ }).click();
    await expect(page.getByText("No port of this host leads there.")).toBeVisible();

    await page.goto("/networks");
    await live(page);
    await expect(page.getByRole("row", { name: /net-1/ })).toContainText("Bridge");
    await purge(page, guest, "net-1");
  });
});

test.describe("limits", () => {
  test.use({ expected: /422 .*\/_sf\// });

  test("change while the guest runs, its kernel does not", async ({ page }) => {
    const guest = await make(page, "limits-1");
    await page.getByRole("link", { name: "Settings" }).click();
    await expect(page.getByRole("heading", { name: "Limits", exact: true })).toBeVisible();
    await expect(page.getByText("Stop the guest first.").first()).toBeVisible();
    await page.getByLabel("CPU at most, in %").fill("1");
    await page.locator("form", { has: page.getByLabel("CPU weight") }).getByRole("button", { name: "Save" }).click();
    await expect(page.locator("#cpu_percent-error")).not.toBeEmpty();
    await page.getByLabel("CPU at most, in %").fill("50");
    await page.locator("form", { has: page.getByLabel("CPU weight") }).getByRole("button", { name: "Save" }).click();
    await expect(page.locator("#cpu_percent-error")).toBeEmpty();
    await page.reload();
    await expect(page.getByLabel("CPU at most, in %")).toHaveValue("50");
    await purge(page, guest, "limits-1");
  });
});

test("the machine's kernel is in the catalogue with what it can do", async ({ page }) => {
  await page.goto("/kernels");
  await live(page);
  const row = page.getByRole("row").filter({ hasText: "the distribution's package" }).first();
  for (const ability of ["strict", "hostfs", "copy-on-write"]) {
    await expect(row.getByRole("listitem").filter({ hasText: ability })).toBeVisible();
  }
  await expect(row.getByRole("button", { name: /^Remove/ })).toBeDisabled();
});

test("what is no kernel is refused with the reason", async ({ page }) => {
  await page.goto("/kernels");
  await live(page);
  await page.locator("#files").setInputFiles({
    name: "not a kernel",
    mimeType: "application/octet-stream",
    buffer: Buffer.from("#!/bin/sh\n"),
  });
  await page.getByLabel("Name", { exact: true }).fill("no-kernel");
  await page.getByRole("button", { name: "Put it in" }).click();
  await page.getByRole("link", { name: "See how far it is" }).click();
  await expect(page.locator(".notice.failed")).toBeVisible({ timeout: 30_000 });
});

/** Sends the form for an image; its operation is shown at the end. */
async function putIn(page, name, file) {
  await sendImage(page, name, file);
  await page.getByRole("link", { name: "See how far it is" }).click();
}

test.describe("an image", () => {
  // Its page asks once more for it in the moment in which it is removed.
  test.use({ expected: /404 .*\/_sf\/image_fetch/ });

  test("a file system becomes an image, is deprecated with a note and removed", async ({ page }, info) => {
    const [file, name] = [info.outputPath("root_fs"), `page-${info.project.name}`];
    execFileSync("/sbin/mke2fs", ["-q", "-t", "ext4", file, "8M"]);
    await putIn(page, name, file);
    await expect(page.locator(".note.meta")).toContainText("; over", { timeout: 30_000 });
    await page.goto("/images");
    await live(page);
    await page.getByRole("link", { name }).click();
    await page.waitForURL(`**/images/${name}-1`);
    await live(page);
    await expect(page.locator(".facts")).toContainText("imported");
    await page.getByLabel("Note").fill("Take another.");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("button", { name: "Deprecate" }).click();
    await expect(page.locator(".facts")).toContainText("Deprecated");
    await page.goto("/guests/new");
    await expect(page.locator(".choice-card", { hasText: "Deprecated: Take another." })).toBeVisible();
    await page.goto(`/images/${name}-1`);
    await live(page);
    await page.getByRole("button", { name: `Remove ${name}-1` }).click();
    await page.waitForURL("**/images");
    await expect(page.getByRole("link", { name })).toHaveCount(0);
  });
});

test.describe("a recipe", () => {
  // One that the test spoils.
  test.use({ expected: /422 .*\/_sf\/image_build/ });

  test("that comes with Umbel fills the field, and one that is wrong is refused by its keys", async ({ page }) => {
    await page.goto("/images?recipe=debian-13");
    await live(page);
    const field = page.locator("#recipe");
    await expect(field).toHaveValue(/suite = "trixie"/);
    await page.locator("#build").getByRole("link", { name: "Arch Linux" }).click();
    await expect(field).toHaveValue(/kind = "arch"/);
    await field.fill("name = 'x y'\nversion = '1'\n");
    await page.getByRole("button", { name: "Build it" }).click();
    await expect(page.locator("#recipe-error")).toContainText("suite: ");
  });
});

test("what is no file system is refused with the reason", async ({ page }, info) => {
  const buffer = Buffer.from("#!/bin/sh\n");
  await putIn(page, `none-${info.project.name}`, { name: "none", mimeType: "application/octet-stream", buffer });
  await expect(page.locator(".notice.failed")).toContainText("nothing that is known here", { timeout: 30_000 });
});

let asked = 0;

/** What root has at home in a guest, by its console, after a first command. */
async function home(page, guest, first) {
  await page.goto(`/guests/${guest}/console`);
  await live(page);
  await expect.poll(() => screen(page), { timeout: 40_000 }).toMatch(/#\s*$/);
  // Of earlier answers there may be some above.
  asked += 1;
  await type(page, `${first}; echo home${asked}: $(ls /root) :emoh\n`);
  const answer = new RegExp(`^home${asked}: (.*?) ?:emoh`, "m");
  await expect.poll(() => screen(page)).toMatch(answer);
  return (await screen(page)).match(answer)[1];
}

test.describe("a guest that is told something", () => {
  // A key that is none, and a guest whose user can't be.
  test.use({ expected: /422 .*\/_sf\/(key_add|guest_create)/ });

  test("lets in a user with the account's keys, and runs a script", async ({ page }) => {
    await page.goto("/account");
    await live(page);
    await page.getByText("Add a key").click();
    await page.getByLabel("Public key", { exact: true }).fill("ssh-ed25519 AAAA");
    await page.getByRole("button", { name: "Add key" }).click();
    await expect(page.locator("#key-error")).toContainText("isn't whole");
    const blob = Buffer.concat([Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1"), Buffer.alloc(32, 7)]);
    await page.getByLabel("Public key", { exact: true }).fill(`ssh-ed25519 ${blob.toString("base64")} ada@laptop`);
    await page.getByRole("button", { name: "Add key" }).click();
    const row = page.getByRole("row", { name: /^ada@laptop/ });
    await expect(row).toContainText("SHA256:");

    const guest = await make(page, "told-1", async () => {
      await page.getByText("Who signs in, and a script").click();
      await page.getByLabel("User", { exact: true }).fill("No one");
      await page.getByLabel(/^The keys of your account/).check();
      await page.getByLabel("Script").fill("#!/bin/sh\necho $(ls /home) >/root/told");
      await page.getByRole("button", { name: "Create guest" }).click();
      await expect(page.locator("#user-error")).not.toBeEmpty();
      await page.getByLabel("User", { exact: true }).fill("anna");
    });
    await expect(page.locator(".facts")).toContainText(/Set-up\s*done/, { timeout: 20_000 });
    expect(await home(page, guest, "cat told; grep -c ada@laptop /home/anna/.ssh/authorized_keys")).toContain("told");
    await purge(page, guest, "told-1");
    await page.goto("/account");
    await live(page);
    await row.getByRole("button", { name: "Remove ada@laptop" }).click();
    await expect(page.getByText("You have no key.")).toBeVisible();
  });
});

test("a disk has a snapshot, is restored, reset, and has that undone", async ({ page }) => {
  const guest = await make(page, "disk-1");
  expect(await home(page, guest, "touch one")).toBe("one");
  const tab = async () => {
    await page.getByRole("navigation", { name: "Guest" }).getByRole("link", { name: "Disk" }).click();
    await expect(page.getByRole("heading", { name: "Take a snapshot" })).toBeVisible();
  };
  await tab();
  await page.getByLabel("Name", { exact: true }).fill("before");
  await page.getByRole("button", { name: "Take a snapshot" }).click();
  const row = page.getByRole("row", { name: /^before/ });
  await expect(row.getByRole("button", { name: "Restore… before" })).toBeVisible({ timeout: 20_000 });
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join("\n")}`)).toEqual([]);
  expect(await home(page, guest, "touch two")).toBe("one two");

  await tab();
  await row.getByRole("button", { name: "Restore… before" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Restore before" }).click();
  await expect(page.locator(".notice.undo")).toContainText("was made of a snapshot", { timeout: 40_000 });
  await expect(page.locator(".guest-state")).toContainText("Running", { timeout: 40_000 });
  expect(await home(page, guest, ":")).toBe("one");
  await tab();
  await page.getByRole("button", { name: "Reset…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reset disk-1" }).click();
  await expect(page.locator(".notice.undo")).toContainText("was reset to its image", { timeout: 40_000 });
  await expect(page.locator(".guest-state")).toContainText("Running", { timeout: 40_000 });
  expect(await home(page, guest, ":")).toBe("");
  await tab();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.locator(".notice.undo")).toContainText("was made of a snapshot", { timeout: 40_000 });
  await expect(page.locator(".guest-state")).toContainText("Running", { timeout: 40_000 });
  expect(await home(page, guest, ":")).toBe("one");

  await tab();
  await page.getByLabel("Snapshot", { exact: true }).selectOption({ label: "before" });
  await page.getByLabel("Name of the new guest").fill("disk-2");
  await page.getByRole("button", { name: "Make the guest" }).click();
  await page.waitForURL(/\/guests\/[0-9a-f-]+\/console$/);
  const copy = guestOf(page);
  expect(copy).not.toBe(guest);
  expect(await home(page, copy, ":")).toBe("one");
  await purge(page, copy, "disk-2");

  await page.goto(`/guests/${guest}/disk`);
  await live(page);
  await page.getByLabel("One is taken").selectOption("day");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(/^The next one is taken/)).toBeVisible();
  await row.getByRole("button", { name: "Remove… before" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove before" }).click();
  await expect(page.getByText("None is kept.")).toBeVisible();
  await purge(page, guest, "disk-1");
});

test("C1 and C2 are made in one click", async ({ page }) => {
  await page.goto("/networks");
  await live(page);
  await page.getByRole("button", { name: "Make C1 and C2" }).click();
  await page.waitForURL("**/guests");
  const names = page.locator("table.guests tbody a").filter({ hasText: /^c[12]$/i });
  await expect(names).toHaveCount(2);
  // Learnt before the first goes: rows move up when one does.
  const twins = await names.evaluateAll((links) => links.map((a) => [a.pathname.split("/")[2], a.innerText.trim()]));
  for (const [guest] of twins) {
    const row = page.getByRole("row").filter({ has: page.locator(`a[href*="${guest}"]`) });
    await expect(row).toContainText("Running", { timeout: 40_000 });
  }
  for (const [guest, name] of twins) await purge(page, guest, name);
});
