// Makes the wasm of a directory smaller, in place: what wasm-opt -Oz does, in one process for all files. A program
// started for each of the hundreds of parts that the pages are split into takes far longer to start than to run.
//
//   node frontend/optimise.mjs DIRECTORY

import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import { Worker, isMainThread, workerData } from "node:worker_threads";

if (isMainThread) await all(process.argv[2]);
else await part(workerData);

async function all(directory) {
  const sized = [];
  for (const name of await readdir(directory)) {
    const file = path.join(directory, name);
    if (name.endsWith(".wasm")) sized.push([file, (await stat(file)).size]);
  }
  // The largest first, so that none is left alone at the end.
  const files = sized.sort((a, b) => b[1] - a[1]).map(([file]) => file);
  const next = new Int32Array(new SharedArrayBuffer(4));
  const ended = Array.from({ length: Math.min(availableParallelism(), files.length) }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { files, next }, stderr: true });
    // A line for each part, of names that are left out anyway.
    const said = [];
    worker.stderr.on("data", (text) => said.push(text));
    return new Promise((done, failed) => {
      const failure = () => failed(new Error(`the wasm was not made smaller:\n${said.join("")}`));
      worker.on("error", failed).on("exit", (code) => (code ? failure() : done()));
    });
  });
  await Promise.all(ended);
}

async function part({ files, next }) {
  const { default: binaryen } = await import("binaryen");
  const { BulkMemory, BulkMemoryOpt, NontrappingFPToInt } = binaryen.Features;
  // -Oz
  binaryen.setOptimizeLevel(2);
  binaryen.setShrinkLevel(2);
  for (let i; (i = Atomics.add(next, 0, 1)) < files.length; ) {
    const module = binaryen.readBinary(await readFile(files[i]));
    // What rustc uses of wasm, and every browser that light-dark() asks for has.
    module.setFeatures(module.getFeatures() | BulkMemory | BulkMemoryOpt | NontrappingFPToInt);
    module.optimize();
    await writeFile(files[i], module.emitBinary());
    module.dispose();
  }
}
