/**
 * The outline of a mask: closed rings between what is inside and what is not, smooth, in pixels of the image.
 *
 * A ring goes through the middles of the pixels' sides. Smoothing moves each of its corners by less than what
 * would take it past a pixel's middle: at full detail a pixel's middle is always on its own side of the outline.
 */

const MOST_MOVE = 0.25; // with what DETAIL allows less than 0.35, the distance of a cut corner from a pixel's middle
const DETAIL = 0.065; // two thirds of how far leaving out corners may move the outline, in pixels
const PASSES = 6;
const STEPS = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // east, south, west, north
const RIGHT = [[0, 0], [-1, 0], [-1, -1], [0, -1]]; // the pixel ahead to the right of a corner, for each step
const LEFT = [[0, -1], [0, 0], [-1, 0], [-1, -1]];
const NORTH = 3;

/** @typedef {{xs: Float64Array, ys: Float64Array}} Ring Closed: its last corner is followed by its first. */

/**
 * Return the smooth rings of a mask at full detail.
 *
 * @param {import("./mask.js").Mask} mask
 * @returns {Ring[]}
 */
export function ringsOf(mask) {
  const work = tracing(mask);
  for (let step = work.next(); ; step = work.next()) if (step.done) return step.value;
}

/** Find the rings of a mask in steps; each yields how many corners, or as much else, it took. */
function* tracing(mask) {
  const { box, inside } = mask;
  const seen = new Uint8Array(inside.length);
  const rings = [];
  const isNew = (at) => !seen[at];
  for (const start of starts(mask, isNew)) {
    const ring = traced(mask, seen, start % box.width, Math.floor(start / box.width));
    yield ring.xs.length;
    const smooth = yield* smoothed(ring);
    rings.push(simplified(smooth, DETAIL));
    yield ring.xs.length;
  }
  return rings;
}

/** Yield the pixels that are new and have nothing inside on their left. */
function* starts({ box, inside }, isNew) {
  // Runs of pixels are searched for, not walked along: most of a mask is no border.
  for (let from = inside.indexOf(1); from >= 0; ) {
    const to = inside.indexOf(0, from);
    const end = to < 0 ? inside.length : to;
    if (isNew(from)) yield from;
    const row = Math.floor(from / box.width) + 1;
    for (let first = row * box.width; first < end; first += box.width) if (isNew(first)) yield first;
    from = to < 0 ? -1 : inside.indexOf(1, end);
  }
}

/** Follow a border from the left side of a pixel, the inside on the right hand, and mark the left sides met. */
function traced({ box: { x: left, y: top, width, height }, inside }, seen, startX, startY) {
  const isIn = (x, y) => x >= 0 && y >= 0 && x < width && y < height && inside[y * width + x] === 1;
  const [xs, ys] = [[], []];
  let [x, y, way] = [startX, startY + 1, NORTH];
  do {
    const [across, down] = STEPS[way];
    if (way === NORTH) seen[(y - 1) * width + x] = 1;
    xs.push(left + x + across / 2);
    ys.push(top + y + down / 2);
    x += across;
    y += down;
    if (!isIn(x + RIGHT[way][0], y + RIGHT[way][1])) way = (way + 1) % 4;
    else if (isIn(x + LEFT[way][0], y + LEFT[way][1])) way = (way + 3) % 4;
  } while (x !== startX || y !== startY + 1 || way !== NORTH);
  return { xs: Float64Array.from(xs), ys: Float64Array.from(ys) };
}

/** Move each corner towards its neighbours, never farther than MOST_MOVE from where it was; a step for each pass. */
function* smoothed(ring) {
  const count = ring.xs.length;
  let [xs, ys] = [ring.xs, ring.ys];
  for (let pass = 0; pass < PASSES; pass += 1) {
    const [nextXs, nextYs] = [new Float64Array(count), new Float64Array(count)];
    for (let at = 0; at < count; at += 1) {
      const [before, after] = [at ? at - 1 : count - 1, at + 1 < count ? at + 1 : 0];
      const dx = (xs[before] + 2 * xs[at] + xs[after]) / 4 - ring.xs[at];
      const dy = (ys[before] + 2 * ys[at] + ys[after]) / 4 - ring.ys[at];
      const part = Math.min(1, MOST_MOVE / (Math.hypot(dx, dy) || 1));
      nextXs[at] = ring.xs[at] + dx * part;
      nextYs[at] = ring.ys[at] + dy * part;
    }
    [xs, ys] = [nextXs, nextYs];
    yield count;
  }
  return { xs, ys };
}

/**
 * Return a ring without the corners that do not matter, in one walk round it.
 *
 * From the last corner that was kept, the directions are known in which a line passes all corners since then; one
 * that lies in none of them, or turns back, makes the corner before it one that is kept.
 *
 * @param {Ring} ring
 * @param {number} tolerance In pixels; the outline moves by no more than 1.5 times as much.
 * @returns {Ring}
 */
export function simplified({ xs, ys }, tolerance) {
  const count = xs.length;
  const [keptXs, keptYs] = [[xs[0]], [ys[0]]];
  let from = 0;
  let cone = null;
  for (let at = 1; at <= count; at += 1) {
    const [dx, dy] = [xs[at % count] - xs[from], ys[at % count] - ys[from]];
    const next = narrowed(cone, dx, dy, tolerance);
    if (next) {
      cone = next;
      continue;
    }
    from = at - 1;
    keptXs.push(xs[from]);
    keptYs.push(ys[from]);
    cone = narrowed(null, xs[at % count] - xs[from], ys[at % count] - ys[from], tolerance);
  }
  return { xs: Float64Array.from(keptXs), ys: Float64Array.from(keptYs) };
}

/** A cone of directions from a corner: angles against its axis, and how far the corners in it reach. */
const ROUND = { x: 1, y: 0, least: -Infinity, most: Infinity, reach: 0 };

/** Return what is left of a cone by a corner at a distance, or nothing if the corner is not in it. */
function narrowed(cone, dx, dy, tolerance) {
  const length = Math.hypot(dx, dy);
  const { x, y, least, most, reach } = cone ?? ROUND;
  if (length < reach - tolerance) return null;
  if (length <= tolerance) return cone ?? ROUND;
  const axis = reach > 0 ? { x, y } : { x: dx / length, y: dy / length };
  const angle = Math.atan2(axis.x * dy - axis.y * dx, axis.x * dx + axis.y * dy);
  if (angle < least || angle > most) return null;
  const half = Math.asin(tolerance / length);
  const farthest = Math.max(reach, length);
  return { ...axis, least: Math.max(least, angle - half), most: Math.min(most, angle + half), reach: farthest };
}

const known = new WeakMap();

/**
 * Return the outline of a mask as a path in the pixels of its image, with the detail that a scale can show.
 *
 * @param {import("./mask.js").Mask} mask
 * @param {number} scale How many pixels of the screen a pixel of the image has.
 * @param {{left: number}} [budget] Of corners; what is used is taken from it. Without one all is done at once.
 * @returns {Path2D | null} To be filled by the rule "evenodd"; null where the budget is used up: the next call goes on.
 */
export function outlineOf(mask, scale, budget = { left: Infinity }) {
  const level = Math.max(Math.floor(-Math.log2(scale)), 0);
  let outline = known.get(mask);
  if (!outline) known.set(mask, (outline = { work: tracing(mask), rings: null, paths: [] }));
  while (!outline.rings) {
    if (budget.left <= 0) return null;
    const { done, value } = outline.work.next();
    if (done) [outline.rings, outline.work] = [value, null];
    else budget.left -= value;
  }
  return (outline.paths[level] ??= pathOf(outline.rings, level));
}

/** Return a path of rings in which corners that are less than a quarter of a screen's pixel off are left out. */
function pathOf(rings, level) {
  const path = new Path2D();
  const tolerance = 2 ** level / 4;
  for (const ring of rings) {
    const { xs, ys } = level ? simplified(ring, tolerance) : ring;
    if (level && xs.length < 3) continue; // too small to be seen
    path.moveTo(xs[0], ys[0]);
    for (let at = 1; at < xs.length; at += 1) path.lineTo(xs[at], ys[at]);
    path.closePath();
  }
  return path;
}
