import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const root = path.join(import.meta.dirname, "..");

function read(directory, ending) {
  return readdirSync(path.join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

/** Words in class attributes and in what functions return for them. */
function used(rust) {
  const texts = [
    ...rust.matchAll(/\bclass=(?:if [^{]*\{ )?"([^"]*)"(?: \} else \{ "([^"]*)" \})?/g),
    ...rust.matchAll(/class=\\"([^"\\]*)\\"/g),
    ...rust.matchAll(/"((?:button|badge|bar|shape|notice)(?: [a-z-]+)*)"/g),
  ].flatMap((match) => match.slice(1));
  return new Set(texts.filter(Boolean).flatMap((text) => text.split(/\s+/)).filter(Boolean));
}

function styled(css) {
  const rules = css.replace(/\/\*[\s\S]*?\*\//g, "").replace(/"[^"]*"/g, "");
  return new Set([...rules.matchAll(/\.(-?[a-z][a-z0-9-]*)/g)].map((match) => match[1]));
}

const pages = used(read("app/src", ".rs"));
const style = styled(read("style", ".css"));
/** Xterm's own elements, and the endings of file names that the look for classes finds too. */
const foreign = new Set(["xterm", "xterm-viewport", "xterm-scrollable-element", "css", "woff2"]);
/** Known by tests and scripts, or named for the reader: they look like what stands around them. */
const plain = new Set(["label", "disc", "running", "stopped"]);

test("every class of a page is styled", () => {
  assert.ok(pages.size > 60, `only ${pages.size} classes were found`);
  assert.deepEqual([...pages].filter((name) => !style.has(name) && !plain.has(name)), []);
});

test("every class of the style is on a page", () => {
  assert.deepEqual([...style].filter((name) => !pages.has(name) && !foreign.has(name)), []);
});
