import { start, stop } from "./panel.mjs";

/** Starts the panel; what it returns ends it, also after failures. */
export default async function setup() {
  const panel = await start();
  process.env.UMBEL_E2E = JSON.stringify(panel);
  return () => stop(panel);
}
