// What pages do by attribute, with or without wasm. It never changes what the server rendered but the
// text of times and the state of buttons, so the wasm finds the page as it left the server.
//
//   data-rel           a time that is said relative to now; the exact one stays in its title
//   data-opens=ID      opens that dialog instead of following the link
//   data-closes        closes the dialog that it is in
//   data-copy=TEXT     copies
//   data-theme-set     system, light or dark
//   data-folds         folds the sidebar
//   data-shortcut=KEY  focused or pressed by that key
//   data-go=KEY        followed by g and that key
//   data-uploads       see uploads.js

import { SEQUENCE_MS, isTaken, meaning } from "./keys.js";
import { persistent } from "./parts.js";
import { said } from "./times.js";
import { listen as listenForUploads } from "./uploads.js";

window.fetch = persistent(window.fetch.bind(window));

const root = document.documentElement;
const by = (attribute, value) => document.querySelector(`[${attribute}="${CSS.escape(value)}"]`);

function keep(name, value) {
  if (value) root.dataset[name] = value;
  else delete root.dataset[name];
  try {
    if (value) localStorage.setItem(`umbel-${name}`, value);
    else localStorage.removeItem(`umbel-${name}`);
  } catch {
    // It holds for this page then.
  }
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function tellTimes() {
  for (const time of document.querySelectorAll("time[data-rel]")) {
    const at = Date.parse(time.dateTime);
    const node = time.firstChild;
    if (Number.isNaN(at) || node?.nodeType !== Node.TEXT_NODE) continue;
    const text = said(time.dataset.rel, (Date.now() - at) / 1000);
    if (node.data !== text) node.data = text;
    time.title = exact.format(at);
  }
}

function tellTheme() {
  const chosen = root.dataset.theme ?? "system";
  for (const button of document.querySelectorAll("[data-theme-set]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeSet === chosen));
  }
  for (const button of document.querySelectorAll("[data-folds]")) {
    button.setAttribute("aria-expanded", String(root.dataset.sidebar !== "folded"));
  }
}

let due = 0;
function refresh() {
  due ||= requestAnimationFrame(() => {
    due = 0;
    tellTimes();
    tellTheme();
  });
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.dataset.copied = "";
  setTimeout(() => delete button.dataset.copied, 1500);
}

// Before the router, which would follow a link.
document.addEventListener(
  "click",
  (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const opener = event.target.closest("[data-opens]");
    const dialog = opener && document.getElementById(opener.dataset.opens);
    if (dialog?.showModal) {
      event.preventDefault();
      event.stopPropagation();
      dialog.showModal();
    }
  },
  true,
);

document.addEventListener("click", (event) => {
  const { target } = event;
  // A dialog's own box is all content: a click on the element itself is one beside it.
  if (target.closest("[data-closes]") || target.matches("dialog")) target.closest("dialog")?.close();
  const copies = target.closest("[data-copy]");
  if (copies) copy(copies);
  const theme = target.closest("[data-theme-set]")?.dataset.themeSet;
  if (theme) keep("theme", theme === "system" ? "" : theme);
  if (target.closest("[data-folds]")) keep("sidebar", root.dataset.sidebar === "folded" ? "" : "folded");
  refresh();
});

document.addEventListener("submit", (event) => event.target.closest("dialog")?.close());

listenForUploads();

let lastG = -Infinity;
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || isTaken(event.target) || document.querySelector("dialog[open]")) {
    return;
  }
  const does = meaning(event, event.timeStamp - lastG < SEQUENCE_MS);
  lastG = does?.wait ? event.timeStamp : -Infinity;
  if (!does || does.wait) return;
  const element =
    (does.focus && by("data-shortcut", does.focus)) ||
    (does.press && by("data-shortcut", does.press)) ||
    (does.go && by("data-go", does.go)) ||
    (does.open && document.getElementById(does.open));
  if (!element) return;
  event.preventDefault();
  if (does.focus) element.focus();
  else if (does.open) element.showModal();
  else element.click();
});

new MutationObserver(refresh).observe(document.body, {
  childList: true,
  subtree: true,
  attributes: true,
  attributeFilter: ["datetime"],
});
setInterval(tellTimes, 10_000);
refresh();
