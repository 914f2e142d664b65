/** Reads what a TIFF or BigTIFF says of its first page. See "TIFF, Revision 6.0", section 2. */

const TAGS = {
  254: "kind",
  256: "width",
  257: "height",
  258: "bits",
  259: "compression",
  262: "photometric",
  266: "fillOrder",
  273: "offsets",
  274: "orientation",
  277: "samples",
  278: "rowsPerStrip",
  279: "counts",
  284: "planar",
  317: "predictor",
  320: "colors",
  322: "tileWidth",
  323: "tileHeight",
  324: "offsets",
  325: "counts",
  338: "extra",
  339: "format",
};
const SIZES = { 1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8 };
const READ = {
  1: (view, at) => view.getUint8(at),
  3: (view, at, little) => view.getUint16(at, little),
  4: (view, at, little) => view.getUint32(at, little),
  13: (view, at, little) => view.getUint32(at, little),
  16: (view, at, little) => Number(view.getBigUint64(at, little)),
  18: (view, at, little) => Number(view.getBigUint64(at, little)),
};

/** A TIFF that cannot be shown; the message goes on where "... is a TIFF" ends. */
export class TiffError extends Error {}

/**
 * Return whether bytes begin as those of a TIFF do.
 *
 * @param {Uint8Array} bytes At least the first four.
 * @returns {boolean}
 */
export function isTiff([a, b, c, d]) {
  const version = a === 0x49 ? c + 256 * d : d + 256 * c;
  return a === b && (a === 0x49 || a === 0x4d) && (version === 42 || version === 43);
}

/**
 * @typedef {object} Directory
 * @property {boolean} little Whether the lowest byte of a number comes first.
 * @property {boolean} more Whether other pages follow.
 * @property {Record<string, number[]>} tags By the names that this module gives them.
 */

/**
 * Return what a file says of its first page.
 *
 * @param {ArrayBuffer} buffer
 * @returns {Directory}
 * @throws {TiffError | RangeError} If it is damaged.
 */
export function directoryOf(buffer) {
  const view = new DataView(buffer);
  const little = view.getUint8(0) === 0x49;
  const big = view.getUint16(2, little) === 43;
  const number = (at) => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const [word, entry] = big ? [8, 20] : [4, 12]; // bytes of an offset, and of an entry
  const start = number(big ? 8 : 4);
  const count = big ? number(start) : view.getUint16(start, little);
  const first = start + (big ? 8 : 2);
  if (first + count * entry > buffer.byteLength) throw new TiffError("that is damaged");
  const tags = {};
  for (let at = first; at < first + count * entry; at += entry) {
    const [name, type] = [TAGS[view.getUint16(at, little)], view.getUint16(at + 2, little)];
    if (!name || !SIZES[type]) continue;
    const values = number(at + 4);
    if (values * SIZES[type] > buffer.byteLength) throw new TiffError("that is damaged");
    const there = at + 4 + word;
    const from = values * SIZES[type] <= word ? there : number(there);
    tags[name] = Array.from({ length: values }, (_, k) => READ[type](view, from + k * SIZES[type], little));
  }
  const after = first + count * entry;
  return { little, tags, more: after + word <= buffer.byteLength && number(after) !== 0 };
}
