/** Unpacks the strips and tiles of a TIFF: how they were made small, and what was taken from each pixel's neighbour. */

import { TiffError } from "./tiff_directory.js";
import { inflated } from "./streams.js";

const NAMES = { 2: "CCITT", 3: "CCITT", 4: "CCITT", 6: "JPEG", 7: "JPEG", 34712: "JPEG 2000", 34925: "LZMA", 50000: "Zstandard" };
const [CLEAR, END, MOST_BITS] = [256, 257, 12];
const MOST_SMALLER = { 1: 1, 32773: 64 };
const MOST_SMALLER_OTHERWISE = 2048; // deflate makes 1032 of one byte, LZW less than 1400

/**
 * Return how many bytes one packed byte can stand for at most.
 *
 * @param {number} compression As the file's tag says it.
 * @returns {number}
 */
export function mostOf(compression) {
  return MOST_SMALLER[compression] ?? MOST_SMALLER_OTHERWISE;
}

/**
 * Return the bytes of a strip or tile as they were before packing.
 *
 * @param {Uint8Array} packed
 * @param {number} compression As the file's tag says it.
 * @param {number} size How many bytes there have to be; what follows is not looked at.
 * @returns {Promise<Uint8Array>} A copy.
 * @throws {TiffError} If the compression is not known here, or the bytes are damaged or too few.
 */
export async function unpacked(packed, compression, size) {
  const bytes = new Uint8Array(size);
  switch (compression) {
    case 1:
      bytes.set(packed.subarray(0, size));
      return complete(bytes, packed.length);
    case 5:
      return ofLzw(packed, bytes);
    case 8:
    case 32946:
      return ofDeflate(packed, bytes);
    case 32773:
      return ofPackBits(packed, bytes);
    default:
      throw new TiffError(`packed in a way that this page cannot show (${NAMES[compression] ?? compression})`);
  }
}

/** @returns {Uint8Array} The bytes, if so many were there. */
function complete(bytes, count) {
  if (count < bytes.length) throw new TiffError("that is damaged");
  return bytes;
}

async function ofDeflate(packed, out) {
  let bytes;
  try {
    bytes = await inflated(packed, out.length);
  } catch {
    throw new TiffError("that is damaged");
  }
  out.set(bytes);
  return complete(out, bytes.length);
}

/** Each string of LZW stood in the result before: a code is where, and how long. See TIFF 6.0, section 13. */
function ofLzw(packed, out) {
  if (packed[0] === 0 && packed[1] & 1) throw new TiffError("that is damaged"); // CLEAR, as writers before TIFF 6.0 did
  const [from, long] = [new Uint32Array(1 << MOST_BITS), new Uint16Array(1 << MOST_BITS)];
  let [next, bits, held, kept, to, last] = [END + 1, 9, 0, 0, 0, -1];
  for (const byte of packed) {
    held = ((held << 8) | byte) & 0xffffff;
    kept += 8;
    if (kept < bits) continue;
    kept -= bits;
    const code = (held >> kept) & ((1 << bits) - 1);
    if (code === END || to >= out.length) break;
    if (code === CLEAR) {
      [next, bits, last] = [END + 1, 9, -1];
      continue;
    }
    if (last >= 0 && next < 1 << MOST_BITS) {
      // What was written last, and the first byte of what comes now.
      from[next] = last;
      long[next] = to - last + 1;
      next += 1;
    }
    if (code > END && code >= next) throw new TiffError("that is damaged");
    last = to;
    if (code < CLEAR) out[to++] = code;
    else for (let at = from[code], end = at + long[code]; at < end; at += 1) out[to++] = out[at];
    if (next + 1 >= 1 << bits && bits < MOST_BITS) bits += 1; // one early, as all writers do
  }
  return complete(out, to);
}

/** See TIFF 6.0, section 9. */
function ofPackBits(packed, out) {
  let to = 0;
  for (let at = 0; at < packed.length && to < out.length; ) {
    const head = packed[at++];
    if (head < 128) {
      out.set(packed.subarray(at, at + Math.min(head + 1, out.length - to)), to);
      [at, to] = [at + head + 1, to + head + 1];
    } else if (head > 128) {
      out.fill(packed[at++], to, to + 257 - head);
      to += 257 - head;
    }
  }
  return complete(out, to);
}

/**
 * Put numbers into the order of this machine, lowest byte first.
 *
 * @param {Uint8Array} bytes Changed in place.
 * @param {number} size Bytes of a number.
 */
export function turnBytes(bytes, size) {
  if (size === 2) {
    for (let at = 0; at + 1 < bytes.length; at += 2) [bytes[at], bytes[at + 1]] = [bytes[at + 1], bytes[at]];
  } else if (size > 2) {
    for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  }
}

/**
 * Add to each number the one before it in its row: it is the difference that was kept.
 *
 * @param {Uint8Array | Uint16Array | Uint32Array} values Changed in place.
 * @param {number} width Of a row, in pixels.
 * @param {number} channels
 */
export function addUp(values, width, channels) {
  const row = width * channels;
  for (let start = 0; start < values.length; start += row) {
    for (let at = start + channels; at < start + row; at += 1) values[at] += values[at - channels];
  }
}

/**
 * Put floating point numbers together whose bytes were kept apart, highest first, as differences.
 *
 * @param {Uint8Array} bytes Changed in place; lowest byte first in the end.
 * @param {number} width Of a row, in numbers.
 * @param {number} size Bytes of a number.
 * @param {number} channels
 */
export function joinFloats(bytes, width, size, channels) {
  addUp(bytes, (width * size) / channels, channels);
  for (let start = 0; start < bytes.length; start += width * size) {
    const row = bytes.slice(start, start + width * size);
    for (let at = 0; at < width; at += 1) {
      for (let byte = 0; byte < size; byte += 1) bytes[start + at * size + byte] = row[(size - 1 - byte) * width + at];
    }
  }
}
