// Every page: no error in the console, and axe finds nothing, in both themes.

import { AxeBuilder } from "@axe-core/playwright";

import { expect, live, test } from "./fixtures.mjs";

const PAGES = [
  "/",
  "/guests",
  "/guests/new",
  "/guests/adopt",
  "/guests/adopt?line=./linux%20mem%3D128M%20con%3Dpty",
  "/networks",
  "/operations",
  "/audit",
  "/audit?who=nobody&outcome=refused",
  "/people",
  "/announcement",
  "/people/import",
  "/people/invitations",
  "/groups",
  "/webhooks",
  "/quotas",
  "/backups",
  "/usage",
  "/images",
  "/images?recipe=debian-13",
  "/images/tiny-5",
  "/kernels",
  "/volumes",
  "/host",
  "/host/storage",
  "/doctor",
  "/account",
];
const PROGRAM = `/account/program?id=${"0a1b2c3d".repeat(8)}&name=umbelctl&scopes=read,power&days=90`;
// Without wasm.
const PLAIN = ["/account/password", "/account/second-factor", "/account/sign-in-provider", PROGRAM, "/api"];

async function findings(page) {
  // What a guest prints has the guest's colours.
  const { violations } = await new AxeBuilder({ page }).exclude(".terminal").analyze();
  return violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `  ${n.html}`).join("\n")}`);
}

/** In both themes axe finds nothing on what is shown, and nothing sticks out of it, nor where the window is a tablet's. */
async function usable(page) {
  for (const colorScheme of ["light", "dark"]) {
    // Colours that change little by little would be read halfway.
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    expect(await findings(page), colorScheme).toEqual([]);
  }
  const { width, height } = page.viewportSize();
  for (const wide of [width, 800]) {
    await page.setViewportSize({ width: wide, height });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wider, `nothing sticks out at ${wide}`).toBeLessThanOrEqual(0);
  }
}

for (const path of [...PAGES, ...PLAIN]) {
  test(`${path} can be used by everybody`, async ({ page }) => {
    await page.goto(path);
    if (PAGES.includes(path)) await live(page);
    await usable(page);
  });
}

test("an account's page can be used by everybody", async ({ page }, info) => {
  const name = `seen-${info.project.name}`;
  await page.goto("/people");
  await live(page);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByText("First password of")).toBeVisible();
  await page.goto("/people");
  await page.getByRole("link", { name, exact: true }).click();
  await expect(page.getByRole("button", { name: `Delete ${name}` })).toBeVisible();
  await usable(page);
});

test.describe("signed out", () => {
  test.use({ storageState: { cookies: [], origins: [] } });

  test("/sign-in can be used by everybody", async ({ page }) => {
    await page.goto("/sign-in");
    await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
    await usable(page);
  });
});

test("a page has its title all the time", async ({ page }) => {
  await page.addInitScript(() => {
    // Every text that it is given, also those that are gone at once.
    window.titles = [];
    const note = (change) => {
      const text = Array.from(change.addedNodes, (node) => node.textContent).join("");
      if (change.target.nodeName === "TITLE") window.titles.push(text);
    };
    new MutationObserver((changes) => changes.forEach(note)).observe(document, { subtree: true, childList: true });
  });
  for (const path of PAGES) {
    await page.goto(path);
    await live(page);
    const heading = await page.getByRole("heading", { level: 1 }).innerText();
    const titles = await page.evaluate(() => [...window.titles, document.title]);
    expect(new Set(titles), path).toEqual(new Set([`${heading} · Umbel`]));
  }
});

test("a new guest's advanced part can be used by everybody", async ({ page }) => {
  await page.goto("/guests/new");
  await live(page);
  await page.getByText("Advanced").click();
  await expect(page.getByRole("radio", { name: /^Strict/ })).toBeChecked();
  await usable(page);
});

test.describe("what isn't there", () => {
  test.use({ expected: /404/ });

  test("says so", async ({ page }) => {
    const answer = await page.goto("/nowhere");
    expect(answer.status()).toBe(404);
    await expect(page.getByRole("heading", { name: "Not found" })).toBeVisible();
    await usable(page);
  });
});

test.describe("a network that is away for a moment", () => {
  test.use({ expected: /net::ERR_INTERNET_DISCONNECTED/ });

  test("costs no page", async ({ page }) => {
    const cut = new Set();
    await page.route(/\/pkg\/(?!umbel_bg).*\.wasm$/, (route) => {
      const url = route.request().url();
      if (cut.has(url)) return route.continue();
      cut.add(url);
      return route.abort("internetdisconnected");
    });
    await page.goto("/guests/new");
    await live(page);
    await page.getByText("Advanced").click();
    await expect(page.getByRole("radio", { name: /^Strict/ })).toBeChecked();
    expect(cut.size).toBeGreaterThan(0);
  });
});

test("what changes before a page's socket is open is seen", async ({ page, context }, info) => {
  const other = await context.newPage();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.routeWebSocket(/\/events/, async (socket) => {
    await held;
    socket.connectToServer();
  });
  await page.goto("/people");

  const name = `late-${info.project.name}`;
  await other.goto("/people");
  await live(other);
  await other.getByLabel("Name", { exact: true }).fill(name);
  await other.getByRole("button", { name: "Create account" }).click();
  await expect(other.getByText(`First password of ${name}`)).toBeVisible();

  await expect(page.getByRole("row", { name })).toHaveCount(0);
  release();
  await expect(page.getByRole("row", { name })).toBeVisible();
});

test("what changes before a page's own part is there is seen", async ({ page, panel, context }, info) => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(/split___groups_part_/, async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest(/split___groups_part_/);
  await page.goto("/groups");
  await asked;

  const name = `later-${info.project.name}`;
  const { origin } = panel;
  const made = await context.request.post(`${origin}/api/v1/groups`, { headers: { origin }, data: { name, kind: "team" } });
  expect(made.ok(), await made.text()).toBe(true);
  // Long enough for a socket that was open by now to tell of it.
  await page.waitForTimeout(500);
  release();
  await expect(page.getByRole("row", { name })).toBeVisible();
});

test("keys lead everywhere", async ({ page, viewport }) => {
  test.skip(viewport.width < 641, "a phone has no keyboard");
  await page.goto("/");
  await live(page);
  await page.keyboard.press("g");
  await page.keyboard.press("g");
  await page.waitForURL("**/guests");
  await page.keyboard.press("/");
  await expect(page.getByLabel("Filter guests")).toBeFocused();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("n");
  await page.waitForURL("**/guests/new");
  await expect(page.getByLabel("Name", { exact: true })).toBeVisible();
});

test("the theme is chosen on the account page and kept", async ({ page }) => {
  await page.goto("/account");
  await live(page);
  await page.getByRole("button", { name: "Dark" }).click();
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect(page.getByRole("button", { name: "Dark" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "System" }).click();
});
