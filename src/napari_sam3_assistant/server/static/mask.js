/** The mask of an object: which pixels of a box are inside. */

import { inflated } from "./streams.js";
import { bytesOf } from "./wire.js";

/**
 * @typedef {object} Mask
 * @property {number} width Of the image, in pixels, as `height`.
 * @property {number} height
 * @property {{x: number, y: number, width: number, height: number}} box Outside it nothing is inside.
 * @property {Uint8Array} inside Of the box, row by row; 1 is inside.
 * @property {number} area How many pixels are inside.
 */

/**
 * Return the mask of a result.
 *
 * @param {object} message A `segmentation_result`.
 * @param {{width: number, height: number}} size Of the image.
 * @returns {Promise<Mask>}
 * @throws {Error} If it is of another size, or in a form that was not asked for.
 */
export async function maskOf(message, size) {
  const format = message.mask_format ?? "png";
  if (format === "bits") return ofBits(message, size);
  if (format === "png" || format === "png1") return ofPng(message, size);
  throw new Error(`a mask as ${format} was not asked for`);
}

/** @returns {Promise<Mask>} */
async function ofBits(message, { width, height }) {
  const [left, top, right, bottom] = message.bbox;
  const box = { x: left, y: top, width: right - left, height: bottom - top };
  const inside = new Uint8Array(box.width * box.height);
  const packed = inside.length ? await inflated(message.payload ?? bytesOf(message.mask)) : inside;
  for (let at = 0; at < inside.length; at += 1) inside[at] = (packed[at >> 3] >> (7 - (at & 7))) & 1;
  return { width, height, box, inside, area: count(inside) };
}

/** @returns {Promise<Mask>} */
async function ofPng(message, { width, height }) {
  const image = await createImageBitmap(new Blob([message.payload ?? bytesOf(message.mask)], { type: "image/png" }));
  if (image.width !== width || image.height !== height) throw new Error("the mask is not of the image's size");
  const [left, top, right, bottom] = message.bbox ?? [0, 0, width, height];
  const box = { x: left, y: top, width: right - left, height: bottom - top };
  const inside = new Uint8Array(box.width * box.height);
  if (inside.length) {
    const paper = new OffscreenCanvas(box.width, box.height).getContext("2d", { willReadFrequently: true });
    paper.drawImage(image, -left, -top);
    const { data } = paper.getImageData(0, 0, box.width, box.height);
    for (let at = 0; at < inside.length; at += 1) inside[at] = data[4 * at] > 127 ? 1 : 0;
  }
  image.close();
  return { width, height, box, inside, area: count(inside) };
}

/** @param {Uint8Array} inside @returns {number} */
function count(inside) {
  let area = 0;
  for (const one of inside) area += one;
  return area;
}

/**
 * Return a canvas of the mask's box that is opaque inside and clear outside.
 *
 * @param {Mask} mask Not empty.
 * @returns {OffscreenCanvas}
 */
export function silhouette({ box, inside }) {
  const canvas = new OffscreenCanvas(box.width, box.height);
  const paper = canvas.getContext("2d");
  const image = paper.createImageData(box.width, box.height);
  for (let at = 0; at < inside.length; at += 1) image.data[4 * at + 3] = inside[at] * 255;
  paper.putImageData(image, 0, 0);
  return canvas;
}
