/** Writes a mask as a greyscale PNG; a canvas could only write it in colour. */

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

/**
 * Return a mask as the file of a picture of the whole image: 255 is the object, 0 is not.
 *
 * @param {import("./mask.js").Mask} mask
 * @returns {Promise<Blob>}
 */
export async function pngOf(mask) {
  const { width, height, box } = mask;
  const rows = new Uint8Array((width + 1) * height); // each row begins with its filter: 0, none
  for (let row = 0; row < box.height; row += 1) {
    const start = (box.y + row) * (width + 1) + 1 + box.x;
    for (let col = 0; col < box.width; col += 1) {
      if (mask.inside[row * box.width + col]) rows[start + col] = 255;
    }
  }
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head[8] = 8; // bits a pixel; what is left at 0 says grey, deflate, no interlacing
  const parts = [part("IHDR", head), part("IDAT", await deflated(rows)), part("IEND", new Uint8Array())];
  return new Blob([SIGNATURE, ...parts], { type: "image/png" });
}
