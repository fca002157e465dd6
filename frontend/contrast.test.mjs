import assert from "node:assert/strict";
import { test } from "node:test";

import { colour, contrast, linear } from "./colours.mjs";

/** Text needs 4.5 (WCAG 2.2, 1.4.3), shapes and the edges of controls 3 (1.4.11). */
const TEXT = 4.5;
const SHAPE = 3;

const grounds = ["ground", "surface", "sunken", "hover"];
const pairs = [
  ...grounds.flatMap((on) => ["text", "soft", "faint", "accent-text"].map((of) => [of, on, TEXT])),
  ...grounds.flatMap((on) => ["changing", "attention", "failed", "stopped"].map((of) => [of, on, TEXT])),
  ...["ground", "surface", "sunken"].flatMap((on) => ["running", "focus", "control-line"].map((of) => [of, on, SHAPE])),
  ...["changing-soft", "attention-soft", "failed-soft", "accent-soft"].map((on) => ["text", on, TEXT]),
  ["soft", "active", TEXT],
  ["faint", "accent-soft", TEXT],
  ["failed", "failed-soft", TEXT],
  ["on-accent", "accent", TEXT],
  ["on-accent", "accent-hover", TEXT],
  ["on-failed", "failed-fill", TEXT],
  ["screen-text", "screen", TEXT],
  ["screen-faint", "screen", TEXT],
];

test("black on white is 21, as the standard says", () => {
  assert.ok(Math.abs(contrast(linear(0, 0, 0), linear(1, 0, 0)) - 21) < 0.01);
});

for (const theme of ["light", "dark"]) {
  test(`everything can be read in the ${theme} theme`, () => {
    const poor = pairs
      .map(([of, on, least]) => ({ of, on, least, is: contrast(colour(of, theme), colour(on, theme)) }))
      .filter(({ is, least }) => is < least)
      .map(({ of, on, least, is }) => `--${of} on --${on}: ${is.toFixed(2)}, at least ${least}`);
    assert.deepEqual(poor, []);
  });
}
