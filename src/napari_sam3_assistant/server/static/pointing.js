/**
 * Turns mouse, pen and fingers on the picture into points and boxes, and into another part of the picture in sight.
 *
 * What a press becomes is decided as it goes on: a point where it ends soon and in place, a box where it is drawn,
 * the opposite point where a finger rests, a pan or a pinch where the picture is held. Once it is one, it is no other.
 */

import { watchHover } from "./hover.js";
import { watchKeys } from "./cross.js";

const HOLD_MS = 500;
const STILL_PX = { mouse: 6, pen: 8, touch: 10 }; // a press that moves farther draws
const TWICE_MS = 300; // a second press of a double click says nothing new
const TWICE_PX = 5;
const WHEEL = 0.0015; // how much a pixel of the wheel enlarges; a pinch on a trackpad is a wheel, too
const PINCH = 0.01;
const LINE_PX = 16;

/**
 * @typedef {object} Wishes What a canvas is watched for.
 * @property {() => {width: number, height: number} | null} size Of the picture.
 * @property {() => "object" | "example"} tool
 * @property {(point: {x: number, y: number, label: 0 | 1}) => void} point
 * @property {(box: import("./session.js").Box) => void} box
 * @property {(pixel: {x: number, y: number} | null) => void} hover
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./canvas.js").Surface} surface
 * @param {Wishes} wishes
 */
export function watchPointing(canvas, surface, wishes) {
  const keys = watchKeys(canvas, surface, wishes);
  const presses = new Presses(canvas, surface, wishes, keys);
  const listen = (name, act, options) => canvas.addEventListener(name, act, options);
  listen("pointerdown", (event) => presses.down(event));
  listen("pointermove", (event) => presses.move(event));
  listen("pointerup", (event) => presses.up(event));
  listen("pointercancel", (event) => presses.lose(event));
  listen("lostpointercapture", (event) => presses.lose(event));
  listen("contextmenu", (event) => event.preventDefault());
  listen("wheel", (event) => wheeled(event, surface), { passive: false });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !presses.isOn) return;
    presses.stop();
    event.preventDefault();
  });
  watchHover(canvas, surface, wishes.hover, () => presses.isOn);
}

/** Zoom about the pointer; pan to the side where the wheel turns to the side. */
function wheeled(event, surface) {
  event.preventDefault(); // with Ctrl, the browser would zoom the page
  const unit = [1, LINE_PX, surface.viewport.room.height][event.deltaMode];
  const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
  if (event.shiftKey) return surface.viewport.panBy(-(dx || dy), 0);
  if (dx) surface.viewport.panBy(-dx, 0);
  const factor = Math.exp(-dy * (event.ctrlKey ? PINCH : WHEEL));
  if (dy) surface.viewport.zoomBy(factor, surface.placeIn(event.clientX, event.clientY));
}

class Presses {
  #canvas;
  #surface;
  #wishes;
  #keys;
  /** @type {Map<number, {clientX: number, clientY: number}>} Where each pointer that is down is. */
  #places = new Map();
  /** @type {"none" | "press" | "box" | "pan" | "pinch" | "over"} What they are; "over" until the last is up. */
  #kind = "none";
  #press = null;
  #last = null;

  constructor(canvas, surface, wishes, keys) {
    [this.#canvas, this.#surface, this.#wishes, this.#keys] = [canvas, surface, wishes, keys];
  }

  /** @returns {boolean} Whether anything is down. */
  get isOn() {
    return this.#places.size > 0;
  }

  /** Make nothing of what is down. */
  stop() {
    this.#become(this.#places.size ? "over" : "none");
  }

  down(event) {
    if (!this.#wishes.size()) return;
    if (event.isPrimary) this.#places.clear(); // what was down is up, if we were told so or not
    this.#places.set(event.pointerId, event);
    this.#canvas.setPointerCapture(event.pointerId);
    this.#surface.show({ cross: null });
    this.#wishes.hover(null);
    if (this.#places.size === 2 && this.#kind !== "over") return this.#become("pinch");
    if (this.#places.size > 1) return this.stop();
    const isLeft = event.button === 0;
    const isHeld = event.pointerType !== "touch" && (event.button === 1 || (isLeft && this.#keys.holdsPicture()));
    if (isHeld) event.preventDefault(); // the middle button would scroll the page
    this.#become(isHeld ? "pan" : "press");
    if (!isHeld) this.#begin(event);
  }

  #begin({ pointerId, clientX, clientY, pointerType, button, ctrlKey, altKey }) {
    // A Mac's right click may be Ctrl and the button.
    const label = button === 2 || ctrlKey || altKey ? 0 : 1;
    const [pixel, isOn] = [this.#surface.pixelAt(clientX, clientY), this.#surface.isOn(clientX, clientY)];
    const picture = this.#wishes.size();
    this.#press = { pointerId, clientX, clientY, pointerType, label, pixel, isOn, picture, start: performance.now() };
    if (pointerType === "touch" && isOn) this.#press.frame = requestAnimationFrame(() => this.#rest());
  }

  /** Show that a finger rests, and say so when it has long enough. */
  #rest() {
    if (this.#isOld()) return this.stop();
    const part = (performance.now() - this.#press.start) / HOLD_MS;
    const { pixel } = this.#press;
    if (part < 1) {
      // Not from the start: a tap shall not flash.
      if (part > 0.2) this.#surface.show({ hold: { ...pixel, part } });
      this.#press.frame = requestAnimationFrame(() => this.#rest());
      return undefined;
    }
    this.#become("over");
    navigator.vibrate?.(20);
    return this.#wishes.point({ ...pixel, label: 0 });
  }

  /** Whether a press began on another picture: keys change it meanwhile. */
  #isOld() {
    return Boolean(this.#press) && this.#press.picture !== this.#wishes.size();
  }

  move(event) {
    const before = this.#places.get(event.pointerId);
    if (!before) return;
    if (this.#isOld()) this.stop();
    const others = [...this.#places.values()].filter((place) => place !== before);
    this.#places.set(event.pointerId, event);
    if (this.#kind === "press" && distance(event, this.#press) > STILL_PX[this.#press.pointerType]) this.#draw();
    if (this.#kind === "box") this.#surface.show({ rubber: this.#box(event) });
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    if (this.#kind === "pan") this.#surface.viewport.panBy(dx, dy);
    if (this.#kind === "pinch" && others.length === 1) this.#pinch(before, event, others[0]);
  }

  /** A press that moves is a box; of an object, only what belongs to it is drawn round. */
  #draw() {
    const press = this.#press;
    this.#become(press.label || this.#wishes.tool() === "example" ? "box" : "over");
    this.#press = press;
  }

  /** Keep what two fingers touch under them. */
  #pinch(before, now, other) {
    const { viewport } = this.#surface;
    const [from, to] = [middle(before, other), middle(now, other)];
    const factor = distance(now, other) / Math.max(distance(before, other), 1);
    // First larger, then moved: a picture that is shown whole cannot be moved.
    if (factor > 0) viewport.zoomBy(factor, this.#surface.placeIn(from.clientX, from.clientY));
    viewport.panBy(to.clientX - from.clientX, to.clientY - from.clientY);
  }

  up(event) {
    if (this.#isOld()) this.stop();
    if (!this.#places.delete(event.pointerId)) return;
    const [kind, press] = [this.#kind, this.#press];
    this.#become(this.#places.size ? "over" : "none");
    if (kind === "box") this.#wishes.box(this.#box(event, press));
    if (kind !== "press" || !press.isOn || this.#isSecond(press)) return;
    this.#wishes.point({ ...press.pixel, label: press.label });
  }

  /** A pointer is taken away: by the browser, or by a window that comes between. */
  lose({ pointerId }) {
    if (this.#places.delete(pointerId)) this.stop();
  }

  #isSecond(press) {
    const last = this.#last;
    this.#last = press;
    if (last?.label !== press.label || press.start - last.start > TWICE_MS) return false;
    return distance(last, press) < TWICE_PX;
  }

  /** Return the box from where a press began to where it is, both pixels in it. */
  #box({ clientX, clientY }, { pixel, label } = this.#press) {
    const { x, y } = this.#surface.pixelAt(clientX, clientY);
    const [x1, y1] = [Math.min(x, pixel.x), Math.min(y, pixel.y)];
    return { x1, y1, x2: Math.max(x, pixel.x) + 1, y2: Math.max(y, pixel.y) + 1, label };
  }

  #become(kind) {
    if (this.#press?.frame) cancelAnimationFrame(this.#press.frame);
    this.#press = null;
    this.#kind = kind;
    this.#canvas.classList.toggle("pans", kind === "pan");
    this.#surface.show({ hold: null, rubber: null });
  }
}

/** @returns {number} How far apart two places are, in pixels of the window. */
function distance(one, other) {
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
}

function middle(one, other) {
  return { clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 };
}
