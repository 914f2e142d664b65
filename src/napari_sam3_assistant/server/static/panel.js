/** The list of objects, and what can be done with the selected one. */

import { described, isEmpty } from "./items.js";

const byId = (id) => document.getElementById(id);

/**
 * @typedef {object} Wishes
 * @property {() => void} create
 * @property {(id: number) => void} select
 * @property {(id: number) => void} remove
 * @property {(id: number, look: {name?: string, hidden?: boolean}) => void} dress
 * @property {(id: number, index: number) => void} choose
 */

export class Panel {
  /** @type {Wishes} */ #wishes;
  /** @type {import("./items.js").Item[]} */ #items = [];
  #selected = 0;
  /** @type {Map<number, {row: HTMLLIElement, item: object}>} */ #rows = new Map();

  /** @param {Wishes} wishes */
  constructor(wishes) {
    this.#wishes = wishes;
    const list = byId("object-list");
    byId("new").addEventListener("click", () => wishes.create());
    byId("object-delete").addEventListener("click", () => this.#remove());
    byId("object-hide").addEventListener("click", () => this.hide());
    byId("object-name").addEventListener("change", ({ target }) => this.#rename(target.value.trim()));
    byId("object-name").addEventListener("keydown", ({ key }) => ["Enter", "Escape"].includes(key) && list.focus());
    byId("reading-before").addEventListener("click", () => this.read(-1));
    byId("reading-after").addEventListener("click", () => this.read(1));
    list.addEventListener("keydown", (event) => this.#pressed(event));
    list.addEventListener("click", ({ target }) => this.#clicked(target));
    list.addEventListener("dblclick", () => byId("object-name").select());
  }

  /** @param {import("./status.js").State} state */
  show({ picture, objects, selected, extended }) {
    byId("objects").hidden = !picture;
    byId("new").hidden = !extended;
    [this.#items, this.#selected] = [objects, selected];
    this.#list();
    const item = this.#item;
    if (document.activeElement !== byId("object-name")) byId("object-name").value = item.name;
    byId("object-hide").setAttribute("aria-pressed", String(item.hidden));
    byId("object-delete").disabled = objects.length === 1 && isEmpty(item);
    const count = item.result?.candidates.length ?? 0;
    byId("readings").hidden = count < 2;
    write(byId("reading"), `Reading ${(item.result?.chosen ?? 0) + 1} of ${count}`);
  }

  /** Select the object so many places on. @param {number} step */
  step(step) {
    const place = this.#items.findIndex(({ id }) => id === this.#selected);
    const next = this.#items[Math.min(Math.max(place + step, 0), this.#items.length - 1)];
    this.#wishes.select(next.id);
  }

  /** Take another reading of the selected object. @param {number} step */
  read(step) {
    const { id, result } = this.#item;
    const count = result?.candidates.length ?? 0;
    if (count > 1) this.#wishes.choose(id, (result.chosen + step + count) % count);
  }

  /** Hide the selected object, or show it. */
  hide() {
    this.#wishes.dress(this.#selected, { hidden: !this.#item.hidden });
  }

  get #item() {
    return this.#items.find(({ id }) => id === this.#selected);
  }

  /** Draw the rows that differ; a row that is read out stays the same element. */
  #list() {
    const list = byId("object-list");
    for (const [id, { row }] of this.#rows) {
      if (this.#items.some((item) => item.id === id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    this.#items.forEach((item, at) => {
      const known = this.#rows.get(item.id) ?? { row: newRow(item.id), item: null };
      if (known.item !== item) fill(known.row, item);
      known.row.setAttribute("aria-selected", String(item.id === this.#selected));
      if (list.children[at] !== known.row) list.insertBefore(known.row, list.children[at] ?? null);
      this.#rows.set(item.id, { row: known.row, item });
    });
    const active = `object-${this.#selected}`;
    if (list.getAttribute("aria-activedescendant") === active) return;
    list.setAttribute("aria-activedescendant", active);
    const { row } = this.#rows.get(this.#selected);
    list.scrollTop = Math.min(Math.max(list.scrollTop, row.offsetTop + row.offsetHeight - list.clientHeight), row.offsetTop);
  }

  #clicked(target) {
    const row = target.closest("li");
    if (!row) return;
    const id = Number(row.dataset.id);
    if (target.matches(".swatch")) this.#wishes.dress(id, { hidden: !this.#items.find((item) => item.id === id).hidden });
    else this.#wishes.select(id);
  }

  #pressed(event) {
    const ends = { Home: -this.#items.length, End: this.#items.length };
    const step = { ArrowUp: -1, ArrowDown: 1, ...ends }[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (step) this.step(step);
    else if (event.key === "Delete" || event.key === "Backspace") this.#remove();
    else if (event.key === "F2" || event.key === "Enter") byId("object-name").select();
    else if (event.key.toLowerCase() === "h") this.hide();
    else return;
    event.preventDefault();
  }

  #remove() {
    this.#wishes.remove(this.#selected);
    byId("object-list").focus();
  }

  #rename(name) {
    if (name) this.#wishes.dress(this.#selected, { name });
    else byId("object-name").value = this.#item.name;
  }
}

function newRow(id) {
  const row = document.createElement("li");
  row.id = `object-${id}`;
  row.dataset.id = String(id);
  row.setAttribute("role", "option");
  row.append(...["swatch", "name", "about"].map((name) => Object.assign(document.createElement("span"), { className: name })));
  return row;
}

function fill(row, item) {
  const [swatch, name, about] = row.children;
  swatch.style.setProperty("--color", item.color);
  swatch.title = item.hidden ? "Show" : "Hide";
  row.classList.toggle("hidden-object", item.hidden);
  write(name, item.name);
  write(about, item.hidden ? `hidden, ${described(item)}` : described(item));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
