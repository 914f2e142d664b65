/** What is black and what is white in a picture of more than 8 bits, as the server decides it. */

const PERCENTILES = [0.1, 99.9];
const MOST_LOOKED_AT = 64 * 256 ** 2; // of more the server looks at some, and says what it took

/**
 * Return the 0.1 and 99.9 percentiles of the finite values.
 *
 * @param {ArrayLike<number>} values A typed array.
 * @returns {[low: number, high: number]}
 */
export function windowOf(values) {
  const step = Math.ceil(values.length / MOST_LOOKED_AT);
  let seen = step === 1 ? values : values.filter((_, at) => at % step === 0);
  if (seen instanceof Float32Array) seen = seen.filter(Number.isFinite);
  if (!seen.length) return [0, 0];
  const sorted = seen.slice().sort();
  const [low, high] = PERCENTILES.map((percent) => percentile(sorted, percent));
  return low === high ? [sorted[0], sorted.at(-1)] : [low, high];
}

function percentile(sorted, percent) {
  const place = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const [a, b] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
  const part = place - below;
  return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
}

/**
 * Return a plane as a canvas takes it.
 *
 * @param {import("./tiff.js").Plane} plane
 * @param {[number, number] | null} window For grey of more than 8 bits.
 * @returns {ImageData}
 */
export function imageOf({ width, height, channels, values }, window) {
  const image = new ImageData(width, height);
  const out = image.data;
  const grey = channels === 1 ? toBytes(values, window) : null;
  for (let at = 0, to = 0; at < width * height; at += 1, to += 4) {
    if (grey) out[to] = out[to + 1] = out[to + 2] = grey[at];
    else for (let channel = 0; channel < 3; channel += 1) out[to + channel] = onWhite(values, at * channels, channel, channels);
    out[to + 3] = 255;
  }
  return image;
}

function onWhite(values, at, channel, channels) {
  if (channels < 4) return values[at + channel];
  const opacity = values[at + 3];
  const sum = values[at + channel] * opacity + 255 * (255 - opacity) + 128;
  return ((sum >> 8) + sum) >> 8; // a 255th, rounded
}

/** Return bytes, 0 at and below the window's low end, 255 at and above its high end. */
function toBytes(values, window) {
  if (values instanceof Uint8Array) return values;
  const [low, high] = window;
  if (!(high > low)) return new Uint8Array(values.length);
  const float = values instanceof Float32Array;
  const round = float ? Math.fround : Number; // the server counts with as many digits
  const [from, width] = [round(low), round(high - low)];
  const out = new Uint8Array(values.length);
  for (let at = 0; at < out.length; at += 1) {
    const value = Number.isNaN(values[at]) ? from : values[at];
    const part = Math.min(Math.max(round(round(value - from) / width), 0), 1);
    out[at] = round(round(part * 255) + 0.5); // cut off, as an array of bytes does
  }
  return out;
}
