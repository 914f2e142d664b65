/**
 * The first page of a TIFF: its numbers, upright. What the server's reader does with a kind of picture is
 * done here too, so that what is shown is what is segmented.
 */

import { directoryOf, TiffError } from "./tiff_directory.js";
import { addUp, joinFloats, mostOf, turnBytes, unpacked } from "./tiff_packing.js";

const MOST_PIXELS = 2 ** 28;
const [BLACK_IS_HIGH, GREY, COLOR, PALETTE] = [0, 1, 2, 3];
const [WHOLE, SIGNED, FLOAT] = [1, 2, 3];
const MULTIPLIED = 1; // a kind of opacity
const NATIVE = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/**
 * @typedef {object} Plane
 * @property {number} width In pixels, as `height`.
 * @property {number} height
 * @property {number} channels 1 for grey, 3 for red, green, blue, 4 with opacity.
 * @property {Uint8Array | Uint16Array | Int16Array | Int32Array | Float32Array} values Row by row; bytes alone if channels > 1.
 * @property {boolean} more Whether other pages follow.
 */

/**
 * Return the numbers of a file's first page.
 *
 * @param {ArrayBuffer} buffer
 * @returns {Promise<Plane>}
 * @throws {TiffError}
 */
export async function planeOf(buffer) {
  try {
    const directory = directoryOf(buffer);
    const layout = layoutOf(directory);
    checkSize(layout, buffer.byteLength);
    const values = await read(new Uint8Array(buffer), layout);
    return { ...upright(finished(values, layout), layout), more: directory.more };
  } catch (error) {
    if (error instanceof RangeError) throw new TiffError("that is damaged"); // it ends too soon
    throw error;
  }
}

function layoutOf({ little, tags }) {
  const one = (name, usual) => tags[name]?.[0] ?? usual;
  const [width, height] = [one("width", 0), one("height", 0)];
  const samples = one("samples", 1);
  const bits = one("bits", 1);
  const layout = {
    little, width, height, samples, bits,
    size: bits / 8,
    format: one("format", WHOLE),
    compression: one("compression", 1),
    photometric: one("photometric", BLACK_IS_HIGH),
    predictor: one("predictor", 1),
    apart: one("planar", 1) === 2 && samples > 1,
    orientation: one("orientation", 1),
    tileWidth: tags.tileWidth ? one("tileWidth") : width,
    tileHeight: tags.tileHeight ? one("tileHeight") : Math.min(one("rowsPerStrip", height), height),
    tiled: Boolean(tags.tileWidth),
    offsets: tags.offsets ?? [],
    counts: tags.counts ?? [],
    colors: tags.colors ?? [],
    extra: tags.extra ?? [],
  };
  check(layout, tags);
  return layout;
}

/** Before memory is asked for: a small file does not hold a picture of gigabytes, whatever it says. */
function checkSize({ width, height, tileWidth, tileHeight, samples, size, compression }, bytes) {
  const padded = Math.ceil(width / tileWidth) * tileWidth * Math.ceil(height / tileHeight) * tileHeight;
  if (padded > 2 * MOST_PIXELS || width * height * samples * size > mostOf(compression) * bytes) {
    throw new TiffError("that is damaged");
  }
}

function check({ width, height, tileWidth, tileHeight, samples, bits, size, format, photometric, extra }, tags) {
  if (!(width * height > 0) || !(tileWidth * tileHeight > 0)) throw new TiffError("that is damaged");
  if (width * height > MOST_PIXELS || tileWidth * tileHeight > MOST_PIXELS) {
    throw new TiffError(`of ${width} × ${height} pixels, too many for this page`);
  }
  const color = photometric === COLOR;
  const plainGrey = samples - extra.length === 1 && extra.length < 2 && !extra[0]; // without opacity
  const known = color ? samples - extra.length === 3 || samples === 4 : photometric <= PALETTE && plainGrey;
  if (!known) throw new TiffError(`with ${samples} channels of a kind that this page cannot show`);
  const whole = format === WHOLE || (format === SIGNED && !color);
  const plain = whole && (size === 1 || size === 2 || (size === 4 && !color));
  const palette = photometric === PALETTE && size !== 1;
  if (palette || !(plain || (format === FLOAT && size === 4 && !color))) {
    throw new TiffError(`of ${bits} ${bits === 1 ? "bit" : "bits"} a sample, of a kind that this page cannot show`);
  }
  if (tags.bits?.some((other) => other !== bits) || (tags.fillOrder?.[0] ?? 1) !== 1) {
    throw new TiffError("of a kind that this page cannot show");
  }
}

/** Return all samples, those of a pixel side by side, as whole numbers without a sign. */
async function read(bytes, layout) {
  const { width, height, samples, tileWidth, tileHeight, apart, offsets, counts } = layout;
  const [across, down] = [Math.ceil(width / tileWidth), Math.ceil(height / tileHeight)];
  const planes = apart ? samples : 1;
  const channels = apart ? 1 : samples;
  if (offsets.length < across * down * planes) throw new TiffError("that is damaged");
  const out = new NATIVE[layout.size](width * height * samples);
  for (let at = 0; at < across * down * planes; at += 1) {
    const plane = Math.floor(at / (across * down));
    const [top, left] = [Math.floor((at % (across * down)) / across) * tileHeight, (at % across) * tileWidth];
    const rows = layout.tiled ? tileHeight : Math.min(tileHeight, height - top);
    const packed = bytes.subarray(offsets[at], offsets[at] + (counts[at] ?? bytes.length));
    const part = await segment(packed, rows, channels, layout);
    place(part, out, { top, left, rows, channels, plane }, layout);
  }
  return out;
}

/** Return the samples of a strip or tile. */
async function segment(packed, rows, channels, { size, little, compression, predictor, format, tileWidth }) {
  const bytes = await unpacked(packed, compression, rows * tileWidth * channels * size);
  if (predictor === 3 && format === FLOAT) joinFloats(bytes, tileWidth * channels, size, channels);
  else if (!little) turnBytes(bytes, size);
  const values = new NATIVE[size](bytes.buffer);
  if (predictor === 2) addUp(values, tileWidth, channels);
  return values;
}

function place(part, out, { top, left, rows, channels, plane }, { width, height, samples, tileWidth, apart }) {
  const wide = Math.min(tileWidth, width - left);
  for (let row = 0; row < Math.min(rows, height - top); row += 1) {
    const [from, to] = [row * tileWidth * channels, ((top + row) * width + left) * samples];
    if (apart) for (let col = 0; col < wide; col += 1) out[to + col * samples + plane] = part[from + col];
    else out.set(part.subarray(from, from + wide * channels), to);
  }
}

/** Return what the samples mean: grey as it is, colours and grey with opacity as bytes. */
function finished(values, { size, format, photometric, samples, colors, extra, bits }) {
  if (photometric === PALETTE) return { channels: 3, values: coloured(values, colors, samples) };
  if (photometric === COLOR) {
    const clear = extra.length ? extra[0] !== 0 : samples === 4;
    const most = Uint8Array.from(size === 2 ? values.map((value) => value >> 8) : values);
    const kept = first(most, samples, clear ? 4 : 3); // further channels say nothing of the colour
    return { channels: clear ? 4 : 3, values: clear && extra[0] === MULTIPLIED ? divided(kept) : kept };
  }
  const grey = first(values, samples, 1);
  if (photometric === BLACK_IS_HIGH && bits === 8) return { channels: 1, values: grey.map((value) => 255 - value) };
  if (size === 1) return { channels: 1, values: grey };
  if (format === FLOAT) return { channels: 1, values: new Float32Array(grey.buffer) };
  if (size === 4) return { channels: 1, values: new Int32Array(grey.buffer) }; // beyond 2^31 the server wraps, too
  return { channels: 1, values: format === SIGNED ? new Int16Array(grey.buffer) : grey };
}

/** Undo that each colour was multiplied by its opacity. */
function divided(values) {
  return values.map((value, at) => {
    const opacity = values[at | 3];
    if ((at & 3) === 3 || opacity === 255) return value;
    return opacity ? Math.min(Math.floor((value * 255) / opacity), 255) : 0;
  });
}

/** Return the first channels of each pixel. */
function first(values, samples, channels) {
  if (samples === channels) return values;
  const kept = new values.constructor((values.length / samples) * channels);
  for (let at = 0; at < kept.length; at += 1) kept[at] = values[Math.floor(at / channels) * samples + (at % channels)];
  return kept;
}

function coloured(values, colors, samples) {
  const [count, size] = [values.length / samples, colors.length / 3];
  const out = new Uint8Array(count * 3);
  for (let at = 0; at < count; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) out[3 * at + channel] = colors[values[at * samples] + channel * size] >> 8;
  }
  return out;
}

/** Turn a picture as the file's orientation, 1 to 8, asks. */
function upright({ channels, values }, { width, height, orientation }) {
  const plain = { width, height, channels, values };
  if (!(orientation > 1 && orientation <= 8)) return plain;
  const swapped = orientation > 4;
  const [wide, high] = swapped ? [height, width] : [width, height];
  const [right, bottom] = [[2, 3, 7, 8].includes(orientation), [3, 4, 6, 7].includes(orientation)];
  const out = new values.constructor(values.length);
  for (let y = 0, to = 0; y < high; y += 1) {
    for (let x = 0; x < wide; x += 1) {
      const [col, row] = swapped ? [y, x] : [x, y];
      const from = ((bottom ? height - 1 - row : row) * width + (right ? width - 1 - col : col)) * channels;
      for (let channel = 0; channel < channels; channel += 1) out[to++] = values[from + channel];
    }
  }
  return { width: wide, height: high, channels, values: out };
}
