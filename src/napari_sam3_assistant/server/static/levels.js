/**
 * A large picture in halves, quarters and so on: what is shown small is drawn from few pixels.
 *
 * Each level is made of tiles, since browsers limit how large a canvas may be, and between other work, since a
 * tile takes milliseconds. What is not there yet is drawn from the next larger level.
 */

const TILE = 1024; // of a level, in its pixels
const STRIP = 256; // what is made at once, in rows of a level
const LEAST = 512; // a picture that has not more along a side needs no level
const SLICE_MS = 6;

/**
 * @typedef {object} Level
 * @property {number} factor How many pixels of the picture a pixel of the level stands for, along a side.
 * @property {{bitmap: ImageBitmap, x: number, y: number}[]} tiles With where they begin, in pixels of the level.
 */

export class Levels {
  #levels;
  #picture;

  /** @param {import("./picture.js").Picture} picture @param {() => void} ready Called when there is one level more. */
  constructor(picture, ready) {
    this.#picture = picture;
    this.#levels = [{ factor: 1, tiles: [{ bitmap: picture.bitmap, x: 0, y: 0 }] }];
    this.#make(ready);
  }

  /** Return the smallest level that has all that can be seen. @param {number} scale Screen's pixels of a picture's. */
  at(scale) {
    const wanted = Math.max(Math.floor(-Math.log2(scale)), 0);
    return this.#levels[Math.min(wanted, this.#levels.length - 1)];
  }

  /** Free the memory of what was made; the picture's own bitmap is its owner's. */
  close() {
    for (const { tiles } of this.#levels.splice(1)) free(tiles);
  }

  async #make(ready) {
    const { width, height, bitmap } = this.#picture;
    let began = -Infinity;
    const breath = async () => {
      if (performance.now() - began > SLICE_MS) {
        await idle();
        began = performance.now();
      }
      return bitmap.width > 0; // a picture that was put away is closed
    };
    for (let factor = 2; Math.max(width, height) / factor > LEAST / 2; factor *= 2) {
      const below = this.#levels.at(-1);
      const tiles = [];
      for (const [x, y] of corners(width / factor, height / factor)) {
        const tile = await half(below, { x, y, width: width / factor, height: height / factor }, breath);
        if (!tile) return free(tiles);
        tiles.push({ bitmap: tile, x, y });
      }
      this.#levels.push({ factor, tiles });
      ready();
    }
    return undefined;
  }
}

function free(tiles) {
  for (const { bitmap } of tiles) bitmap.close();
}

/** Return where the tiles of a level begin. */
function corners(width, height) {
  const places = [];
  for (let y = 0; y < height; y += TILE) for (let x = 0; x < width; x += TILE) places.push([x, y]);
  return places;
}

/**
 * Return a tile of a level, or nothing if its picture was put away.
 *
 * @param {Level} below What it is half of.
 * @param {{x: number, y: number, width: number, height: number}} place Where it begins, and the size of its level.
 * @param {() => Promise<boolean>} breath Lets other work be done; whether to go on.
 */
async function half(below, { x, y, width, height }, breath) {
  const canvas = new OffscreenCanvas(Math.ceil(Math.min(width - x, TILE)), Math.ceil(Math.min(height - y, TILE)));
  const paper = canvas.getContext("2d");
  for (let row = 0; row < canvas.height; row += STRIP) {
    if (!(await breath())) return null;
    paper.save();
    paper.beginPath();
    paper.rect(0, row, canvas.width, Math.min(STRIP, canvas.height - row));
    paper.clip();
    const part = { left: x, top: y + row, right: x + canvas.width, bottom: y + Math.min(row + STRIP, canvas.height) };
    for (const tile of below.tiles) drawHalf(paper, tile, part, { x, y });
    paper.restore();
  }
  return canvas.transferToImageBitmap();
}

/** Draw what a tile of the level below has of a part of a tile; at half its size, four pixels are averaged. */
function drawHalf(paper, { bitmap, x, y }, part, origin) {
  const left = Math.max(2 * part.left - x, 0);
  const top = Math.max(2 * part.top - y, 0);
  const width = Math.min(2 * part.right - x, bitmap.width) - left;
  const height = Math.min(2 * part.bottom - y, bitmap.height) - top;
  if (width <= 0 || height <= 0) return;
  const [toX, toY] = [(left + x) / 2 - origin.x, (top + y) / 2 - origin.y];
  // The last pixel of an odd side is half covered: what is drawn first, larger, makes it opaque.
  if (width % 2 || height % 2) {
    paper.drawImage(bitmap, left, top, width, height, toX, toY, Math.ceil(width / 2), Math.ceil(height / 2));
  }
  paper.drawImage(bitmap, left, top, width, height, toX, toY, width / 2, height / 2);
}

/** Wait until the browser has nothing more urgent to do. */
function idle() {
  return new Promise((resolve) => (window.requestIdleCallback ?? setTimeout)(() => resolve(), undefined));
}

/**
 * Draw the part of a level that is in sight.
 *
 * @param {CanvasRenderingContext2D} paper Of the size of the room, in pixels of the screen.
 * @param {Level} level
 * @param {{x: number, y: number}} corner Of the room, in the picture.
 * @param {{x: number, y: number}} scale Screen's pixels of one of the picture.
 * @param {{width: number, height: number}} size Of the picture.
 */
export function drawLevel(paper, level, corner, scale, size) {
  const [across, down] = [scale.x * level.factor, scale.y * level.factor];
  const [left, top] = [-corner.x * scale.x, -corner.y * scale.y];
  const { width: roomWidth, height: roomHeight } = paper.canvas;
  const isOne = level.tiles.length === 1;
  // Neighbours share an edge on whole pixels of the screen, or the ground would shine through between them.
  const edge = (place) => (isOne ? place : Math.round(place));
  for (const { bitmap, x, y } of level.tiles) {
    const fromX = Math.max(Math.floor(-left / across - x) - 1, 0);
    const fromY = Math.max(Math.floor(-top / down - y) - 1, 0);
    const toX = Math.min(Math.ceil((roomWidth - left) / across - x) + 1, bitmap.width, size.width / level.factor - x);
    const toY = Math.min(Math.ceil((roomHeight - top) / down - y) + 1, bitmap.height, size.height / level.factor - y);
    if (toX <= fromX || toY <= fromY) continue;
    const [x1, y1] = [edge(left + (x + fromX) * across), edge(top + (y + fromY) * down)];
    const [x2, y2] = [edge(left + (x + toX) * across), edge(top + (y + toY) * down)];
    paper.drawImage(bitmap, fromX, fromY, toX - fromX, toY - fromY, x1, y1, x2 - x1, y2 - y1);
  }
}
