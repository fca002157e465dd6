// Several people: who makes an account, who lets it in, and what a member may do with a group's guest.

import { PASSWORD, expect, live, makeAccount, signIn, test } from "./fixtures.mjs";

// Whoever waits is refused.
test.use({ expected: /422 \(Unprocessable Entity\) \(\S+\/sign-in\)/ });

test("a stranger is let in, and starts a guest of the group", async ({ page, panel, browser, listen }) => {
  // The proof of who one is may be too old by now.
  const { origin } = panel;
  const ask = async (method, path, data) => {
    const answer = await page.request.fetch(`${origin}/api/v1${path}`, { method, headers: { origin }, data });
    expect(answer.ok(), `${method} ${path}: ${await answer.text()}`).toBe(true);
    return (await answer.text()) && answer.json();
  };
  await ask("POST", "/session/confirm", { password: PASSWORD });
  await page.goto("/people");
  await live(page);
  await page.getByLabel("Registration is").selectOption("approval");
  await page.getByRole("button", { name: "Save" }).click();
  const setting = async () => (await ask("GET", "/settings/registration")).registration;
  await expect.poll(setting).toBe("approval");

  const other = listen(await browser.newContext({ baseURL: origin, storageState: { cookies: [], origins: [] } }));
  const stranger = await other.newPage();
  await stranger.goto("/sign-in");
  await stranger.getByRole("link", { name: "Make an account" }).click();
  await makeAccount(stranger, "nora", "Create account");
  await expect(stranger).toHaveURL(/\/sign-in\?waits=1$/);
  await signIn(stranger, "nora");
  await expect(stranger.getByRole("heading", { name: "Sign in" })).toBeVisible();

  // The page is open: whoever comes to wait stands on it.
  await page.getByRole("button", { name: "Approve nora" }).click();
  await expect(page.getByRole("button", { name: "Suspend nora" })).toBeVisible();
  await signIn(stranger, "nora");
  await expect(stranger.getByRole("heading", { name: "Overview" })).toBeVisible();

  await page.goto("/groups");
  await live(page);
  await page.getByLabel("Name", { exact: true }).fill("Garden");
  await page.getByLabel("Kind").selectOption("team");
  await page.getByRole("button", { name: "Create group" }).click();
  await page.waitForURL(/\/groups\/[0-9a-f-]+$/);
  const group = new URL(page.url()).pathname.split("/")[2];
  await page.getByLabel("Account").fill("nora");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByRole("cell", { name: "nora", exact: true })).toBeVisible();

  const form = await ask("GET", "/guests/form");
  const image = form.images.find((image) => image.kind === "disk").id;
  const draft = { name: "shed", image, kernel: form.kernels[0].id, memory_mib: 64, disk_mib: 64, group };
  const { guest } = await ask("POST", "/guests", draft);
  const seen = async () => (await ask("GET", `/guests/${guest}`)).seen.seen;
  await expect.poll(seen, { timeout: 40_000 }).toBe("running");
  await ask("POST", `/guests/${guest}/kill`);
  await expect.poll(seen, { timeout: 20_000 }).toBe("ended");

  await stranger.goto(`/guests/${guest}`);
  await expect(stranger.locator(".guest-state")).toContainText("Stopped");
  await live(stranger);
  await stranger.getByRole("button", { name: "Start shed" }).click();
  await expect(stranger.locator(".guest-state")).toContainText("Running", { timeout: 40_000 });
  await expect(stranger.getByRole("button", { name: "Delete…" })).toBeDisabled();
  await ask("POST", `/guests/${guest}/kill`);
  await ask("DELETE", `/guests/${guest}`);
  await ask("PUT", "/settings/registration", { registration: "off" });
  await other.close();
});
