/**
 * Draws the picture, and on it what was found and what was said, in the pixels of the screen.
 *
 * What is to be seen is told by `show`; it is drawn with the browser's next frame, once, and only what changed.
 * Both canvases have the size of the frame: what is out of sight costs nothing, and no canvas is larger than a screen.
 */

import { drawLevel, Levels } from "./levels.js";
import { drawObjects } from "./layers.js";
import { drawMarks } from "./marks.js";
import { Viewport } from "./viewport.js";

const PIXELS_FROM = 3; // a pixel of the picture that has so many of the screen is shown as a square
const REST_MS = 120; // after so long without a change, the picture is taken to rest
const POINTED = { cross: null, hold: null, rubber: null }; // what is pointed at in one picture is nothing in another
const OBJECTS = ["objects", "selected", "preview", "overlay", "opacity"]; // what the masks' layer is made from

/**
 * @typedef {object} Shown
 * @property {import("./picture.js").Picture | null} picture
 * @property {import("./session.js").Item[]} objects
 * @property {number} selected The id of an object.
 * @property {import("./session.js").Box[]} exemplars
 * @property {import("./mask.js").Mask | null} preview What a click where the pointer rests would find.
 * @property {boolean} overlay Whether masks are shown.
 * @property {number} opacity Of the tint of masks, from 0 to 1.
 * @property {{x: number, y: number} | null} cross Where the keyboard points.
 * @property {{x: number, y: number, part: number} | null} hold Where a finger rests, and for which part of the time.
 * @property {import("./session.js").Box | null} rubber The box that is being drawn.
 */

export class Surface {
  viewport = new Viewport();
  #frame;
  #edge;
  #below;
  #above;
  #layer = new OffscreenCanvas(1, 1);
  /** @type {Shown} */
  #shown = {
    picture: null,
    objects: [],
    selected: 0,
    exemplars: [],
    preview: null,
    overlay: true,
    opacity: 0.4,
    ...POINTED,
  };
  /** @type {Map<ImageBitmap, Levels>} */ #levels = new Map();
  /** What is out of date: the picture, the layer of the masks. */
  #old = { picture: true, objects: true };
  #asked = false;
  #resting = 0;

  /**
   * @param {HTMLElement} frame What the picture has to fit in.
   * @param {HTMLElement} sheet What holds both canvases.
   * @param {HTMLCanvasElement} below For the picture.
   * @param {HTMLCanvasElement} above For what is drawn on it.
   */
  constructor(frame, sheet, below, above) {
    [this.#frame, this.#below, this.#above] = [frame, below, above];
    this.#edge = sheet.insertBefore(document.createElement("div"), above);
    this.#edge.id = "edge";
    this.viewport.moved = () => this.#move();
    new ResizeObserver(() => this.#measure()).observe(frame);
    this.#watchRatio();
  }

  /** @param {Partial<Shown>} changes */
  show(changes) {
    const before = this.#shown;
    const isOther = "picture" in changes && changes.picture !== before.picture;
    this.#shown = { ...before, ...(isOther ? POINTED : {}), ...changes };
    const { picture } = this.#shown;
    if (picture && picture !== before.picture) this.#take(picture);
    if (picture?.bitmap && !this.#levels.has(picture.bitmap)) this.#prepare(picture);
    if (picture !== before.picture) this.#redraw("picture", "objects");
    else if (OBJECTS.some((name) => this.#shown[name] !== before[name])) this.#redraw("objects");
    else this.#redraw();
  }

  /** Return the pixel of the picture at a place of the window, or the nearest. @returns {{x: number, y: number}} */
  pixelAt(clientX, clientY) {
    return this.viewport.pixelOf(this.placeIn(clientX, clientY));
  }

  /** Return whether a place of the window is on the picture, or so near that it is meant. */
  isOn(clientX, clientY) {
    return this.viewport.isOn(this.placeIn(clientX, clientY));
  }

  /** Return a place of the window as one of the room. */
  placeIn(clientX, clientY) {
    const { left, top } = this.#above.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  /** Draw with each change of the view, and once more when it rests. */
  #move() {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.#resting = 0;
      this.#redraw("objects");
    }, REST_MS);
    this.#redraw("picture", "objects");
  }

  #take(picture) {
    this.#frame.style.setProperty("--ratio", String(picture.width / picture.height));
    this.#measure();
    this.viewport.use(picture);
  }

  /** A picture that was put away, or is shown otherwise, has another bitmap. */
  #prepare(picture) {
    const ready = () => picture === this.#shown.picture && this.#redraw("picture");
    for (const [bitmap, levels] of this.#levels) {
      if (bitmap.width) continue; // it was not put away
      levels.close();
      this.#levels.delete(bitmap);
    }
    this.#levels.set(picture.bitmap, new Levels(picture, ready));
    this.#redraw("picture");
  }

  #measure() {
    const { width, height } = this.#frame.getBoundingClientRect();
    const { clientLeft, clientTop } = this.#frame;
    this.viewport.resize({ width: width - 2 * clientLeft, height: height - 2 * clientTop });
    this.#redraw("picture", "objects");
  }

  /** The window may move to a screen with other pixels, or be zoomed. */
  #watchRatio() {
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    query.addEventListener("change", () => (this.#measure(), this.#watchRatio()), { once: true });
  }

  /** Draw with the next frame, and with it what is named anew. @param {("picture" | "objects")[]} parts */
  #redraw(...parts) {
    for (const part of parts) this.#old[part] = true;
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      if (this.#shown.picture?.bitmap) this.#draw();
    });
  }

  #draw() {
    const { width, height } = this.viewport.room;
    const ratio = devicePixelRatio;
    const [across, down] = [Math.max(Math.round(width * ratio), 1), Math.max(Math.round(height * ratio), 1)];
    for (const canvas of [this.#below, this.#above, this.#layer]) {
      if (canvas.width !== across || canvas.height !== down) {
        [canvas.width, canvas.height] = [across, down];
        this.#old = { picture: true, objects: true };
      }
    }
    const { scale, corner } = this.viewport;
    const view = { corner, scale: { x: (scale * across) / width, y: (scale * down) / height }, unit: ratio };
    if (this.#old.picture) this.#drawPicture(view);
    const isMoving = this.#resting > 0;
    const isWhole = !this.#old.objects || drawObjects(cleared(this.#layer), view, this.#shown, this.viewport.seen, isMoving);
    this.#old = { picture: false, objects: false };
    const paper = cleared(this.#above);
    paper.drawImage(this.#layer, 0, 0);
    drawMarks(paper, view, this.#shown);
    if (!isWhole) this.#redraw("objects");
  }

  #drawPicture(view) {
    const { picture } = this.#shown;
    const paper = cleared(this.#below);
    paper.imageSmoothingEnabled = view.scale.x < PIXELS_FROM;
    drawLevel(paper, this.#levels.get(picture.bitmap).at(view.scale.x), view.corner, view.scale, picture);
    const { scale } = this.viewport;
    const { style } = this.#edge;
    style.translate = `${-view.corner.x * scale}px ${-view.corner.y * scale}px`;
    style.width = `${picture.width * scale}px`;
    style.height = `${picture.height * scale}px`;
  }
}

function cleared(canvas) {
  const paper = canvas.getContext("2d");
  paper.setTransform(1, 0, 0, 1, 0, 0);
  paper.clearRect(0, 0, canvas.width, canvas.height);
  return paper;
}
