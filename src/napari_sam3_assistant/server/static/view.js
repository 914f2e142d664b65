/** Writes the state beside the picture: status, numbers, and what can be pressed. */

import { status } from "./status.js";

const byId = (id) => document.getElementById(id);

export class View {
  /** @param {import("./status.js").State} state */
  show(state) {
    const { picture, points, result, session, error } = state;
    const [kind, words] = status(state);
    write(byId("status"), words);
    byId("status").dataset.state = kind;
    write(byId("error"), error);
    byId("error").hidden = !error;
    write(byId("points"), String(points.length));
    write(byId("score"), result ? `${(result.score * 100).toFixed(1)} %` : "–");
    write(byId("size"), picture ? `${picture.width} × ${picture.height}` : "–");
    write(byId("session"), session ? session.slice(0, 8) : "–");
    byId("sheet").hidden = byId("zoom").hidden = !picture;
    byId("empty").hidden = Boolean(picture);
    byId("undo").disabled = byId("reset").disabled = !points.length;
    byId("clear").disabled = !picture;
    byId("save").disabled = !result;
  }
}

/** Change a text only where it differs: screen readers say each change. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
