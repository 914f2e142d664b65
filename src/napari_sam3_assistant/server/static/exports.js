/** What can be downloaded of a picture and its objects. The work is done beside the page. */

import { inBackground } from "./background.js";
import { safe } from "./filenames.js";

/**
 * @typedef {object} Kind
 * @property {"cutout" | "mask" | "labels" | "coco" | "svg"} kind
 * @property {string} label For the menu.
 * @property {string} about What is in the file.
 * @property {string} ending Of the file's name.
 * @property {string} [shortcut] The key that writes it.
 */

const NOTHING = "There is nothing to write yet. Click on an object first.";
const HIDDEN = "What is hidden is not written. Show it first, or choose all objects.";

/** @type {Kind[]} */
export const kinds = [
  { kind: "mask", label: "Save Mask", about: "PNG, white on black", ending: "-mask.png", shortcut: "S" },
  { kind: "cutout", label: "Cut-out", about: "PNG, clear around the object", ending: "-cutout.png" },
  { kind: "labels", label: "Labels", about: "16-bit PNG, the number of each object", ending: "-labels.png" },
  { kind: "coco", label: "COCO", about: "JSON, outlines and names", ending: "-coco.json" },
  { kind: "svg", label: "Outlines", about: "SVG drawing", ending: "-outlines.svg" },
];

/** There is nothing to write; the message is for the user. */
export class ExportError extends Error {}

/**
 * Return the objects that a file would hold: those that are not hidden and have a mask with a pixel inside.
 *
 * @param {object[]} items
 * @returns {object[]}
 */
export function exportable(items) {
  return items.filter(({ hidden, result }) => !hidden && result?.mask.area);
}

/**
 * Return a file of a picture's objects.
 *
 * @param {Kind["kind"]} kind
 * @param {import("./picture.js").Picture} picture
 * @param {object[]} items Those that are hidden, or have no mask, are left out; later ones lie on top.
 * @returns {Promise<{blob: Blob, name: string}>}
 * @throws {ExportError}
 */
export async function exported(kind, picture, items) {
  const { ending } = kinds.find((one) => one.kind === kind);
  const chosen = exportable(items);
  const blank = kind === "mask" && items.some(({ hidden, result }) => !hidden && result); // an answer, without a pixel
  if (!chosen.length && !blank) throw new ExportError(items.some(({ hidden, result }) => hidden && result) ? HIDDEN : NOTHING);
  const { name, fileName, width, height } = picture;
  const order = {
    kind,
    picture: { fileName: fileName ?? name, width, height },
    items: chosen.map(({ id, name: called, color, result: { mask, score = null } }) => ({ id, name: called, color, score, mask })),
  };
  const given = [];
  if (kind === "cutout") {
    order.box = around(order.items);
    order.pixels = await createImageBitmap(picture.bitmap, order.box.x, order.box.y, order.box.width, order.box.height);
    given.push(order.pixels);
  }
  try {
    const blob = await inBackground("exports", order, given);
    const one = chosen.length === 1 && kind === "cutout" ? `-${safe(chosen[0].name)}` : "";
    return { blob, name: `${safe(name)}${one}${ending}` };
  } catch {
    throw new ExportError("The file could not be written: the browser has too little memory. Close other tabs, and try again.");
  }
}

/** Return the smallest box with all that is inside, half-open as a rectangle of whole pixels. */
function around(items) {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (const { mask: { box, inside } } of items) {
    for (let row = 0; row < box.height; row += 1) {
      const line = inside.subarray(row * box.width, (row + 1) * box.width);
      const first = line.indexOf(1);
      if (first < 0) continue;
      left = Math.min(left, box.x + first);
      right = Math.max(right, box.x + line.lastIndexOf(1) + 1);
      top = Math.min(top, box.y + row);
      bottom = Math.max(bottom, box.y + row + 1);
    }
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}
