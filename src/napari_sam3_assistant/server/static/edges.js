/**
 * The outlines of a mask along the edges of its pixels: what is drawn and filled again is the same pixels.
 * The first pixel of a picture has its corners at 0, 0 and 1, 1. Pixels hang together by their sides alone.
 */

/** One step to the right, down, left, up. */
const STEPS = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/**
 * @typedef {object} Ring
 * @property {number[]} corners x, y, x, y ...; the last is joined to the first. Sides lie along rows and columns in turn.
 * @property {boolean} hole Whether it goes round what is not inside.
 */

/**
 * Return the rings of a mask: each goes round its pixels so that they lie on its right.
 *
 * @param {import("./mask.js").Mask} mask
 * @returns {Ring[]}
 */
export function ringsOf({ box, inside }) {
  // With a border of one pixel, so that nobody has to ask where the picture ends.
  const wide = box.width + 2;
  const pixels = new Uint8Array(wide * (box.height + 2));
  for (let row = 0; row < box.height; row += 1) {
    pixels.set(inside.subarray(row * box.width, (row + 1) * box.width), (row + 1) * wide + 1);
  }
  const walked = new Uint8Array(pixels.length); // the upper sides that a ring went along
  const rings = [];
  for (let at = wide; at < pixels.length; at += 1) {
    if (pixels[at] && !pixels[at - wide] && !walked[at]) rings.push(ringAt(at, pixels, walked, wide, box));
  }
  return rings;
}

/** Walk from the upper left corner of a pixel along its upper side, until back there. */
function ringAt(start, pixels, walked, wide, { x: left, y: top }) {
  const beside = [0, -1, -1 - wide, -wide]; // from a corner, by the way one goes: the pixel on the right
  const steps = STEPS.map(([x, y]) => x + y * wide);
  const corners = [];
  let [at, way, area] = [start, 0, 0];
  do {
    if (way === 0) walked[at] = 1;
    const [x, y] = [at % wide, Math.floor(at / wide)];
    if (way % 2 === 0) area += (way - 1) * Math.floor(at / wide);
    at += steps[way];
    const right = pixels[at + beside[way]];
    const ahead = pixels[at + beside[(way + 3) % 4]];
    const turn = !right ? 1 : ahead ? 3 : 0;
    if (turn) corners.push((at % wide) - 1 + left, Math.floor(at / wide) - 1 + top);
    way = (way + turn) % 4;
  } while (at !== start || way !== 0);
  return { corners, hole: area < 0 };
}
