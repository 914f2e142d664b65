/** The objects of one picture, and the steps that led there. Knows no server. */

import { History } from "./history.js";
import { isEmpty, newItem } from "./items.js";

/**
 * @typedef {object} Snapshot
 * @property {import("./items.js").Item[]} items One is always there.
 * @property {number} selected The id of one of them.
 * @property {import("./items.js").Box[]} exemplars Examples that were drawn and not asked about yet.
 */

export class Board {
  /** @type {Snapshot} */ #now;
  /** @type {History<Snapshot>} */ #history = new History();
  #ids = 1;
  #versions = 1;

  constructor() {
    this.#now = { items: [newItem([], 1)], selected: 1, exemplars: [] };
  }

  get items() {
    return this.#now.items;
  }

  get exemplars() {
    return this.#now.exemplars;
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /** The object that clicks are about. */
  get selected() {
    return this.item(this.#now.selected);
  }

  /** @param {number} id @returns {import("./items.js").Item | undefined} */
  item(id) {
    return this.#now.items.find((item) => item.id === id);
  }

  // ---- steps

  /**
   * Say something about the selected object.
   *
   * @param {Partial<import("./items.js").Item>} said Its points, or its box.
   * @param {unknown} [cause] What the step is known by.
   */
  say(said, cause = null) {
    this.#step({ items: this.#with(this.selected.id, (item) => this.#saying(item, said)) }, cause);
  }

  /** Give an object up. @param {number} id */
  remove(id) {
    if (this.item(id)) this.#step(this.#without(new Set([id])));
  }

  /** Begin again. */
  reset() {
    if (this.items.every(isEmpty) && !this.exemplars.length) return;
    this.#ids += 1;
    this.#step({ items: [newItem([], this.#ids)], selected: this.#ids, exemplars: [] });
  }

  /** @param {import("./items.js").Box} box */
  addExemplar(box) {
    this.#step({ exemplars: [...this.exemplars, box] });
  }

  clearExemplars() {
    if (this.exemplars.length) this.#step({ exemplars: [] });
  }

  /**
   * Put in what was found; what the same question found before and nobody has touched gives way.
   *
   * @param {{mask: import("./mask.js").Mask, score: number | null, name: string}[]} found
   * @param {object} question
   * @param {number} most Objects that there may be.
   * @returns {number} How many there are of it now.
   */
  find(found, question, most) {
    const earlier = this.items.filter((item) => item.question === question && item.settled);
    const stays = this.items.filter((item) => !earlier.includes(item) && !isEmpty(item));
    let items = stays;
    for (const one of found.slice(0, Math.max(most - stays.length, 0))) {
      // Another threshold finds most of them again, which keep their names and colours.
      const same = earlier.find(({ hint }) => sameMask(hint, one.mask));
      items = [...items, same ?? this.#found(items, one, question)];
    }
    const count = items.length - stays.length;
    const selected = items[stays.length]?.id ?? items.at(-1)?.id;
    const next = { items: items.length ? items : [newItem([], this.#newId())], exemplars: [] };
    this.#step({ ...next, selected: selected ?? next.items[0].id }, question, this.#history.newest === question);
    return count;
  }

  undo() {
    this.#back(this.#history.undo(this.#now));
  }

  redo() {
    this.#back(this.#history.redo(this.#now));
  }

  /** A point was refused: it was never there. @param {import("./items.js").Point} point */
  forget(point) {
    const clear = (item) =>
      item.points.includes(point) ? { ...item, points: item.points.filter((one) => one !== point) } : item;
    const without = (state) => ({ ...state, items: state.items.map(clear) });
    this.#history.forget(point, without);
    this.#now = without(this.#now);
  }

  // ---- what is no step

  /** Begin another object, unless one is empty. */
  create() {
    const empty = this.items.find(isEmpty);
    const item = empty ?? newItem(this.items, this.#newId());
    this.#now = { ...this.#now, items: empty ? this.items : [...this.items, item], selected: item.id };
  }

  /** @param {number} id */
  select(id) {
    if (this.item(id)) this.#now = { ...this.#now, selected: id };
  }

  /** @param {number} id @param {{name?: string, hidden?: boolean}} look */
  dress(id, look) {
    this.#now = { ...this.#now, items: this.#with(id, (item) => ({ ...item, ...look })) };
  }

  /** The server has answered. @param {number} id @param {number} version @param {import("./items.js").Result} result */
  answer(id, version, result) {
    const taken = (item) => (awaits(item, version) ? { ...item, result, shown: version } : item);
    this.#now = { ...this.#now, items: this.#with(id, taken) };
  }

  /** Take another reading of an object. @param {number} id @param {number} index */
  choose(id, index) {
    const chosen = (item) => {
      const candidate = item.result?.candidates[index];
      if (!candidate) return item;
      const version = this.#newVersion();
      const result = { ...item.result, mask: candidate.mask, score: candidate.score, chosen: index };
      return { ...item, result, hint: candidate.mask, settled: true, version, cut: version };
    };
    this.#now = { ...this.#now, items: this.#with(id, chosen) };
  }

  // ---- parts

  #with(id, change) {
    return this.items.map((item) => (item.id === id ? change(item) : item));
  }

  #without(ids) {
    const left = this.items.filter(({ id }) => !ids.has(id));
    const items = left.length ? left : [newItem([], this.#newId())];
    if (!ids.has(this.#now.selected)) return { items };
    const place = this.items.findIndex(({ id }) => id === this.#now.selected);
    return { items, selected: items[Math.min(place, items.length - 1)].id };
  }

  #saying(item, said) {
    const version = this.#newVersion();
    return { ...item, ...said, settled: false, version };
  }

  #found(items, { mask, score, name }, question) {
    const result = { mask, score, warning: "", candidates: [], chosen: 0 };
    return newItem(items, this.#newId(), { phrase: name, result, hint: mask, settled: true, question });
  }

  #step(change, cause = null, joined = false) {
    if (!joined) this.#history.add(this.#now, cause);
    this.#now = { ...this.#now, ...change };
  }

  /** Go to another state; names and what is hidden are no part of the steps, and newer answers stay. */
  #back(state) {
    if (!state) return;
    const items = state.items.map((old) => {
      const now = this.item(old.id);
      if (!now) return old;
      if (now.version === old.version) return now;
      const version = this.#newVersion();
      return { ...old, name: now.name, hidden: now.hidden, version, cut: version };
    });
    const kept = items.some(({ id }) => id === this.#now.selected) ? this.#now.selected : state.selected;
    const touched = items.find((item) => !this.items.includes(item));
    this.#now = { items, exemplars: state.exemplars, selected: touched?.id ?? kept };
  }

  #newId() {
    this.#ids += 1;
    return this.#ids;
  }

  #newVersion() {
    this.#versions += 1;
    return this.#versions;
  }
}

/**
 * Return whether an answer to what was said up to a version is worth showing.
 *
 * @param {import("./items.js").Item | undefined} item
 * @param {number} version
 */
export function awaits(item, version) {
  return Boolean(item) && !item.settled && !isEmpty(item) && version >= item.cut && version >= item.shown;
}

function sameMask(one, other) {
  const sides = ["x", "y", "width", "height"];
  return Boolean(one) && one.area === other.area && sides.every((side) => one.box[side] === other.box[side]);
}
