// Which key does what on a page. Pure: pages.js asks and carries out.

/** A second key counts for so long, in ms. */
export const SEQUENCE_MS = 1200;

/** Whether a key belongs to what has the focus: a field, a terminal, a dialog. */
export function isTaken(element) {
  return Boolean(element?.closest?.("input, textarea, select, [contenteditable], .terminal, dialog[open]"));
}

/**
 * @param {{key: string, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean}} event
 * @param {boolean} afterG whether `g` was pressed just before
 * @returns {{focus: string} | {go: string} | {press: string} | {open: string} | {wait: true} | null}
 */
export function meaning(event, afterG) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  if (afterG && /^[a-z]$/.test(event.key)) return { go: event.key };
  switch (event.key) {
    case "/":
      return { focus: "/" };
    case "n":
      return { press: "n" };
    case "?":
      return { open: "help" };
    case "g":
      return { wait: true };
    default:
      return null;
  }
}
