// Times as people say them. Pure; the pages' side is in pages.js.

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
];

/** `3 h`, `just now` aside: whole units, the largest that fits. */
export function span(seconds) {
  const size = Math.abs(seconds);
  for (const [word, length] of UNITS) {
    if (size >= length) return `${Math.floor(size / length)} ${word}`;
  }
  return `${Math.floor(size)} s`;
}

/**
 * What a time element says.
 * @param {"" | "since" | "at"} kind as in its data-rel
 */
export function said(kind, seconds) {
  const past = seconds >= 0;
  if (kind === "since" && past) return `for ${span(seconds)}`;
  if (Math.abs(seconds) < 10) return past ? "just now" : "in a moment";
  return past ? `${span(seconds)} ago` : `in ${span(seconds)}`;
}
