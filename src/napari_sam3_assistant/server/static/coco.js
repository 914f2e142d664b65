/** Objects as COCO JSON: polygons along the edges of pixels, or run-length codes where an object has holes. */

import { ringsOf } from "./edges.js";

/**
 * Return the text of a file.
 *
 * @param {{fileName: string, width: number, height: number}} picture
 * @param {import("./exporting.js").Exported[]} items
 * @returns {string}
 */
export function cocoOf({ fileName, width, height }, items) {
  const kinds = [...new Set(items.map(kindOf))];
  const annotations = items.flatMap((item) => annotationOf(item, kinds.indexOf(kindOf(item)) + 1));
  return JSON.stringify({
    info: { description: fileName, version: "1.0" },
    licenses: [],
    images: [{ id: 1, file_name: fileName, width, height }],
    categories: kinds.map((name, at) => ({ id: at + 1, name, supercategory: "", color: colorOf(name, items) })),
    annotations: annotations.map((one, at) => ({ id: at + 1, image_id: 1, ...one })),
  });
}

/** @returns {string} What an object is: its name without the number that tells it from others of its kind. */
function kindOf({ name }) {
  return name.replace(/\s*\d+$/, "") || "object";
}

function colorOf(kind, items) {
  const { color } = items.find((item) => kindOf(item) === kind);
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
}

/** @returns {object[]} One, or none for a mask without a pixel. */
function annotationOf({ id, name, score, mask }, category) {
  const rings = ringsOf(mask);
  if (!rings.length) return [];
  const [x1, y1, x2, y2] = boxOf(rings);
  const segmentation = rings.some(({ hole }) => hole)
    ? { size: [mask.height, mask.width], counts: textOf(countsOf(mask)) }
    : rings.map(({ corners }) => corners);
  return [
    {
      category_id: category,
      bbox: [x1, y1, x2 - x1, y2 - y1],
      area: mask.area,
      iscrowd: 0,
      label: id,
      name,
      ...(score === null ? {} : { score }),
      segmentation,
    },
  ];
}

function boxOf(rings) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { corners } of rings) {
    for (let at = 0; at < corners.length; at += 2) {
      box[0] = Math.min(box[0], corners[at]);
      box[1] = Math.min(box[1], corners[at + 1]);
      box[2] = Math.max(box[2], corners[at]);
      box[3] = Math.max(box[3], corners[at + 1]);
    }
  }
  return box;
}

/**
 * Return the lengths of a mask's runs, read column by column, the first one of what is not inside.
 *
 * @param {import("./mask.js").Mask} mask
 * @returns {number[]}
 */
function countsOf({ width, height, box, inside }) {
  const counts = [];
  let [start, current] = [0, 0];
  const at = (place, value) => {
    if (value === current) return;
    counts.push(place - start);
    [start, current] = [place, value];
  };
  for (let col = 0; col < box.width; col += 1) {
    const first = (box.x + col) * height + box.y;
    for (let row = 0; row < box.height; row += 1) at(first + row, inside[row * box.width + col]);
    if (box.height < height) at(first + box.height, 0);
  }
  counts.push(width * height - start);
  return counts;
}

/**
 * Return runs as "compressed counts": from the fourth on the difference to the number two before; five bits a letter,
 * the lowest first, with a sixth for "more follow". As `rleToString` of COCO's `maskApi.c` does.
 *
 * @param {number[]} counts
 * @returns {string}
 */
function textOf(counts) {
  const letters = counts.flatMap((count, at) => {
    let rest = at > 2 ? count - counts[at - 2] : count;
    const written = [];
    for (let more = true; more; ) {
      const bits = rest & 0x1f;
      rest >>= 5;
      more = bits & 0x10 ? rest !== -1 : rest !== 0;
      written.push(String.fromCharCode(bits + (more ? 0x20 : 0) + 48));
    }
    return written;
  });
  return letters.join("");
}
