/** Words, examples, and the score from which on what was found is shown. */

const STORED = "score";
const byId = (id) => document.getElementById(id);

/**
 * @typedef {object} Wishes
 * @property {(text: string, threshold: number) => void} find
 * @property {(threshold: number) => void} threshold
 * @property {() => void} clearExemplars
 */

export class Search {
  #wishes;
  #extended = false;
  /** Whether the score is the user's, not the engine's. */
  #own = false;

  /** @param {Wishes} wishes */
  constructor(wishes) {
    this.#wishes = wishes;
    const kept = stored();
    if (kept !== null) {
      this.#own = true;
      byId("threshold").value = kept;
    }
    byId("words-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = byId("words").value.trim();
      if (text) wishes.find(text, this.#threshold);
    });
    byId("alike").addEventListener("click", () => wishes.find("", this.#threshold));
    byId("examples-clear").addEventListener("click", () => wishes.clearExemplars());
    byId("threshold").addEventListener("input", () => this.#moved());
    byId("tool-object").addEventListener("change", () => this.#chosen());
    byId("tool-example").addEventListener("change", () => this.#chosen());
  }

  /** What a drag draws. @returns {"object" | "example"} */
  get tool() {
    return this.#extended && byId("tool-example").checked ? "example" : "object";
  }

  /** @param {import("./status.js").State} state */
  show({ picture, takes, exemplars, finding }) {
    this.#extended = takes.exemplars;
    byId("search").hidden = !picture || !(takes.text || takes.exemplars);
    byId("words-form").hidden = !takes.text;
    byId("examples").hidden = !takes.exemplars;
    byId("examples-drawn").hidden = !exemplars.length;
    write(byId("examples-count"), exemplars.length === 1 ? "1 example" : `${exemplars.length} examples`);
    byId("alike").disabled = !exemplars.some(({ label }) => label);
    if (!this.#own) byId("threshold").value = String(Math.round(finding.usual * 100));
    write(byId("threshold-shown"), `${byId("threshold").value} %`);
    write(byId("found"), finding.words);
  }

  /** Draw examples, or objects again. */
  turn() {
    if (!this.#extended) return;
    byId(this.tool === "object" ? "tool-example" : "tool-object").checked = true;
    this.#chosen();
  }

  /** Write what to find. */
  focus() {
    byId("words").select();
  }

  get #threshold() {
    return Number(byId("threshold").value) / 100;
  }

  #moved() {
    this.#own = true;
    store(byId("threshold").value);
    write(byId("threshold-shown"), `${byId("threshold").value} %`);
    this.#wishes.threshold(this.#threshold);
  }

  #chosen() {
    byId("examples-help").hidden = this.tool !== "example";
  }
}

/** A browser may refuse to keep anything. */
function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function store(value) {
  try {
    localStorage.setItem(STORED, value);
  } catch {
    return;
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
