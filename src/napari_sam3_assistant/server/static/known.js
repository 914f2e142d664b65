/**
 * What the server was told about the objects of the picture, and what it has to be told next.
 *
 * The page decides what is said about each object, and in which order it is told does not matter: an answer is a
 * function of all that was said about an object. So steps that were taken back or done again need no messages of
 * their own, and a server that has forgotten everything is told what there is.
 */

import { isEmpty, sameBox, samePoint } from "./items.js";
import { written } from "./mask.js";

/**
 * @typedef {object} Told What the server was told about an object.
 * @property {import("./items.js").Point[]} points
 * @property {import("./items.js").Box | null} box
 * @property {import("./mask.js").Mask | null} hint
 */

/**
 * @typedef {object} Telling
 * @property {string} type Of the message.
 * @property {object} fields
 * @property {number} [item] The id of the object that it is about.
 * @property {import("./items.js").Point} [point]
 */

/** @type {Told} */
const NOTHING = { points: [], box: null, hint: null };

export class Known {
  #extended = false;
  #masks = false;
  /** @type {Map<number, number>} The server's number of an object, by ours. */ #numbers = new Map();
  /** @type {Map<number, Told>} */ #told = new Map();
  /** @type {number[]} Numbers of the server's objects about which nothing is said. */ #spare = [1];
  #creating = 0;

  /** The server has a picture, and no objects yet. @param {boolean} extended @param {boolean} masks */
  begin(extended, masks) {
    [this.#extended, this.#masks] = [extended, masks];
    this.#empty();
  }

  /** @param {number} number The server's. @returns {number} Ours, 0 if there is none. */
  itemOf(number) {
    for (const [item, other] of this.#numbers) if (other === number) return item;
    return 0;
  }

  /** @param {number} item @returns {number} The server's number, 0 if it has none yet. */
  numberOf(item) {
    return this.#numbers.get(item) ?? 0;
  }

  /** How many points of an object the server was told. @param {number} item */
  pointsOf(item) {
    return this.#told.get(item)?.points.length ?? 0;
  }

  /** The server has begun an object. @param {number} number Its number. */
  created(number) {
    this.#numbers.set(this.#creating, number);
    this.#creating = 0;
  }

  /** A point was refused. @param {number} item @param {import("./items.js").Point} point */
  forget(item, point) {
    const told = this.#told.get(item);
    if (told) this.#told.set(item, { ...told, points: told.points.filter((one) => one !== point) });
  }

  /** Whether the server was not told all that is said about an object. @param {import("./items.js").Item} item */
  lacks(item) {
    const told = this.#told.get(item.id) ?? NOTHING;
    return !item.settled && !(this.#isSame(told, item) && told.points.length === item.points.length && grown(told, item));
  }

  /**
   * Return the message that sets all objects at once, or null where there is nothing to tell.
   *
   * @param {import("./items.js").Item[]} items
   * @returns {Telling | null}
   */
  restoring(items) {
    const asked = items.filter((item) => !item.settled && !isEmpty(item));
    this.#empty();
    if (!asked.length || !this.#extended) return null;
    this.#spare = [];
    const objects = asked.map((item) => {
      this.#numbers.set(item.id, item.id);
      this.#told.set(item.id, this.#saidOf(item));
      const boxes = item.box ? [corners(item.box)] : [];
      const mask = this.#masks && item.hint ? { mask: written(item.hint) } : {};
      return { object_id: item.id, points: item.points.map(place), boxes, ...mask };
    });
    return { type: "restore", fields: { objects, selected: asked[0].id } };
  }

  /**
   * Return the next message of those that tell how the objects stand, and take it as told; null where all is told.
   *
   * @param {import("./items.js").Item[]} items
   * @returns {Telling | null}
   */
  next(items) {
    if (this.#creating) return null; // its number comes with the next answer
    const gone = [...this.#told.keys()].filter((id) => !items.some((item) => item.id === id));
    if (gone.length && (gone.length === this.#told.size || !this.#extended)) {
      this.#empty();
      return { type: "reset", fields: {} };
    }
    if (gone.length) return this.#give(gone[0]);
    const item = items.find((one) => this.lacks(one));
    return item ? this.#about(item) : null;
  }

  /** Return the message that gives an object a number, or null where it has one. @param {number} item */
  number(item) {
    if (this.#numbers.has(item) || this.#creating) return null;
    if (this.#spare.length) {
      this.#numbers.set(item, this.#spare.pop());
      return null;
    }
    this.#creating = item;
    return { type: "new_object", fields: {}, item };
  }

  #empty() {
    this.#numbers.clear();
    this.#told.clear();
    this.#spare = [1];
    this.#creating = 0;
  }

  /** An object is there no more: the server's may become another one. */
  #give(id) {
    const number = this.#numbers.get(id);
    this.#told.delete(id);
    this.#numbers.delete(id);
    this.#spare.push(number);
    return { type: "reset", fields: { object_id: number }, item: id };
  }

  #about(item) {
    const begun = this.number(item.id);
    if (begun) return begun;
    const told = this.#told.get(item.id) ?? NOTHING;
    const { hint, box, points } = this.#saidOf(item);
    const telling = (type, fields, more, extra = {}) => {
      this.#told.set(item.id, { ...told, ...more });
      const object = this.#extended ? { object_id: this.#numbers.get(item.id) } : {};
      return { type, fields: { ...fields, ...object }, item: item.id, ...extra };
    };
    const removed = this.#isSame(told, item) ? missing(told, item) : -1;
    if (removed >= 0 && this.#extended) return telling("remove_point", { index: removed }, { points });
    if ((told.box && !box) || (told.hint && !hint) || !grown(told, item)) return telling("reset", {}, NOTHING);
    if (hint !== told.hint) return telling("mask_prompt", written(hint), { hint });
    if (!sameBox(told.box, box)) return telling("box", corners(box), { box });
    const point = points[told.points.length];
    return telling("click", place(point), { points: [...told.points, point] }, { point });
  }

  #isSame(told, item) {
    return sameBox(told.box, item.box) && told.hint === this.#saidOf(item).hint;
  }

  #saidOf({ points, box, hint }) {
    return { points, box, hint: this.#masks ? hint : null };
  }
}

/** @returns {boolean} Whether points were only added. */
function grown(told, item) {
  return told.points.every((point, at) => item.points[at] && samePoint(point, item.points[at]));
}

/** @returns {number} Which one point was taken back, -1 where it is not so. */
function missing(told, item) {
  if (told.points.length !== item.points.length + 1) return -1;
  const first = told.points.findIndex((point, at) => !item.points[at] || !samePoint(point, item.points[at]));
  const rest = told.points.slice(first + 1);
  return rest.every((point, at) => samePoint(point, item.points[first + at])) ? first : -1;
}

const place = ({ x, y, label }) => ({ x, y, label });
const corners = ({ x1, y1, x2, y2, label }) => ({ x1, y1, x2, y2, label });
