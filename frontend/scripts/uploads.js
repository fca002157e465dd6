// Sends the files of a form before the form itself: each as the body of a PUT, streamed from the disk.
//
//   data-uploads=PATH   around such a form; a POST there gives a place, and its hidden field `upload` its name
//   data-upload-bar     how much is sent
//   data-upload-says    what is under way or went wrong

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

function ask(method, url, body, progress) {
  // fetch() does not tell how much of a body is sent.
  const request = new XMLHttpRequest();
  return new Promise((done, failed) => {
    request.open(method, url);
    if (progress) request.upload.onprogress = progress;
    request.onload = () => {
      if (request.status < 300) done(request.responseText);
      else failed(new Error(reason(request.status, request.responseText)));
    };
    request.onerror = () => failed(new Error(reason(0, "")));
    request.send(body);
  });
}

async function send(form, place) {
  const url = place.dataset.uploads;
  const files = [...form.querySelector("input[type=file]").files];
  const bar = place.querySelector("[data-upload-bar]");
  const says = place.querySelector("[data-upload-says]");
  const all = files.reduce((sum, file) => sum + file.size, 0) || 1;
  const { upload } = JSON.parse(await ask("POST", url));
  let before = 0;
  bar.hidden = false;
  try {
    for (const file of files) {
      says.textContent = `Sending ${file.name} …`;
      const told = (event) => (bar.value = (before + event.loaded) / all);
      await ask("PUT", `${url}/${upload}/${encodeURIComponent(fileName(file.name))}`, file, told);
      before += file.size;
    }
  } catch (error) {
    ask("DELETE", `${url}/${upload}`).catch(() => {});
    throw error;
  } finally {
    bar.hidden = true;
    says.textContent = "";
  }
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
