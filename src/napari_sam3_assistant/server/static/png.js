/** Writes PNG files that a canvas cannot: grey, of 16 bits, and colours that opacity has not touched. */

import { deflated } from "./streams.js";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const CRC = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** @param {Uint8Array} bytes @returns {number} The check sum that ends each part of a PNG. */
function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** @param {string} name @param {Uint8Array} data @returns {Uint8Array} A part of a PNG. */
function part(name, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

const FROM_THE_LEFT = 1; // a row that begins so holds differences to the pixel before
const BAND_BYTES = 2 ** 20; // of the picture that are packed at a time

/**
 * @typedef {object} Kind Of a PNG.
 * @property {number} color As the format has it: 0 is grey, 6 is colour with opacity.
 * @property {number} depth Bits of a sample.
 * @property {number} size Bytes of a pixel.
 */

/** @type {Record<"grey" | "deep" | "clear", Kind>} */
export const KINDS = {
  grey: { color: 0, depth: 8, size: 1 },
  deep: { color: 0, depth: 16, size: 2 },
  clear: { color: 6, depth: 8, size: 4 },
};

/**
 * Return a picture as a file.
 *
 * @param {Kind} kind
 * @param {number} width In pixels, as `height`.
 * @param {number} height
 * @param {(row: number, out: Uint8Array) => void} fill Writes a row's bytes, highest first; they are 0 before.
 * @returns {Promise<Blob>}
 */
export async function encoded(kind, width, height, fill) {
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head[8] = kind.depth;
  head[9] = kind.color; // what is left at 0 says deflate, no interlacing
  const packed = await deflated(bands(kind, width, height, fill));
  const parts = [part("IHDR", head), ...packed.map((data) => part("IDAT", data)), part("IEND", new Uint8Array())];
  return new Blob([SIGNATURE, ...parts], { type: "image/png" });
}

/** Yield the rows, several at a time, each with its filter before it. */
function* bands({ color, size }, width, height, fill) {
  const long = width * size + 1;
  const many = Math.max(1, Math.floor(BAND_BYTES / long));
  for (let top = 0; top < height; top += many) {
    const band = new Uint8Array(Math.min(many, height - top) * long);
    for (let row = 0; row * long < band.length; row += 1) {
      const bytes = band.subarray(row * long + 1, (row + 1) * long);
      fill(top + row, bytes);
      if (!color) continue; // masks are small as they are
      band[row * long] = FROM_THE_LEFT;
      for (let at = bytes.length - 1; at >= size; at -= 1) bytes[at] -= bytes[at - size];
    }
    yield band;
  }
}

/**
 * Return a mask as the file of a picture of the whole image: 255 is the object, 0 is not.
 *
 * @param {import("./mask.js").Mask} mask
 * @returns {Promise<Blob>}
 */
export function pngOf({ width, height, box, inside }) {
  return encoded(KINDS.grey, width, height, (row, out) => {
    const line = (row - box.y) * box.width;
    if (row < box.y || row >= box.y + box.height) return;
    for (let col = 0; col < box.width; col += 1) if (inside[line + col]) out[box.x + col] = 255;
  });
}
