// The panel as `make run` starts it, in a real browser. One worker: all tests share one panel.

import path from "node:path";

import { devices } from "@playwright/test";

const signedIn = { storageState: path.join(import.meta.dirname, "test-results/.signed-in.json") };
const desktop = { ...devices["Desktop Chrome"], viewport: { width: 1440, height: 900 } };
// A finger on a small screen; the rest of a real phone's browser can't be had here.
const phone = { ...devices["Desktop Chrome"], viewport: { width: 390, height: 844 }, hasTouch: true };

export default {
  testDir: import.meta.dirname,
  outputDir: path.join(import.meta.dirname, "test-results"),
  globalSetup: path.join(import.meta.dirname, "setup.mjs"),
  workers: 1,
  reporter: [["list"]],
  timeout: 60_000,
  expect: { timeout: 10_000 },
  use: {
    actionTimeout: 10_000,
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: "/usr/bin/chromium",
      // As root its own sandbox refuses; all it meets here is our own panel.
      args: process.getuid() === 0 ? ["--no-sandbox"] : [],
    },
  },
  projects: [
    { name: "first", testMatch: "first-run.spec.mjs", use: desktop },
    { name: "desktop", testIgnore: "first-run.spec.mjs", dependencies: ["first"], use: { ...desktop, ...signedIn } },
    {
      name: "phone",
      testMatch: ["console.spec.mjs", "forms.spec.mjs", "pages.spec.mjs"],
      dependencies: ["first"],
      use: { ...phone, ...signedIn },
    },
  ],
};
