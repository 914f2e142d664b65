/** Shows what a click where the pointer rests would find: at most so often, and always the newest. */

import { maskOf } from "./mask.js";

const EVERY_MS = 60; // the server takes 20 a second
const PATIENCE_MS = 1000; // a place that may not be clicked is not answered

export class Preview {
  #talk;
  #number;
  #wanted = null;
  #request = null;
  #asked = 0;
  #timer = 0;
  /** The server's number of the object that it was told to select. */
  #selected = [0, 0];
  /** @type {{mask: import("./mask.js").Mask, x: number, y: number} | null} */ shown = null;

  /**
   * @param {import("./talk.js").Talk} talk
   * @param {() => number} number Return the server's number of the selected object, 0 if it has none yet.
   */
  constructor(talk, number) {
    [this.#talk, this.#number] = [talk, number];
  }

  /** @param {{x: number, y: number}} pixel */
  ask(pixel) {
    this.#wanted = pixel;
    this.#next();
  }

  /** Show nothing. @returns {boolean} Whether something was shown. */
  clear() {
    const had = this.shown !== null;
    clearTimeout(this.#timer);
    [this.#wanted, this.#request, this.shown, this.#timer] = [null, null, null, 0];
    return had;
  }

  /** @param {object} request @param {object} message @param {{width: number, height: number}} picture */
  async heard(request, message, picture) {
    if (request) this.#talk.requests.close(request);
    if (!request || request !== this.#request || !picture) return;
    const mask = await maskOf(message, picture);
    if (request !== this.#request) return;
    this.#request = null;
    this.shown = { mask, x: message.x, y: message.y };
    this.#next();
  }

  #next() {
    if (!this.#wanted || this.#timer) return;
    const since = performance.now() - this.#asked;
    const wait = this.#request ? PATIENCE_MS - since : EVERY_MS - since;
    if (wait <= 0) this.#ask();
    else if (!this.#request) this.#timer = setTimeout(() => ((this.#timer = 0), this.#next()), wait);
  }

  #ask() {
    const number = this.#number();
    if (!number) return;
    this.#select(number);
    if (this.#request) this.#talk.requests.close(this.#request);
    this.#request = this.#talk.ask("hover", this.#wanted);
    this.#asked = performance.now();
    this.#wanted = null;
  }

  /** A preview is about the object that is selected on the server. */
  #select(number) {
    const now = [this.#talk.connection, number];
    if (now.every((value, at) => value === this.#selected[at])) return;
    this.#selected = now;
    this.#talk.ask("select_object", { object_id: number });
  }
}
