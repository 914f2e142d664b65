/** The pictures that are open: how they come, which one is worked on, and what is said of how it is shown. */

import { openAll } from "./intake.js";
import { PictureError, pictureOf, rest, showAs } from "./picture.js";
import { copySize, objection, smallCopy } from "./sizes.js";
import { Strip } from "./strip.js";

/**
 * @typedef {object} Desk Where a picture is worked on.
 * @property {(picture: import("./picture.js").Picture) => void} use
 * @property {(picture: import("./picture.js").Picture) => void} forget It was closed: what was done on it is not needed.
 * @property {() => void} clear
 * @property {(words: string) => void} fail For the user.
 * @property {() => import("./sizes.js").Limits} limits
 * @property {() => void} redraw The picture looks different.
 */

export class Shelf {
  #desk;
  #strip;
  #words = document.createElement("p");
  #offer = Object.assign(document.createElement("button"), { type: "button", hidden: true });
  #wanted = null;
  #developed = new WeakSet();
  #chain = Promise.resolve();

  /** @param {HTMLElement} strip @param {HTMLElement} note For words, and a button. @param {Desk} desk */
  constructor(strip, note, desk) {
    this.#desk = desk;
    this.#strip = new Strip(strip, {
      choose: (picture) => this.#use(picture),
      close: (picture) => this.#closed(picture),
      failed: (words) => desk.fail(words),
    });
    note.append(this.#words, this.#offer);
  }

  /** Open files, and work on the first of them. @param {Blob[]} files @returns {Promise<void>} */
  open(files) {
    const opened = this.#chain.then(() => this.#open(files));
    this.#chain = opened.catch(() => {}); // what comes next is opened all the same
    return opened;
  }

  async #open(files) {
    let first = true;
    this.#propose(null);
    const wrong = await openAll(files, (picture) => {
      this.#check(picture);
      this.#strip.add(picture);
      if (first) this.#strip.choose(picture);
      first = false;
    });
    if (wrong) this.#desk.fail(wrong);
  }

  /** @param {{picture: import("./picture.js").Picture | null, objects: object[]}} state Of the desk. */
  show({ picture, objects }) {
    const gone = this.#wanted && picture !== this.#wanted ? this.#wanted : null; // put away, or not taken
    if (gone) this.#wanted = picture;
    if (gone && !picture) this.#strip.remove(gone); // its neighbour comes in its place
    this.#strip.show(picture, objects.filter(({ result }) => result?.mask.area).length);
    if (gone && picture) this.#strip.remove(gone);
    if (gone && objection(gone, this.#desk.limits())) this.#propose(gone);
    if (this.#words.textContent !== (picture?.note ?? "")) this.#words.textContent = picture?.note ?? "";
    this.#develop(picture);
  }

  #check(picture) {
    const no = objection(picture, this.#desk.limits());
    if (no) this.#propose(picture);
    const words = no || this.#strip.objection(picture);
    if (!words) return;
    rest(picture);
    throw new PictureError(words);
  }

  #use(picture) {
    this.#wanted = picture;
    this.#desk.use(picture);
  }

  #closed(picture) {
    const last = !this.#strip.pictures.length;
    if (picture === this.#wanted) this.#wanted = null;
    this.#desk.forget(picture);
    if (last) this.#desk.clear();
  }

  /** Show a picture of more than 8 bits as the server sees it, once that is known. */
  async #develop(picture) {
    if (!picture?.seen || this.#developed.has(picture.seen)) return;
    this.#developed.add(picture.seen);
    try {
      if (!(await showAs(picture, picture.seen))) return;
      this.#strip.redraw(picture);
      this.#desk.redraw();
    } catch {
      this.#desk.fail("The server sees this picture brighter or darker than it is shown: there is too little memory.");
    }
  }

  /** Offer a copy of a picture that is too large. */
  #propose(picture) {
    this.#offer.hidden = !picture;
    this.#offer.disabled = false;
    if (!picture) return;
    const { width, height } = copySize(picture, this.#desk.limits());
    const smaller = width < picture.width || height < picture.height;
    this.#offer.textContent = smaller ? `Use a copy of ${numeral(width)} × ${numeral(height)}` : "Use a smaller copy (JPEG)";
    this.#offer.onclick = () => this.#useCopy(picture);
  }

  async #useCopy(picture) {
    this.#offer.disabled = true;
    try {
      const file = await smallCopy(picture, this.#desk.limits()).finally(() => rest(picture));
      const copy = await pictureOf(file);
      const size = `${numeral(copy.width)} × ${numeral(copy.height)}`;
      copy.note = `A copy of ${size} pixels: points, masks and downloads are in its pixels.`;
      this.#propose(null);
      this.#strip.add(copy);
      this.#strip.choose(copy);
    } catch (error) {
      this.#propose(null);
      const known = error instanceof PictureError;
      this.#desk.fail(known ? error.message : "The copy could not be made. Make the picture smaller first.");
    }
  }
}

/** @param {number} value @returns {string} */
function numeral(value) {
  return value.toLocaleString("en");
}
