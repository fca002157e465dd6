// What the browser gets besides the wasm, into $CARGO_TARGET_DIR/site.
//
//   node frontend/build.mjs assets     style, scripts, fonts, files of public/
//   node frontend/build.mjs compress   brotli twins of everything, and what the first pages weigh

import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

import { build } from "esbuild";
import subsetFont from "subset-font";

const root = path.join(import.meta.dirname, "..");
const site = path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "site");
const require = createRequire(import.meta.url);

/** light-dark() and layers are there from these on. */
const TARGET = ["chrome123", "firefox120", "safari17.5"];

async function assets() {
  await mkdir(site, { recursive: true });
  // Nothing of an earlier build stays; pkg/ is the wasm's.
  for (const name of await readdir(site)) {
    if (name !== "pkg") await rm(path.join(site, name), { recursive: true });
  }
  const common = { bundle: true, minify: true, target: TARGET, logLevel: "warning", legalComments: "none" };
  await Promise.all([
    build({
      ...common,
      entryPoints: { style: path.join(root, "style/index.css"), terminal: path.join(root, "style/terminal.css") },
      external: ["/inter.woff2", "/mono.woff2"],
      outdir: site,
    }),
    build({
      ...common,
      entryPoints: ["theme", "pages"].map((name) => path.join(root, "frontend/scripts", `${name}.js`)),
      format: "iife",
      outdir: site,
    }),
    build({
      ...common,
      entryPoints: [path.join(root, "frontend/scripts/terminal.js")],
      format: "esm",
      outdir: site,
    }),
    cp(path.join(root, "public"), site, { recursive: true }),
    fonts(),
  ]);
}

/** The letters that the pages write themselves; names of people and guests may bring others, which
 *  then come from the system's font. */
function letters() {
  let text = "–—‘’“”…·×←↑→↓€−";
  for (let code = 0x20; code < 0x7f; code++) text += String.fromCharCode(code);
  for (let code = 0xa1; code < 0x17f; code++) text += String.fromCharCode(code);
  return text;
}

async function fonts() {
  const file = (name) => readFile(require.resolve(`@fontsource-variable/${name}-latin-wght-normal.woff2`));
  // Half the size, so that the sign-in page stays under its 60 KB: fewer letters, fewer weights.
  const sans = await subsetFont(await file("inter/files/inter"), letters(), {
    targetFormat: "woff2",
    variationAxes: { wght: { min: 400, max: 650 } },
    keepFeatures: ["kern", "liga", "calt", "ccmp", "locl", "mark", "tnum", "cv05", "ss03"],
  });
  await writeFile(path.join(site, "inter.woff2"), sans);
  await writeFile(path.join(site, "mono.woff2"), await file("jetbrains-mono/files/jetbrains-mono"));
}

async function* files(directory) {
  if (!existsSync(directory)) return;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const name = path.join(directory, entry.name);
    if (entry.isDirectory()) yield* files(name);
    else yield name;
  }
}

async function compress() {
  const press = promisify(brotliCompress);
  const one = async (name) => {
    const plain = await readFile(name);
    const pressed = await press(plain, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
    });
    await writeFile(`${name}.br`, pressed);
  };
  const all = [];
  for await (const name of files(site)) {
    if (/\.(css|js|json|svg|wasm)$/.test(name)) all.push(one(name));
  }
  await Promise.all(all);
  await weigh();
}

/** Bytes that cross the wire for a file of the site. */
async function wire(name) {
  const sizes = await Promise.all(
    [`${name}.br`, name].map((n) => stat(path.join(site, n)).then((s) => s.size, () => null)),
  );
  return sizes[0] ?? sizes[1] ?? 0;
}

async function weigh() {
  const every = ["theme.js", "style.css", "pages.js", "favicon.svg", "inter.woff2"];
  const wasm = ["pkg/umbel.js", "pkg/umbel_bg.wasm"];
  const console = ["terminal.js", "terminal.css", "mono.woff2"];
  const sum = async (names) => (await Promise.all(names.map(wire))).reduce((a, b) => a + b, 0);
  const chunks = [];
  for await (const name of files(path.join(site, "pkg"))) {
    const short = path.relative(site, name);
    if (!short.endsWith(".br") && !wasm.includes(short)) chunks.push(short);
  }
  const page = async (words, names, limit) => {
    const kb = (await sum(names)) / 1000;
    process.stdout.write(`site: ${words} ${kb.toFixed(1)} KB${limit ? ` of ${limit} KB` : ""}\n`);
    // The page's own HTML is a few KB more.
    if (limit && kb > limit - 4) process.stderr.write(`site: the ${words} is too large\n`);
  };
  await page("sign-in page", every, 60);
  await page("guests page", [...every, ...wasm], 400);
  await page("a console and all other parts besides", [...console, ...chunks]);
}

const verbs = { assets, compress };
const verb = verbs[process.argv[2]];
if (!verb) {
  process.stderr.write("usage: node frontend/build.mjs assets|compress\n");
  process.exit(2);
}
await verb();
