/** The pictures that are open, as a row of small ones: which is in use, which have objects, and the way from one to the next. */

import { rest, wake } from "./picture.js";

const MOST_AWAKE = 4; // pictures whose bitmaps are kept; the others' are made again when they are chosen
const MOST_BYTES = 512 * 2 ** 20; // of all files together
const [WIDE, HIGH] = [112, 80]; // of a small picture, in pixels
const STEPS = { PageDown: 1, PageUp: -1 };
const STEPS_WITH_ALT = { ArrowRight: 1, ArrowLeft: -1 };

/**
 * @typedef {object} Entry
 * @property {import("./picture.js").Picture} picture
 * @property {HTMLLIElement} row
 * @property {HTMLButtonElement} button
 * @property {HTMLCanvasElement} thumb
 * @property {HTMLElement} mark
 */

export class Strip {
  #element;
  #list = document.createElement("ul");
  #does;
  /** @type {Entry[]} */ #entries = [];
  /** @type {import("./picture.js").Picture[]} The newest first. */ #awake = [];
  #current = null;
  #asked = null;

  /**
   * @param {HTMLElement} element
   * @param {object} does
   * @param {(picture: import("./picture.js").Picture) => void} does.choose It is awake.
   * @param {(picture: import("./picture.js").Picture) => void} does.close It is not in the strip any more.
   * @param {(words: string) => void} does.failed For the user.
   */
  constructor(element, does) {
    this.#element = element;
    this.#does = does;
    element.append(this.#list);
    this.#list.addEventListener("keydown", (event) => this.#walk(event));
    addEventListener("keydown", (event) => this.#page(event));
  }

  /** @returns {import("./picture.js").Picture[]} */
  get pictures() {
    return this.#entries.map(({ picture }) => picture);
  }

  /**
   * @param {import("./picture.js").Picture} picture Awake.
   * @returns {string} Why there is no room for it, for the user; empty if there is.
   */
  objection({ file, fileName }) {
    const all = this.#entries.reduce((sum, { picture }) => sum + picture.file.size, file.size);
    if (all <= MOST_BYTES || !this.#entries.length) return "";
    return `“${fileName}” is one too many: the page keeps ${MOST_BYTES / 2 ** 20} MB of pictures. Close some of them first.`;
  }

  /** Add a picture at the end. @param {import("./picture.js").Picture} picture Awake. */
  add(picture) {
    const entry = this.#entryOf(picture);
    this.#entries.push(entry);
    this.#list.append(entry.row);
    this.redraw(picture);
    this.#touch(picture, 1); // what is in use stays awake
    this.#arrange();
  }

  /** Go to a picture of the strip. @param {import("./picture.js").Picture} picture */
  async choose(picture) {
    this.#asked = picture;
    try {
      await wake(picture);
    } catch {
      this.#does.failed(`“${picture.fileName}” cannot be shown again. Open it once more.`);
      return;
    }
    if (this.#asked === picture && this.#find(picture)) this.#does.choose(picture);
    else if (!this.#awake.includes(picture)) rest(picture); // another was chosen in the meantime
  }

  /** Take a picture away, and go to its neighbour if it was in use. @param {import("./picture.js").Picture} picture */
  remove(picture) {
    const entry = this.#find(picture);
    if (!entry) return;
    const at = this.#entries.indexOf(entry);
    const focused = entry.row.contains(document.activeElement);
    this.#entries.splice(at, 1);
    entry.row.remove();
    this.#awake = this.#awake.filter((one) => one !== picture);
    const neighbour = this.#entries[Math.min(at, this.#entries.length - 1)];
    const wasUsed = picture === this.#current;
    this.#does.close(picture);
    if (!wasUsed) rest(picture); // else it is still to be seen, until another is
    this.#arrange();
    if (focused) neighbour?.button.focus();
    if (wasUsed && neighbour) this.choose(neighbour.picture);
  }

  /** @param {import("./picture.js").Picture | null} picture The one in use. @param {number} objects How many it has. */
  show(picture, objects) {
    if (picture !== this.#current) {
      if (this.#current && !this.#find(this.#current)) rest(this.#current); // it was closed while it was in use
      this.#current = picture;
      if (picture) this.#touch(picture, 0);
      this.#arrange();
      this.#find(picture)?.row.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    const entry = this.#find(picture);
    if (entry) count(entry, objects);
  }

  /** Draw the small picture again. @param {import("./picture.js").Picture} picture Awake. */
  redraw(picture) {
    const { thumb } = this.#find(picture) ?? {};
    if (!thumb || !picture.bitmap) return;
    const scale = Math.min(WIDE / picture.width, HIGH / picture.height);
    thumb.width = Math.max(1, Math.round(picture.width * scale));
    thumb.height = Math.max(1, Math.round(picture.height * scale));
    thumb.getContext("2d").drawImage(picture.bitmap, 0, 0, thumb.width, thumb.height);
  }

  #find(picture) {
    return this.#entries.find((entry) => entry.picture === picture);
  }

  #entryOf(picture) {
    const row = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "thumb" });
    const thumb = document.createElement("canvas");
    thumb.setAttribute("aria-hidden", "true");
    const name = Object.assign(document.createElement("span"), { className: "name", textContent: picture.fileName });
    const mark = Object.assign(document.createElement("span"), { className: "mark", hidden: true });
    button.title = picture.fileName;
    button.setAttribute("aria-keyshortcuts", "Delete");
    button.append(thumb, name, mark);
    button.addEventListener("click", () => this.choose(picture));
    const close = Object.assign(document.createElement("button"), { type: "button", className: "close", textContent: "×" });
    close.setAttribute("aria-label", `Close ${picture.fileName}`);
    close.addEventListener("click", () => this.remove(picture));
    row.append(button, close);
    return { picture, row, button, thumb, mark };
  }

  /** One entry can be reached by Tab: the one in use, or the first. */
  #arrange() {
    this.#element.hidden = this.#entries.length < 2;
    const reached = this.#find(this.#current) ?? this.#entries[0];
    for (const entry of this.#entries) {
      const { button, row, picture } = entry;
      button.setAttribute("aria-current", String(picture === this.#current));
      button.tabIndex = row.querySelector(".close").tabIndex = entry === reached ? 0 : -1;
    }
  }

  /** A picture was used: what was used long ago goes to sleep. */
  #touch(picture, at) {
    const others = this.#awake.filter((one) => one !== picture);
    this.#awake = [...others.slice(0, at), picture, ...others.slice(at)];
    for (const one of this.#awake.splice(MOST_AWAKE)) rest(one);
  }

  /** Arrows go along the strip, Delete closes. */
  #walk(event) {
    const at = this.#entries.findIndex(({ row }) => row.contains(event.target));
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: this.#entries.length - 1 }[event.key];
    if (event.key === "Delete") this.remove(this.#entries[at].picture);
    else if (to === undefined) return;
    else this.#entries[to]?.button.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  /** Go to the next picture from wherever the keyboard is, but not out of a text or a dialog. */
  #page(event) {
    const step = (event.altKey ? STEPS_WITH_ALT : STEPS)[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.shiftKey || this.#entries.length < 2) return;
    if (event.target instanceof Element && event.target.closest("input:not([type=checkbox], [type=range]), textarea, dialog")) return;
    event.preventDefault();
    const at = this.#entries.findIndex(({ picture }) => picture === (this.#asked ?? this.#current));
    const next = this.#entries[Math.min(Math.max(at + step, 0), this.#entries.length - 1)];
    if (next.picture !== this.#current) this.choose(next.picture);
  }
}

function count({ mark }, objects) {
  const words = objects === 1 ? "1 object" : `${objects} objects`;
  mark.hidden = !objects;
  if (mark.textContent !== words) mark.textContent = words;
}
