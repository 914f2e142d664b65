/** Writes the state beside the picture: status, numbers, and what can be pressed. */

import { described, isEmpty } from "./items.js";
import { status } from "./status.js";

const byId = (id) => document.getElementById(id);

export class View {
  #answered = null;

  /** @param {import("./status.js").State} state */
  show(state) {
    const { picture, objects, selected, session, error, takes } = state;
    const item = objects.find(({ id }) => id === selected);
    const [kind, words] = status(state);
    write(byId("status"), words);
    byId("status").dataset.state = kind;
    write(byId("error"), error);
    byId("error").hidden = !error;
    write(byId("points"), String(item.points.length));
    write(byId("score"), scoreOf(item));
    write(byId("size"), picture ? `${picture.width} × ${picture.height}` : "–");
    write(byId("session"), session ? session.slice(0, 8) : "–");
    byId("sheet").hidden = byId("zoom").hidden = byId("looks").hidden = !picture;
    byId("empty").hidden = Boolean(picture);
    byId("undo").disabled = !state.canUndo;
    byId("redo").disabled = !state.canRedo;
    byId("reset").disabled = objects.every(isEmpty) && !state.exemplars.length;
    byId("clear").disabled = !picture;
    byId("boxes-help").hidden = !takes.boxes;
    byId("seed-help").hidden = state.link !== "open" || state.extended;
    byId("hover-row").hidden = !state.extended;
    this.#say(item);
  }

  /** Say a result to who cannot see it. */
  #say(item) {
    if (!item.result || item.result === this.#answered) return;
    this.#answered = item.result;
    write(byId("said"), `${item.name}: ${described(item)}`);
  }
}

function scoreOf({ result }) {
  return result && result.score !== null ? `${(result.score * 100).toFixed(1)} %` : "–";
}

/** Change a text only where it differs: screen readers say each change. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
