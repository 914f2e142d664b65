/** How large a picture may be for a server, and copies that are small enough. */

import { PictureError, wake } from "./picture.js";

const MIB = 2 ** 20;
/** What a server takes that does not say: a message of 16 MiB, of which base64 is a third larger than the file. */
const USUAL_BYTES = 11.9 * MIB;
const QUALITY = 0.92; // of a copy as JPEG
const SMALLER = 0.8; // a side of a copy, where the one before has too many bytes
const TRIES = 8;

/**
 * @typedef {object} Limits What a server takes, as far as it says.
 * @property {number} [image_bytes]
 * @property {number} [image_pixels]
 * @property {number} [image_side]
 */

/**
 * Return why a server will not take a picture, or nothing.
 *
 * @param {import("./picture.js").Picture} picture
 * @param {Limits} limits
 * @returns {string}
 */
export function objection({ file, width, height }, limits) {
  const bytes = limits.image_bytes ?? USUAL_BYTES;
  const size = `This picture has ${width} × ${height} pixels`;
  if (file.size > bytes) {
    return `This file has ${mib(file.size)} MB; the server takes ${mib(bytes)} MB. Save it smaller, or as JPEG.`;
  }
  if (width * height > (limits.image_pixels ?? Infinity)) {
    return `${size}; the server takes ${Math.floor(limits.image_pixels / 1e6)} megapixels. Make it smaller first.`;
  }
  if (Math.max(width, height) > (limits.image_side ?? Infinity)) {
    return `${size}; the server takes ${limits.image_side} along a side. Make it smaller first.`;
  }
  return "";
}

/**
 * Return the words for a file that a server did not take although it has the size that it takes.
 *
 * @param {number} size In bytes.
 * @returns {string}
 */
export function tooHeavy(size) {
  return `This file of ${mib(size)} MB is too large for the server. Save it smaller, or as JPEG.`;
}

/**
 * Return the size in pixels of the largest copy that a server takes, as far as its pixels go.
 *
 * @param {import("./picture.js").Picture} picture
 * @param {Limits} limits
 * @returns {{width: number, height: number}}
 */
export function copySize({ width, height }, limits) {
  const pixels = Math.sqrt((limits.image_pixels ?? Infinity) / (width * height));
  const side = (limits.image_side ?? Infinity) / Math.max(width, height);
  const scale = Math.min(1, pixels, side);
  return { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}

/**
 * Return a copy of a picture that a server takes: a JPEG if its bytes were too many, else a PNG where that fits.
 *
 * @param {import("./picture.js").Picture} picture
 * @param {Limits} limits
 * @returns {Promise<File>}
 * @throws {PictureError} If none is small enough.
 */
export async function smallCopy(picture, limits) {
  const bytes = limits.image_bytes ?? USUAL_BYTES;
  await wake(picture);
  const heavy = picture.file.size > bytes;
  let { width, height } = copySize(picture, limits);
  for (let tries = 0; tries < TRIES; tries += 1) {
    const canvas = new OffscreenCanvas(width, height);
    const paper = canvas.getContext("2d");
    paper.fillStyle = "white"; // as a browser shows what is clear
    paper.fillRect(0, 0, width, height);
    paper.imageSmoothingQuality = "high";
    paper.drawImage(picture.bitmap, 0, 0, width, height);
    for (const type of heavy ? ["image/jpeg"] : ["image/png", "image/jpeg"]) {
      const blob = await canvas.convertToBlob({ type, quality: QUALITY });
      if (blob.size > bytes) continue;
      const ending = type === "image/png" ? "png" : "jpg";
      return new File([blob], `${picture.name}-${width}x${height}.${ending}`, { type });
    }
    [width, height] = [width, height].map((side) => Math.max(1, Math.floor(side * SMALLER)));
  }
  throw new PictureError("No copy is small enough for the server. Make the picture smaller first.");
}

/** @param {number} bytes @returns {string} */
function mib(bytes) {
  return (bytes / MIB).toFixed(bytes < MIB ? 2 : 1);
}
