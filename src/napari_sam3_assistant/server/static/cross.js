/** The keys on the picture: they move a cross, say what is under it, and show another part of the picture. */

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LABELS = { Enter: 1, Delete: 0, Backspace: 0 };
const PARTS = 64; // a step is one part of so many of what is in sight
const PAN_PX = 60;

/**
 * Watch the keys on a canvas.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {import("./canvas.js").Surface} surface
 * @param {import("./pointing.js").Wishes} wishes
 * @returns {{holdsPicture: () => boolean}} Whether Space is held: the pointer moves the picture then.
 */
export function watchKeys(canvas, surface, wishes) {
  const cross = new Cross(canvas, surface, wishes);
  canvas.addEventListener("keydown", (event) => wishes.size() && cross.pressed(event) && event.preventDefault());
  canvas.addEventListener("keyup", (event) => event.key === " " && wishes.size() && cross.releasedSpace());
  canvas.addEventListener("blur", () => cross.leave());
  return { holdsPicture: () => cross.useSpace() };
}

class Cross {
  #canvas;
  #surface;
  #wishes;
  #picture = null;
  #at = null;
  #corner = null;
  /** @type {"up" | "down" | "used"} Space is for adding, and for holding the picture: its release says which. */
  #space = "up";

  constructor(canvas, surface, wishes) {
    [this.#canvas, this.#surface, this.#wishes] = [canvas, surface, wishes];
  }

  /** @returns {boolean} Whether the key means something here. */
  pressed(event) {
    const { key, ctrlKey, metaKey, altKey, shiftKey, repeat } = event;
    const step = STEPS[key];
    if (step && (ctrlKey || altKey) && !metaKey) return this.#pan(step);
    if (ctrlKey || metaKey || altKey) return false;
    this.#renew();
    if (step) return this.#step(step, shiftKey);
    if (key === " ") return this.#holdSpace(repeat);
    if (key === "Enter" && this.#corner) return this.#endBox();
    if (key in LABELS) return this.#point(LABELS[key]);
    if (key === "b" || key === "B") return this.#corner ? this.#endBox() : this.#startBox();
    if (key === "Escape" && this.#corner) return this.#dropBox();
    return this.#zoom(key);
  }

  releasedSpace() {
    if (this.#space === "down") this.#point(1);
    this.#space = "up";
    this.#canvas.classList.remove("pans");
  }

  useSpace() {
    if (this.#space === "up") return false;
    this.#space = "used";
    return true;
  }

  leave() {
    [this.#space, this.#corner] = ["up", null];
    this.#canvas.classList.remove("pans");
    this.#surface.show({ cross: null, rubber: null });
  }

  /** Return where the cross is; at first, in the middle of what is in sight. */
  #place() {
    this.#renew();
    const { left, top, right, bottom } = this.#surface.viewport.seen;
    return (this.#at ??= { x: Math.floor((left + right) / 2), y: Math.floor((top + bottom) / 2) });
  }

  /** In another picture nothing was pointed at yet. */
  #renew() {
    const picture = this.#wishes.size();
    if (this.#picture !== picture) [this.#picture, this.#at, this.#corner] = [picture, null, null];
  }

  #step([across, down], isFine) {
    const [{ x, y }, { width, height }] = [this.#place(), this.#picture];
    const { left, top, right, bottom } = this.#surface.viewport.seen;
    const length = isFine ? 1 : Math.max(Math.round(Math.max(right - left, bottom - top) / PARTS), 1);
    this.#at = {
      x: Math.min(Math.max(x + across * length, 0), width - 1),
      y: Math.min(Math.max(y + down * length, 0), height - 1),
    };
    this.#surface.viewport.reveal(this.#at);
    return this.#show();
  }

  #point(label) {
    const place = this.#place();
    this.#wishes.point({ ...place, label });
    return this.#show();
  }

  #startBox() {
    this.#corner = { ...this.#place() };
    return this.#show();
  }

  #endBox() {
    const box = this.#box();
    this.#corner = null;
    this.#show();
    this.#wishes.box(box);
    return true;
  }

  #dropBox() {
    this.#corner = null;
    return this.#show();
  }

  /** Return the box from its first corner to the cross, both pixels in it. */
  #box() {
    const [one, other] = [this.#corner, this.#place()];
    const [x1, y1] = [Math.min(one.x, other.x), Math.min(one.y, other.y)];
    return { x1, y1, x2: Math.max(one.x, other.x) + 1, y2: Math.max(one.y, other.y) + 1, label: 1 };
  }

  #show() {
    const cross = this.#place();
    this.#surface.show({ cross, rubber: this.#corner ? this.#box() : null });
    return true;
  }

  #holdSpace(isRepeat) {
    if (!isRepeat && this.#space === "up") this.#space = "down";
    this.#canvas.classList.add("pans");
    return true;
  }

  #pan([across, down]) {
    this.#surface.viewport.panBy(-across * PAN_PX, -down * PAN_PX);
    return true;
  }

  #zoom(key) {
    const { viewport } = this.#surface;
    if (key === "+" || key === "=") viewport.step(1);
    else if (key === "-" || key === "_") viewport.step(-1);
    else if (key === "0") viewport.fit();
    else if (key === "1") viewport.actual();
    else return false;
    return true;
  }
}
