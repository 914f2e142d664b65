/**
 * Which part of a picture is in sight: how large its pixels are, and which place of it is in the middle.
 *
 * Places of the room are in CSS pixels from its upper left corner; places of the picture are in its pixels,
 * of which column c covers everything from c to c + 1. Nothing here touches the page.
 */

const MOST_SCALE = 40;
const STEP = 1.25; // what one press of a button or key enlarges by
const NEAR_PX = 6; // a press so little beside the picture means its outermost pixel

/**
 * @typedef {object} Size
 * @property {number} width
 * @property {number} height
 */

export class Viewport {
  /** Called after each change: by who draws, and for who shows the scale. */
  moved = () => {};
  onchange = () => {};
  /** @type {Size} */ #room = { width: 1, height: 1 };
  /** @type {Size | null} */ #picture = null;
  #kept = new WeakMap();
  #view = { scale: 1, x: 0, y: 0, fitted: true };

  /** @returns {number} How many CSS pixels a pixel of the picture has along a side. */
  get scale() {
    return this.#view.scale;
  }

  /** @returns {Size} What the picture has to fit in, in CSS pixels. */
  get room() {
    return this.#room;
  }

  /** @returns {boolean} Whether the whole picture is shown as large as it can be, and stays so. */
  get fitted() {
    return this.#view.fitted;
  }

  /** @returns {{x: number, y: number}} Where the room's upper left corner is in the picture. */
  get corner() {
    const { scale, x, y } = this.#view;
    return { x: x - this.#room.width / scale / 2, y: y - this.#room.height / scale / 2 };
  }

  /** @returns {{left: number, top: number, right: number, bottom: number}} The part of the picture in sight. */
  get seen() {
    const [{ x, y }, { scale }, room, picture] = [this.corner, this.#view, this.#room, this.#picture];
    return {
      left: Math.max(x, 0),
      top: Math.max(y, 0),
      right: Math.min(x + room.width / scale, picture.width),
      bottom: Math.min(y + room.height / scale, picture.height),
    };
  }

  /** Look at a picture, as it was looked at before. @param {Size} picture */
  use(picture) {
    if (picture === this.#picture) return;
    this.#picture = picture;
    this.#view = this.#kept.get(picture) ?? { scale: 1, x: 0, y: 0, fitted: true };
    this.#kept.set(picture, this.#view);
    this.#settle();
  }

  /** @param {Size} room */
  resize({ width, height }) {
    if (width === this.#room.width && height === this.#room.height) return;
    this.#room = { width: Math.max(width, 1), height: Math.max(height, 1) };
    this.#settle();
  }

  /** Enlarge, so that what is at a place stays there. @param {number} factor @param {{x: number, y: number}} [at] */
  zoomBy(factor, at = this.#middle()) {
    const before = this.placeOf(at);
    const { least, most } = this.limits();
    this.#view.scale = clamped(this.#view.scale * factor, least, most);
    this.#view.fitted = false;
    const after = this.placeOf(at);
    this.#view.x += before.x - after.x;
    this.#view.y += before.y - after.y;
    this.#settle();
  }

  /** Enlarge by a step, or make smaller. @param {1 | -1} direction */
  step(direction) {
    this.zoomBy(STEP ** direction);
  }

  /** Move the picture. @param {number} dx In CSS pixels, to the right. @param {number} dy */
  panBy(dx, dy) {
    const { scale } = this.#view;
    this.#view.x -= dx / scale;
    this.#view.y -= dy / scale;
    this.#settle();
  }

  /** Show the whole picture, and go on doing so. */
  fit() {
    this.#view.fitted = true;
    this.#settle();
  }

  /** Show each pixel of the picture as one of the page. */
  actual() {
    this.zoomBy(1 / this.#view.scale);
  }

  /** Move so that a place of the picture is in sight. @param {{x: number, y: number}} place */
  reveal({ x, y }) {
    const [view, { left, top, right, bottom }] = [this.#view, this.seen];
    if (x < left || x >= right) view.x = x;
    if (y < top || y >= bottom) view.y = y;
    this.#settle();
  }

  /** Return the place of the picture at a place of the room. */
  placeOf({ x, y }) {
    const [{ scale }, corner] = [this.#view, this.corner];
    return { x: corner.x + x / scale, y: corner.y + y / scale };
  }

  /** Return the pixel of the picture at a place of the room, or the nearest. */
  pixelOf(at) {
    const [{ x, y }, { width, height }] = [this.placeOf(at), this.#picture];
    return { x: clamped(Math.floor(x), 0, width - 1), y: clamped(Math.floor(y), 0, height - 1) };
  }

  /** Return whether a place of the room is on the picture, or so near that it is meant. */
  isOn(at) {
    const [{ x, y }, { width, height }] = [this.placeOf(at), this.#picture];
    const near = NEAR_PX / this.#view.scale;
    return x >= -near && y >= -near && x < width + near && y < height + near;
  }

  /** @returns {{fit: number, least: number, most: number}} Scales. */
  limits() {
    const [room, picture] = [this.#room, this.#picture ?? { width: 1, height: 1 }];
    const fit = Math.min(room.width / picture.width, room.height / picture.height, MOST_SCALE);
    return { fit, least: Math.min(fit / 2, 1), most: MOST_SCALE };
  }

  #middle() {
    return { x: this.#room.width / 2, y: this.#room.height / 2 };
  }

  /** Keep to the limits: what is smaller than the room is in its middle, what is larger covers it. */
  #settle() {
    if (!this.#picture) return;
    const [view, { fit, least, most }] = [this.#view, this.limits()];
    view.scale = view.fitted ? fit : clamped(view.scale, least, most);
    const inside = (place, size, room) => {
      const half = room / view.scale / 2;
      return half * 2 >= size ? size / 2 : clamped(place, half, size - half);
    };
    view.x = inside(view.x, this.#picture.width, this.#room.width);
    view.y = inside(view.y, this.#picture.height, this.#room.height);
    this.moved();
    this.onchange();
  }
}

function clamped(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
