/**
 * Draws what the user said: points and boxes, the box that is being drawn, and where keys and fingers point.
 *
 * What belongs to an object is round and green with a plus; what does not is square and red with a minus.
 */

const COLORS = { 0: "#c62828", 1: "#1b8a3e" };
const DARK = "rgb(0 0 0 / 60%)";
const LIGHT = "#ffffff";
const DASHES = [7, 4];

/**
 * @param {CanvasRenderingContext2D} paper
 * @param {import("./layers.js").View} view
 * @param {import("./canvas.js").Shown} shown
 */
export function drawMarks(paper, view, { objects, selected, exemplars, cross, hold, rubber }) {
  const { corner, scale, unit } = view;
  const place = (x, y) => [(x - corner.x) * scale.x, (y - corner.y) * scale.y];
  const middle = ({ x, y }) => place(x + 0.5, y + 0.5);
  const rectangle = ({ x1, y1, x2, y2 }) => [...place(x1, y1), ...place(x2, y2)];
  for (const box of exemplars) drawExemplar(paper, rectangle(box), box.label, unit);
  const item = objects.find(({ id, hidden }) => id === selected && !hidden);
  if (item?.box) drawBox(paper, rectangle(item.box), item.color, [], unit);
  for (const point of item?.points ?? []) drawPoint(paper, ...middle(point), point.label, unit);
  if (rubber) drawBox(paper, rectangle(rubber), COLORS[rubber.label], DASHES, unit);
  if (cross) drawCross(paper, ...middle(cross), unit);
  if (hold) drawRing(paper, ...middle(hold), hold.part, unit);
}

/** Draw a box. @param {number[]} corners Left, top, right, bottom. @param {number[]} dashes None for a whole line. */
function drawBox(paper, [left, top, right, bottom], color, dashes, unit) {
  for (const [style, wide, pattern] of [[DARK, 5, []], [LIGHT, 3.5, []], [color, 2, dashes]]) {
    paper.setLineDash(pattern.map((length) => length * unit));
    paper.lineWidth = wide * unit;
    paper.strokeStyle = style;
    paper.strokeRect(left, top, right - left, bottom - top);
  }
  paper.setLineDash([]);
}

/** Draw a box of what is looked for, or of what is not; its sign is in its upper left corner. */
function drawExemplar(paper, corners, label, unit) {
  drawBox(paper, corners, COLORS[label], DASHES, unit);
  drawPoint(paper, corners[0], corners[1], label, unit);
}

/** Draw a point: a disc with a plus on the object, a square with a minus beside it. */
function drawPoint(paper, x, y, label, unit) {
  const shape = label ? disc : square;
  shape(paper, x, y, 9 * unit, DARK);
  shape(paper, x, y, 8 * unit, LIGHT);
  shape(paper, x, y, 6.5 * unit, COLORS[label]);
  paper.fillStyle = LIGHT;
  paper.fillRect(x - 4 * unit, y - unit, 8 * unit, 2 * unit);
  if (label) paper.fillRect(x - unit, y - 4 * unit, 2 * unit, 8 * unit);
}

function disc(paper, x, y, radius, color) {
  paper.beginPath();
  paper.arc(x, y, radius, 0, 2 * Math.PI);
  paper.fillStyle = color;
  paper.fill();
}

function square(paper, x, y, half, color) {
  paper.fillStyle = color;
  paper.fillRect(x - half, y - half, 2 * half, 2 * half);
}

/** Draw where the keyboard points: white on black, to be seen on everything. */
function drawCross(paper, x, y, unit) {
  for (const [color, wide] of [["#000000", 4], [LIGHT, 2]]) {
    paper.fillStyle = color;
    paper.fillRect(x - 14 * unit, y - (wide / 2) * unit, 28 * unit, wide * unit);
    paper.fillRect(x - (wide / 2) * unit, y - 14 * unit, wide * unit, 28 * unit);
  }
}

/** Draw how long a finger has rested, round it. */
function drawRing(paper, x, y, part, unit) {
  for (const [color, wide] of [[DARK, 8], [COLORS[0], 5]]) {
    paper.beginPath();
    paper.arc(x, y, 34 * unit, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * part);
    paper.lineWidth = wide * unit;
    paper.strokeStyle = color;
    paper.stroke();
  }
}
