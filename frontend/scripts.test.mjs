import assert from "node:assert/strict";
import { test } from "node:test";

import { meaning } from "./scripts/keys.js";
import { persistent } from "./scripts/parts.js";
import { said, span } from "./scripts/times.js";
import { begun, fileName, keyOf, passes } from "./scripts/uploads.js";

test("a time is said in its largest whole unit", () => {
  assert.equal(span(59), "59 s");
  assert.equal(span(60), "1 min");
  assert.equal(span(3 * 3600 + 1), "3 h");
  assert.equal(span(-90_000), "1 d");
});

test("a time is said as its sentence wants it", () => {
  assert.equal(said("", 3), "just now");
  assert.equal(said("", 7200), "2 h ago");
  assert.equal(said("since", 7200), "for 2 h");
  assert.equal(said("since", 3), "for 3 s");
  assert.equal(said("at", -3480), "in 58 min");
  // A browser's clock may be behind the panel's.
  assert.equal(said("since", -2), "in a moment");
});

test("keys mean something, but never with Ctrl", () => {
  assert.deepEqual(meaning({ key: "/" }, false), { focus: "/" });
  assert.deepEqual(meaning({ key: "n" }, false), { press: "n" });
  assert.deepEqual(meaning({ key: "g" }, false), { wait: true });
  assert.deepEqual(meaning({ key: "g" }, true), { go: "g" });
  assert.deepEqual(meaning({ key: "n" }, true), { go: "n" });
  assert.equal(meaning({ key: "n", ctrlKey: true }, false), null);
  assert.equal(meaning({ key: "x" }, false), null);
});

test("a file is sent under a name that the panel takes", () => {
  assert.equal(fileName("user-mode-linux_7.2um1~rc1_amd64.deb"), "user-mode-linux_7.2um1~rc1_amd64.deb");
  assert.equal(fileName("C:\\kernels\\my linux"), "my-linux");
  assert.equal(fileName("..ü"), "-");
  assert.equal(fileName("..."), "file");
});

test("a part of the wasm is asked for again, anything else once", async () => {
  const asked = [];
  const fails = (times) =>
    persistent(async (url) => {
      asked.push(url);
      if (asked.length <= times) throw new TypeError("Failed to fetch");
      return new Response("part", { headers: { "content-type": "application/wasm" } });
    }, async () => {});
  const part = new URL("http://panel/pkg/chunk_1.wasm");
  const answer = await fails(4)(part);
  assert.deepEqual([await answer.text(), answer.headers.get("content-type")], ["part", "application/wasm"]);
  assert.equal(asked.splice(0).length, 5);
  await assert.rejects(fails(5)(part), TypeError);
  assert.equal(asked.splice(0).length, 5);
  await assert.rejects(fails(1)("/_sf/guest_list"), TypeError);
  assert.equal(asked.length, 1);
});

test("the same files are gone on with, and others or those of yesterday are not", () => {
  const kept = { removeItem: (key) => delete kept[key], theme: "dark" };
  const file = { name: "a", size: 1, lastModified: 2 };
  const [key, now] = [keyOf([file]), 100 * 24 * 3600 * 1000];
  assert.equal(begun(kept, key, now), undefined);
  kept[key] = `id ${now - 3600_000}`;
  kept[keyOf([{ ...file, size: 2 }])] = `other ${now - 25 * 3600_000}`;
  assert.equal(begun(kept, key, now), "id");
  assert.deepEqual(Object.keys(kept).sort(), ["removeItem", "theme", key].sort());
  assert.notEqual(keyOf([{ ...file, lastModified: 3 }]), key);
});

test("what may pass is tried again, and a refusal is not", () => {
  assert.ok([0, 409, 503].every(passes));
  assert.ok(![401, 403, 404, 413, 422, 500].some(passes));
});
