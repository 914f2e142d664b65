/**
 * Draws the picture, the mask and the points, in the pixels of the screen.
 *
 * A place on the screen is a pixel of the picture: column c covers everything from c to c + 1.
 */

import { silhouette } from "./mask.js";

const MOST_SCALE = 24; // how much larger than it is a small picture is shown
const TINT = "#1e7bff";
const COLORS = { 0: "#c62828", 1: "#1b8a3e" };
const AROUND = Array.from({ length: 12 }, (_, at) => [Math.cos((at * Math.PI) / 6), Math.sin((at * Math.PI) / 6)]);

/**
 * @typedef {object} Shown
 * @property {import("./picture.js").Picture | null} picture
 * @property {import("./mask.js").Mask | null} mask
 * @property {import("./session.js").Point[]} points
 * @property {{x: number, y: number} | null} cross Where the keyboard points.
 * @property {{x: number, y: number, part: number} | null} hold Where a finger rests, and for which part of the time.
 */

export class Surface {
  #frame;
  #sheet;
  #below;
  #above;
  /** @type {Shown} */ #shown = { picture: null, mask: null, points: [], cross: null, hold: null };
  #drawn = { bitmap: null, mask: null, width: 0, height: 0, tint: null };

  /**
   * @param {HTMLElement} frame What the picture has to fit in.
   * @param {HTMLElement} sheet What holds both canvases.
   * @param {HTMLCanvasElement} below For the picture.
   * @param {HTMLCanvasElement} above For what is drawn on it.
   */
  constructor(frame, sheet, below, above) {
    [this.#frame, this.#sheet, this.#below, this.#above] = [frame, sheet, below, above];
    new ResizeObserver(() => this.#draw()).observe(frame);
    this.#watchRatio();
  }

  /** @param {Partial<Shown>} changes */
  show(changes) {
    Object.assign(this.#shown, changes);
    this.#draw();
  }

  /** Return the pixel of the picture at a place of the window. @returns {{x: number, y: number}} */
  pixelAt(clientX, clientY) {
    const { left, top, width, height } = this.#above.getBoundingClientRect();
    const { picture } = this.#shown;
    const pixel = (share, size) => Math.min(Math.max(Math.floor(share * size), 0), size - 1);
    return { x: pixel((clientX - left) / width, picture.width), y: pixel((clientY - top) / height, picture.height) };
  }

  /** The window may move to a screen with other pixels, or be zoomed. */
  #watchRatio() {
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    query.addEventListener("change", () => (this.#draw(), this.#watchRatio()), { once: true });
  }

  #draw() {
    const { picture } = this.#shown;
    if (!picture) {
      this.#drawn.bitmap = null;
      return;
    }
    this.#frame.style.setProperty("--ratio", String(picture.width / picture.height));
    const room = this.#frame.getBoundingClientRect();
    const fits = Math.min(Math.floor(room.width) / picture.width, Math.floor(room.height) / picture.height, MOST_SCALE);
    const width = Math.max(Math.round(picture.width * fits), 1);
    const height = Math.max(Math.round(picture.height * fits), 1);
    this.#sheet.style.width = `${width}px`;
    this.#sheet.style.height = `${height}px`;
    const size = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
    this.#drawPicture(...size);
    this.#drawMask();
    this.#drawMarks();
  }

  #drawPicture(width, height) {
    const { picture } = this.#shown;
    const drawn = this.#drawn;
    if (drawn.bitmap === picture.bitmap && drawn.width === width && drawn.height === height) return;
    Object.assign(drawn, { bitmap: picture.bitmap, width, height, mask: null, tint: null });
    for (const canvas of [this.#below, this.#above]) [canvas.width, canvas.height] = [width, height];
    const paper = this.#below.getContext("2d");
    paper.imageSmoothingEnabled = width < picture.width * 3;
    paper.imageSmoothingQuality = "high";
    paper.drawImage(picture.bitmap, 0, 0, width, height);
  }

  /** Draw the mask as a tint with an outline, kept until mask or size change. */
  #drawMask() {
    const drawn = this.#drawn;
    const { mask } = this.#shown;
    if (mask === drawn.mask) return;
    drawn.mask = mask;
    drawn.tint = mask?.area ? this.#tinted(mask) : null;
  }

  #tinted(mask) {
    const { width, height } = this.#drawn;
    const [across, down] = [width / mask.width, height / mask.height];
    const inside = layer(width, height);
    inside.imageSmoothingEnabled = across < 1;
    const { box } = mask;
    inside.drawImage(silhouette(mask), box.x * across, box.y * down, box.width * across, box.height * down);
    const all = layer(width, height);
    const unit = devicePixelRatio;
    all.drawImage(rim(inside.canvas, 3 * unit, "rgb(0 0 0 / 55%)"), 0, 0);
    all.drawImage(rim(inside.canvas, 2 * unit, "#ffffff"), 0, 0);
    all.globalAlpha = 0.48;
    all.drawImage(filled(inside.canvas, TINT), 0, 0);
    return all.canvas;
  }

  #drawMarks() {
    const { points, picture, cross, hold } = this.#shown;
    const paper = this.#above.getContext("2d");
    const unit = devicePixelRatio;
    const place = ({ x, y }) => [
      ((x + 0.5) * this.#drawn.width) / picture.width,
      ((y + 0.5) * this.#drawn.height) / picture.height,
    ];
    paper.clearRect(0, 0, this.#drawn.width, this.#drawn.height);
    if (this.#drawn.tint) paper.drawImage(this.#drawn.tint, 0, 0);
    for (const point of points) mark(paper, ...place(point), COLORS[point.label], point.label, unit);
    if (cross) crossAt(paper, ...place(cross), unit);
    if (hold) ring(paper, ...place(hold), hold.part, unit);
  }
}

/** @returns {OffscreenCanvasRenderingContext2D} */
function layer(width, height) {
  return new OffscreenCanvas(width, height).getContext("2d");
}

/** Return a canvas in one colour where another is opaque. */
function filled(canvas, color) {
  const paper = layer(canvas.width, canvas.height);
  paper.drawImage(canvas, 0, 0);
  paper.globalCompositeOperation = "source-in";
  paper.fillStyle = color;
  paper.fillRect(0, 0, canvas.width, canvas.height);
  return paper.canvas;
}

/** Return what lies outside a shape but not farther than `reach`. */
function rim(canvas, reach, color) {
  const paper = layer(canvas.width, canvas.height);
  for (const [across, down] of AROUND) paper.drawImage(canvas, across * reach, down * reach);
  paper.globalCompositeOperation = "destination-out";
  paper.drawImage(canvas, 0, 0);
  return filled(paper.canvas, color);
}

/** Draw a point: a disc with a plus on the object, with a minus beside it. */
function mark(paper, x, y, color, label, unit) {
  disc(paper, x, y, 9 * unit, "rgb(0 0 0 / 45%)");
  disc(paper, x, y, 8 * unit, "#ffffff");
  disc(paper, x, y, 6.5 * unit, color);
  paper.fillStyle = "#ffffff";
  paper.fillRect(x - 4 * unit, y - unit, 8 * unit, 2 * unit);
  if (label) paper.fillRect(x - unit, y - 4 * unit, 2 * unit, 8 * unit);
}

function disc(paper, x, y, radius, color) {
  paper.beginPath();
  paper.arc(x, y, radius, 0, 2 * Math.PI);
  paper.fillStyle = color;
  paper.fill();
}

/** Draw where the keyboard points: white on black, to be seen on everything. */
function crossAt(paper, x, y, unit) {
  for (const [color, wide] of [["#000000", 4], ["#ffffff", 2]]) {
    paper.fillStyle = color;
    paper.fillRect(x - 14 * unit, y - (wide / 2) * unit, 28 * unit, wide * unit);
    paper.fillRect(x - (wide / 2) * unit, y - 14 * unit, wide * unit, 28 * unit);
  }
}

/** Draw how long a finger has rested, round it. */
function ring(paper, x, y, part, unit) {
  for (const [color, wide] of [["rgb(0 0 0 / 50%)", 8], [COLORS[0], 5]]) {
    paper.beginPath();
    paper.arc(x, y, 34 * unit, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * part);
    paper.lineWidth = wide * unit;
    paper.strokeStyle = color;
    paper.stroke();
  }
}
