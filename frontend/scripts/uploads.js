// Sends the files of a form before the form itself, in pieces (tus.io/protocols/resumable-upload): after a cut, after a
// restart of the panel, and where the same files are chosen again within a day, it goes on from what is there.
//
//   data-uploads=PATH   around such a form; a POST there gives a place, and its hidden field `upload` its name
//   data-uploads-begin   where a place is given, where that is another address
//   data-upload-bar     how much is sent
//   data-upload-says    what is under way or went wrong

/** Of a piece, in bytes; the panel takes no larger one with a sum. */
const PIECE = 8 << 20;
/** Waited for after a cut, in seconds; then it is given up. The panel may take 20 s to notice one. */
const PAUSES = [1, 2, 5, 10, 20, 40];
const DAY = 24 * 3600 * 1000;

/** The last part of a path, as the panel names files: letters, digits and `-_.+~`. */
export function fileName(name) {
  return name.split(/[/\\]/).pop().replace(/[^A-Za-z0-9._+~-]/g, "-").replace(/^\.+/, "") || "file";
}

/** What an answer that is no success says. */
function reason(status, text) {
  try {
    return JSON.parse(text).detail ?? `The panel answered ${status}.`;
  } catch {
    return status ? `The panel answered ${status}.` : "The connection to the panel was lost.";
  }
}

/** An answer that is no success; no status is a connection that was lost. */
class Refused extends Error {
  constructor(status, text) {
    super(reason(status, text));
    this.status = status;
  }
}

function ask(method, url, { headers = {}, body, progress } = {}) {
  // fetch() does not tell how much of a body is sent.
  const request = new XMLHttpRequest();
  return new Promise((done, failed) => {
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (progress) request.upload.onprogress = progress;
    request.onload = () => {
      if (request.status < 300) done(request);
      else failed(new Refused(request.status, request.responseText));
    };
    request.onerror = () => failed(new Refused(0, ""));
    request.send(body);
  });
}

/** A lost connection, a panel that isn't there for a moment, or one that has it in another place than we thought. */
export function passes(status) {
  return [0, 409, 429, 502, 503, 504].includes(status);
}

const offsetOf = (answer) => Number(answer.getResponseHeader("Upload-Offset"));
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/** The sum of a piece, where the page may ask for one: over TLS, and on this machine. */
async function sumOf(piece) {
  if (!crypto.subtle) return {};
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", await piece.arrayBuffer()));
  return { "Upload-Checksum": `sha256 ${btoa(String.fromCharCode(...sum))}` };
}

/** One file, from where the panel has it; says how much of it is sent. */
async function sendFile(url, file, told) {
  let [offset, tries] = [offsetOf(await ask("POST", url, { headers: { "Upload-Length": file.size } })), 0];
  while (offset < file.size) {
    told(offset);
    const piece = file.slice(offset, offset + PIECE);
    try {
      const headers = {
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": offset,
        ...(await sumOf(piece)),
      };
      const progress = (event) => told(offset + Math.min(event.loaded, piece.size));
      offset = offsetOf(await ask("PATCH", url, { headers, body: piece, progress }));
      tries = 0;
    } catch (error) {
      if (!passes(error.status) || tries >= PAUSES.length) throw error;
      await pause(PAUSES[tries++]);
      offset = await ask("HEAD", url).then(offsetOf, () => offset);
    }
  }
}

/** What is chosen, as this browser keeps it: the same files are the same upload. */
export function keyOf(files, begin = "") {
  return `umbel-upload:${begin}${files.map(({ name, size, lastModified }) => [name, size, lastModified].join("/")).join(":")}`;
}

/** The upload that these files were on their way in, if it is young enough; older ones are forgotten. */
export function begun(kept, key, now) {
  for (const other of Object.keys(kept).filter((name) => name.startsWith("umbel-upload:"))) {
    const [, since] = kept[other].split(" ");
    if (now - Number(since) > DAY) kept.removeItem(other);
  }
  return kept[key]?.split(" ")[0];
}

/** A place for them: the one in which they were on their way, or a new one. */
async function placeFor(url, files, begin) {
  const key = keyOf(files, begin);
  const before = begun(localStorage, key, Date.now());
  if (before && (await ask("HEAD", `${url}/${before}/${fileName(files[0].name)}`).then(() => true, () => false))) {
    return { upload: before, key };
  }
  const { upload } = JSON.parse((await ask("POST", begin ?? url)).responseText);
  localStorage[key] = `${upload} ${Date.now()}`;
  return { upload, key };
}

async function send(form, place) {
  const url = place.dataset.uploads;
  const files = [...form.querySelector("input[type=file]").files];
  const bar = place.querySelector("[data-upload-bar]");
  const says = place.querySelector("[data-upload-says]");
  const all = files.reduce((sum, file) => sum + file.size, 0) || 1;
  const { upload, key } = await placeFor(url, files, place.dataset.uploadsBegin);
  let before = 0;
  bar.hidden = false;
  try {
    for (const file of files) {
      const told = (sent) => {
        bar.value = (before + sent) / all;
        says.textContent = `Sending ${file.name}, ${Math.floor((100 * (before + sent)) / all)} % …`;
      };
      told(0);
      await sendFile(`${url}/${upload}/${encodeURIComponent(fileName(file.name))}`, file, told);
      before += file.size;
    }
  } catch (error) {
    if (!passes(error.status)) {
      localStorage.removeItem(key);
      ask("DELETE", `${url}/${upload}`).catch(() => {});
      throw error;
    }
    throw new Error(`${error.message} What was sent stays for a day: send the same again to go on with it.`);
  } finally {
    bar.hidden = true;
    says.textContent = "";
  }
  localStorage.removeItem(key);
  form.elements.upload.value = upload;
}

/** Listens before the wasm, which sends the form itself once the files are there. */
export function listen() {
  document.addEventListener(
    "submit",
    async (event) => {
      const form = event.target;
      const place = form.closest("[data-uploads]");
      if (!place || form.elements.upload.value) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const button = form.querySelector("button[type=submit]");
      if (place.dataset.sending) return;
      place.dataset.sending = "1";
      try {
        await send(form, place);
        form.requestSubmit(button);
      } catch (error) {
        place.querySelector("[data-upload-says]").textContent = error.message;
      } finally {
        delete place.dataset.sending;
        // A second try sends them again: the panel takes a place over once.
        setTimeout(() => (form.elements.upload.value = ""));
      }
    },
    true,
  );
}
