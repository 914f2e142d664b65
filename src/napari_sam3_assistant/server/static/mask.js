/** The mask of an object: which pixels of a box are inside. */

import { inflated } from "./streams.js";
import { base64, bytesOf } from "./wire.js";

/**
 * @typedef {object} Mask
 * @property {number} width Of the image, in pixels, as `height`.
 * @property {number} height
 * @property {{x: number, y: number, width: number, height: number}} box Outside it nothing is inside.
 * @property {Uint8Array} inside Of the box, row by row; 1 is inside.
 * @property {number} area How many pixels are inside.
 * @property {{data: Uint8Array, format: string, bbox?: number[]}} wire As the server wrote it.
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
  const data = message.payload?.slice() ?? bytesOf(message.mask); // not the frame, which holds others, too
  return unpacked({ ...size, wire: { data, format, bbox: message.bbox } });
}

/**
 * Return a mask without what can be made of the rest: it is a small part, which can be given to a worker.
 *
 * @param {Mask} mask
 * @returns {{width: number, height: number, wire: Mask["wire"]}}
 */
export function packed({ width, height, wire }) {
  return { width, height, wire };
}

/**
 * Return the mask of what `packed` gave.
 *
 * @param {{width: number, height: number, wire: Mask["wire"]}} mask
 * @returns {Promise<Mask>}
 */
export async function unpacked({ width, height, wire }) {
  const { format } = wire;
  if (format === "bits") return { ...(await ofBits(wire, { width, height })), wire };
  if (format === "png" || format === "png1") return { ...(await ofPng(wire, { width, height })), wire };
  throw new Error(`a mask as ${format} was not asked for`);
}

/**
 * Return a mask as the fields of a message that tells it to the server.
 *
 * @param {Mask} mask
 * @returns {{mask: string, mask_format: string, bbox?: number[]}}
 */
export function written({ wire: { data, format, bbox } }) {
  return { mask: base64(data), mask_format: format, ...(format === "bits" ? { bbox } : {}) };
}

async function ofBits({ data, bbox }, { width, height }) {
  const [left, top, right, bottom] = bbox;
  const box = { x: left, y: top, width: right - left, height: bottom - top };
  const inside = new Uint8Array(box.width * box.height);
  const bits = inside.length ? await inflated(data) : inside;
  for (let at = 0; at < inside.length; at += 1) inside[at] = (bits[at >> 3] >> (7 - (at & 7))) & 1;
  return { width, height, box, inside, area: count(inside) };
}

async function ofPng({ data: file, bbox }, { width, height }) {
  const image = await createImageBitmap(new Blob([file], { type: "image/png" }));
  if (image.width !== width || image.height !== height) throw new Error("the mask is not of the image's size");
  const [left, top, right, bottom] = bbox ?? [0, 0, width, height];
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
