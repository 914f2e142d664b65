/** Draws the masks of objects: a tint that lets the picture through, and an outline to be seen on every ground. */

import { outlineOf } from "./outline.js";

const DARK = "rgb(0 0 0 / 60%)";
const LIGHT = "#ffffff";
const WEAKER = 0.7; // the tint of what is not selected, as a part of that of what is
const PREVIEW = 0.12; // the tint of a preview
const DASHES = [6, 5];
const CORNERS = 100_000; // of outlines, which are looked at in one frame: some 10 ms
const MANY = 6; // from so many objects on, they are drawn with less while the picture moves

/**
 * @typedef {object} View How the picture lies on a canvas, in pixels of the screen.
 * @property {{x: number, y: number}} corner The place of the picture at the canvas' upper left corner.
 * @property {{x: number, y: number}} scale Screen's pixels of one of the picture.
 * @property {number} unit Screen's pixels of one of the page.
 */

/**
 * Draw what was found, the selected object last.
 *
 * @param {OffscreenCanvasRenderingContext2D} paper Empty.
 * @param {View} view
 * @param {import("./canvas.js").Shown} shown
 * @param {{left: number, top: number, right: number, bottom: number}} seen The part of the picture in sight.
 * @param {boolean} isMoving Whether the next frame comes at once.
 * @returns {boolean} Whether all was drawn; else the outlines of large masks are not known yet, and the next call goes on.
 */
export function drawObjects(paper, view, { objects, selected, preview, overlay, opacity }, seen, isMoving) {
  if (!overlay) return true;
  const { corner, scale } = view;
  paper.setTransform(scale.x, 0, 0, scale.y, -corner.x * scale.x, -corner.y * scale.y);
  paper.lineJoin = "round";
  const isSeen = (mask) => mask?.area && isWithin(mask.box, seen);
  const found = objects.filter(({ hidden, result }) => !hidden && isSeen(result?.mask));
  const isPlain = isMoving && found.length >= MANY;
  const wide = view.unit / scale.x; // a pixel of the page, in those of the picture
  const budget = { left: CORNERS };
  const isChosen = ({ id }) => id === selected;
  const pathOf = ({ result }, detail = scale.x) => outlineOf(result.mask, detail, budget);
  const chosen = found.filter(isChosen).map((item) => [item, pathOf(item)]); // drawn last, but known first
  const others = found.filter((item) => !isChosen(item)).map((item) => [item, pathOf(item, isPlain ? scale.x / 2 : scale.x)]);
  const shade = isSeen(preview) ? outlineOf(preview, scale.x, budget) : undefined;
  for (const [{ color }, path] of others) {
    if (!path) continue;
    tint(paper, path, color, opacity * WEAKER);
    stroke(paper, path, isPlain ? [[color, 1.75 * wide]] : [[DARK, 3.5 * wide], [color, 1.75 * wide]]);
  }
  for (const [{ color }, path] of chosen) {
    if (!path) continue;
    tint(paper, path, color, opacity);
    stroke(paper, path, [[DARK, 6 * wide], [LIGHT, 4.5 * wide], [color, 2.25 * wide]]);
  }
  if (shade) drawPreview(paper, shade, wide);
  return shade !== null && [...chosen, ...others].every(([, path]) => path);
}

function isWithin(box, seen) {
  return box.x < seen.right && box.y < seen.bottom && box.x + box.width > seen.left && box.y + box.height > seen.top;
}

function tint(paper, path, color, part) {
  paper.globalAlpha = part;
  paper.fillStyle = color;
  paper.fill(path, "evenodd");
  paper.globalAlpha = 1;
}

/** @param {[string, number][]} lines Colour and width, the lowest first. */
function stroke(paper, path, lines) {
  for (const [color, width] of lines) {
    paper.strokeStyle = color;
    paper.lineWidth = width;
    paper.stroke(path);
  }
}

function drawPreview(paper, path, wide) {
  tint(paper, path, LIGHT, PREVIEW);
  stroke(paper, path, [[DARK, 2.5 * wide]]);
  paper.setLineDash(DASHES.map((length) => length * wide));
  stroke(paper, path, [[LIGHT, 1.5 * wide]]);
  paper.setLineDash([]);
}
