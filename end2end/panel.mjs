// A panel of its own: fresh directories and port, started and stopped by the scripts of make run.

import { execFile, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const root = path.join(import.meta.dirname, "..");
const run = promisify(execFile);

/** Ours without the tests' own variables: the panel refuses settings that it doesn't know. */
function environment(more) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("UMBEL_"));
  return { ...Object.fromEntries(own), ...more };
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Waits until `look` gives something. */
export async function until(words, seconds, look) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error(`${words}: not within ${seconds} s`);
}

/** With settings of its own, as variables of the environment. */
export async function start(settings = {}) {
  // Short, since sockets lie below it; passable, since panel and guests run as users of their own.
  const home = mkdtempSync("/tmp/umbel-e2e.");
  chmodSync(home, 0o711);
  const place = {
    DATA: path.join(home, "data"),
    RUN: path.join(home, "run"),
    LISTEN: settings.LISTEN ?? `127.0.0.1:${await freePort()}`,
  };
  const [out, err] = ["out", "err"].map((name) => path.join(home, name));
  const supervisor = spawn(path.join(root, "deploy/run"), {
    cwd: root,
    env: environment({ ...place, ...settings }),
    stdio: ["ignore", openSync(out, "w"), openSync(err, "w")],
  });
  const panel = { ...place, home, err };
  try {
    const line = await until("the panel is ready", 60, () => {
      if (supervisor.exitCode !== null) throw new Error(`deploy/run ended:\n${readFileSync(err, "utf8")}`);
      return readFileSync(out, "utf8").match(/^Umbel is ready.*$/m)?.[0];
    });
    const addresses = line.match(/http:\S+/g);
    return { ...panel, origin: addresses[0], link: addresses[1] };
  } catch (error) {
    const log = readFileSync(err, "utf8");
    await stop(panel);
    throw new Error(`${error.message}\n${log}`);
  }
}

/** Ends all of it and looks whether it is gone. */
export async function stop(panel) {
  const env = environment({ DATA: panel.DATA, RUN: panel.RUN });
  // An empty variable is none: make exports what it was not given.
  const bin = env.BIN || path.join(env.CARGO_TARGET_DIR || path.join(root, "target"), "debug");
  try {
    await run(path.join(root, "deploy/stop"), { cwd: root, env });
    await run(path.join(bin, "umbel-agent"), ["clean", "--data", panel.DATA, "--run", panel.RUN]);
    const left = processesNaming(panel.home);
    if (left.length > 0) throw new Error(`left running:\n${left.join("\n")}`);
  } finally {
    rmSync(panel.home, { recursive: true, force: true });
  }
}

/** SIGKILL to the panel, whose process the supervisor notes. */
export function killPanel(panel) {
  const pid = Number(readFileSync(path.join(panel.DATA, ".run.lock"), "utf8").match(/^panel (\d+) /m)[1]);
  process.kill(pid, "SIGKILL");
  return pid;
}

/** Who is signed in proved that the given minutes ago. */
export async function age(panel, minutes) {
  const sql = "UPDATE sessions SET data = json_set(data, '$.confirmed', json_extract(data, '$.confirmed') - ?)";
  const program = `import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    assert db.execute(sys.argv[2], [int(sys.argv[3])]).rowcount, "nobody is signed in"`;
  const database = path.join(panel.DATA, "panel/umbel.db");
  await run(path.join(root, ".venv/bin/python"), ["-c", program, database, sql, String(minutes * 60_000_000)]);
}

function processesNaming(text) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        // It has ended meanwhile.
        return "";
      }
    })
    .filter((line) => line.includes(text));
}

function filesNaming(directory, texts) {
  if (!existsSync(directory)) return [];
  try {
    return readdirSync(directory, { recursive: true }).filter((name) => texts.some((text) => name.includes(text)));
  } catch (error) {
    // A directory went while it was gone through: nobody can say yet.
    if (error.code !== "ENOENT") throw error;
    return [error.path];
  }
}

function cgroupsNaming(texts) {
  return readdirSync("/sys/fs/cgroup", { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => filesNaming(path.join("/sys/fs/cgroup", entry.name), texts));
}

/** What the host still has of a guest: processes, files, cgroups. */
export function leftOf(panel, guest) {
  const texts = [guest, guest.replaceAll("-", "")];
  return [
    ...texts.flatMap(processesNaming),
    ...filesNaming(panel.DATA, texts),
    ...filesNaming(panel.RUN, texts),
    ...cgroupsNaming(texts),
  ];
}
