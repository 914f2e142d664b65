/** Writes what is downloaded, in a worker. Where objects lie over one another the later one is on top. */

import { cocoOf } from "./coco.js";
import { unpacked } from "./mask.js";
import { encoded, KINDS } from "./png.js";
import { svgOf } from "./svg.js";

/**
 * @typedef {object} Exported An object.
 * @property {number} id
 * @property {string} name
 * @property {string} color "#rrggbb".
 * @property {number | null} score
 * @property {import("./mask.js").Mask} mask
 */

/**
 * @typedef {object} Order What is to be written.
 * @property {"cutout" | "mask" | "labels" | "coco" | "svg"} kind
 * @property {{fileName: string, width: number, height: number}} picture
 * @property {Exported[]} items Their masks are packed; see `packed` in `mask.js`.
 * @property {{x: number, y: number, width: number, height: number}} [box] Of the picture, which is cut out.
 * @property {ImageBitmap} [pixels] Of the box.
 */

/** @param {Order} order @returns {Promise<Blob>} */
export async function written(order) {
  const { kind, picture } = order;
  const items = await Promise.all(order.items.map(async (item) => ({ ...item, mask: await unpacked(item.mask) })));
  switch (kind) {
    case "cutout":
      return cutOut({ ...order, items });
    case "mask":
      return masked(picture, items);
    case "labels":
      return labelled(picture, items);
    case "coco":
      return new Blob([cocoOf(picture, items)], { type: "application/json" });
    case "svg":
      return new Blob([svgOf(picture, items)], { type: "image/svg+xml" });
    default:
      throw new Error(`nothing is written as ${kind}`);
  }
}

function masked({ width, height }, items) {
  return encoded(KINDS.grey, width, height, (row, out) => {
    for (const { mask } of items) each(mask, row, (col) => (out[col] = 255));
  });
}

function labelled({ width, height }, items) {
  return encoded(KINDS.deep, width, height, (row, out) => {
    for (const { id, mask } of items) {
      each(mask, row, (col) => {
        out[2 * col] = id >> 8;
        out[2 * col + 1] = id & 0xff;
      });
    }
  });
}

function cutOut({ items, box, pixels }) {
  const paper = new OffscreenCanvas(box.width, box.height).getContext("2d", { willReadFrequently: true });
  paper.drawImage(pixels, 0, 0);
  const { data } = paper.getImageData(0, 0, box.width, box.height);
  return encoded(KINDS.clear, box.width, box.height, (row, out) => {
    for (const { mask } of items) {
      each(mask, box.y + row, (col) => {
        const at = 4 * (col - box.x);
        const from = row * box.width * 4 + at;
        for (let channel = 0; channel < 4; channel += 1) out[at + channel] = data[from + channel];
      });
    }
  });
}

/** Call for each column of a row of the picture that is inside. */
function each({ box, inside }, row, call) {
  if (row < box.y || row >= box.y + box.height) return;
  const line = (row - box.y) * box.width;
  for (let col = 0; col < box.width; col += 1) if (inside[line + col]) call(box.x + col);
}
