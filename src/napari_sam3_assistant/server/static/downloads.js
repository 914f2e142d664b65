/** The menu of what can be downloaded. */

import { exported, ExportError, kinds } from "./exports.js";

const KEPT_MS = 60_000; // for the browser to read the file
const MARGIN = 8; // between the menu and the window's edge, in pixels
const WHICH = { all: "All objects", selected: "Selected object" };

export class Downloads {
  #asked;
  #failed;
  #button = Object.assign(document.createElement("button"), { type: "button", textContent: "Download", disabled: true });
  #menu = Object.assign(document.createElement("div"), { className: "menu", hidden: true });
  #which = document.createElement("select");

  /**
   * @param {HTMLElement} element What the menu stands in.
   * @param {() => {picture: import("./picture.js").Picture | null, objects: object[], selected: number}} asked
   * @param {(words: string) => void} failed For the user.
   */
  constructor(element, asked, failed) {
    [this.#asked, this.#failed] = [asked, failed];
    this.#menu.id = "downloads-menu";
    this.#button.setAttribute("aria-expanded", "false");
    this.#button.setAttribute("aria-controls", this.#menu.id);
    const label = Object.assign(document.createElement("label"), { textContent: "Of " });
    this.#which.append(...Object.entries(WHICH).map(([which, words]) => new Option(words, which)));
    label.append(this.#which);
    this.#which.setAttribute("aria-label", "Of which objects");
    this.#menu.append(label, ...kinds.map((kind) => this.#entryOf(kind)));
    element.append(this.#button, this.#menu);
    element.hidden = false;
    this.#button.addEventListener("click", () => this.#open(this.#menu.hidden));
    element.addEventListener("keydown", (event) => this.#pressed(event));
    element.addEventListener("focusout", ({ relatedTarget: to }) => to && !element.contains(to) && this.#open(false));
    addEventListener("pointerdown", ({ target }) => element.contains(target) || this.#open(false));
  }

  /** Show whether there is something to download. @param {{picture: object | null, objects: object[]}} state */
  show({ picture, objects }) {
    this.#button.disabled = !picture || !objects.some(({ result }) => result);
    if (this.#button.disabled) this.#open(false);
  }

  /**
   * Download a file, of the objects that the menu says.
   *
   * @param {import("./exports.js").Kind["kind"]} kind
   */
  async save(kind) {
    const { picture, objects, selected } = this.#asked();
    const items = this.#which.value === "all" ? objects : objects.filter(({ id }) => id === selected);
    try {
      const { blob, name } = await exported(kind, picture, items);
      const url = URL.createObjectURL(blob);
      Object.assign(document.createElement("a"), { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
    } catch (error) {
      if (!(error instanceof ExportError)) throw error;
      this.#failed(error.message);
    }
  }

  #entryOf({ kind, label, about, shortcut = "" }) {
    const entry = Object.assign(document.createElement("button"), { type: "button" });
    if (shortcut) entry.setAttribute("aria-keyshortcuts", shortcut);
    const small = Object.assign(document.createElement("small"), { textContent: about });
    entry.append(label, " ", small);
    entry.addEventListener("click", () => {
      this.#open(false);
      this.#button.focus();
      this.save(kind);
    });
    return entry;
  }

  #open(open) {
    this.#menu.hidden = !open;
    this.#button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.#menu.style.insetInlineStart = "0";
    const over = this.#menu.getBoundingClientRect().right + MARGIN - document.documentElement.clientWidth;
    if (over > 0) this.#menu.style.insetInlineStart = `${-over}px`; // so that all of it is in the window
    this.#menu.querySelector("button").focus();
  }

  #pressed(event) {
    if (event.key === "Escape" && !this.#menu.hidden) {
      this.#open(false);
      this.#button.focus();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.matches?.(".menu button")) {
      const all = [...this.#menu.querySelectorAll("button")];
      const to = all.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
      all[(to + all.length) % all.length].focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
