// xterm.js behind the class that app/src/terminal/xterm.rs describes. Loaded with the first console.

import { ClipboardAddon } from "@xterm/addon-clipboard";
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";

const FONT = '"JetBrains Mono", ui-monospace, Menlo, Consolas, monospace';

/** The screen's colours: those of style/tokens.css, since a canvas can't read them. */
const THEME = {
  background: "#0b0e13",
  foreground: "#e6e9ee",
  cursor: "#74c991",
  cursorAccent: "#0b0e13",
  selectionBackground: "#3a4a63",
  selectionInactiveBackground: "#2b3443",
  black: "#2a2f38",
  red: "#f0787a",
  green: "#74c991",
  yellow: "#dcb862",
  blue: "#77aef0",
  magenta: "#c896e0",
  cyan: "#62c2c9",
  white: "#c9ced7",
  brightBlack: "#7a828f",
  brightRed: "#ff9a9a",
  brightGreen: "#98e0ae",
  brightYellow: "#f0d28a",
  brightBlue: "#a2caff",
  brightMagenta: "#deb8f2",
  brightCyan: "#90dfe4",
  brightWhite: "#ffffff",
};

const FOUND = {
  decorations: {
    matchBackground: "#4a4424",
    matchOverviewRuler: "#dcb862",
    activeMatchBackground: "#8a7426",
    activeMatchColorOverviewRuler: "#ffffff",
  },
};

/** Writing into the clipboard only: what a guest prints never reads it. */
const WRITE_ONLY = {
  readText: () => "",
  writeText: (_, text) => navigator.clipboard.writeText(text).catch(() => {}),
};

globalThis.UmbelTerminal = class UmbelTerminal {
  #term;
  #fit = new FitAddon();
  #search = new SearchAddon();
  #element;
  #paste = null;

  /** Once this is over, a cell has its right size. */
  static ready() {
    return document.fonts.load('13px "JetBrains Mono"').catch(() => {});
  }

  constructor(element) {
    this.#element = element;
    this.#term = new Terminal({
      allowProposedApi: true,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: FONT,
      fontSize: 13,
      lineHeight: 1.2,
      scrollback: 20_000,
      theme: THEME,
    });
    this.#term.loadAddon(this.#fit);
    this.#term.loadAddon(this.#search);
    this.#term.loadAddon(new WebLinksAddon());
    this.#term.loadAddon(new ClipboardAddon(undefined, WRITE_ONLY));
    this.#term.open(element);
    this.#draw();
    this.#term.attachCustomKeyEventHandler((event) => this.#key(event));
    element.addEventListener("paste", this.#pasted, true);
    // For tests and for whoever looks with the browser's own tools.
    element.terminal = this;
  }

  /** By the graphics card where there is one, else as elements. */
  #draw() {
    try {
      const card = new WebglAddon();
      card.onContextLoss(() => card.dispose());
      this.#term.loadAddon(card);
    } catch {
      // xterm goes on with elements.
    }
  }

  /** Every key is the guest's but these, all with Ctrl+Shift. */
  #key(event) {
    if (event.type !== "keydown" || !event.ctrlKey || !event.shiftKey) return true;
    switch (event.code) {
      case "KeyC":
        event.preventDefault();
        navigator.clipboard.writeText(this.selection()).catch(() => {});
        return false;
      case "KeyV":
        // The browser's own paste follows.
        return false;
      case "KeyF":
        event.preventDefault();
        this.#bar("input[type=search]");
        return false;
      case "ArrowUp":
        event.preventDefault();
        this.#bar("button:not(:disabled)");
        return false;
      default:
        return true;
    }
  }

  #bar(selector) {
    this.#element.closest(".console")?.querySelector(`.console-bar ${selector}`)?.focus();
  }

  #pasted = (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    event.preventDefault();
    event.stopPropagation();
    if (text && (!this.#paste || this.#paste(text))) this.paste(text);
  };

  write(bytes, done) {
    this.#term.write(bytes, done);
  }

  /** As if it had been pasted: in brackets where the guest asked for them. */
  paste(text) {
    this.#term.paste(text);
  }

  /** Cancels a half sequence, then DECSTR, and leaves the alternate screen. */
  softReset() {
    this.#term.write("\x18\x1b[?1049l\x1b[!p\x1b[0m");
  }

  clear() {
    this.#term.reset();
  }

  resize(columns, rows) {
    if (columns !== this.#term.cols || rows !== this.#term.rows) this.#term.resize(columns, rows);
  }

  fit() {
    const size = this.#fit.proposeDimensions();
    if (!size || !(size.cols > 1) || !(size.rows > 0)) return new Uint16Array();
    return Uint16Array.of(Math.min(size.cols, 1000), Math.min(size.rows, 1000));
  }

  onData(told) {
    this.#term.onData(told);
    // Old mouse reports are bytes, not text.
    this.#term.onBinary(told);
  }

  onPaste(ask) {
    this.#paste = ask;
  }

  /** @returns whether it was found */
  search(text, backwards) {
    if (!text) {
      this.#search.clearDecorations();
      return true;
    }
    return backwards ? this.#search.findPrevious(text, FOUND) : this.#search.findNext(text, FOUND);
  }

  selection() {
    return this.#term.getSelection();
  }

  /** All text that is kept here, without the empty rest of the screen. */
  text() {
    const buffer = this.#term.buffer.active;
    let text = "";
    for (let i = 0; i < buffer.length; i++) {
      const line = buffer.getLine(i);
      if (i > 0 && !line.isWrapped) text += "\n";
      text += line.translateToString(!buffer.getLine(i + 1)?.isWrapped);
    }
    return text.trimEnd();
  }

  setScreenReader(on) {
    this.#term.options.screenReaderMode = on;
  }

  focus() {
    this.#term.focus();
  }

  dispose() {
    this.#element.removeEventListener("paste", this.#pasted, true);
    delete this.#element.terminal;
    this.#term.dispose();
  }
};
