/** The objects of a picture, as frozen values: what was said about each, and how it was answered. */

/**
 * @typedef {object} Point
 * @property {number} x Column, in pixels of the picture.
 * @property {number} y Row.
 * @property {0 | 1} label 1 on the object, 0 beside it.
 * @property {boolean} [sent] Whether the server was told.
 */

/**
 * @typedef {object} Box Half-open: it holds the pixels x1 <= x < x2 and y1 <= y < y2.
 * @property {number} x1
 * @property {number} y1
 * @property {number} x2
 * @property {number} y2
 * @property {0 | 1} label 0 for an example of what is not meant.
 */

/**
 * @typedef {object} Candidate
 * @property {import("./mask.js").Mask} mask
 * @property {number | null} score 0 to 1, where the engine gives one.
 */

/**
 * @typedef {object} Result
 * @property {import("./mask.js").Mask} mask
 * @property {number | null} score 0 to 1.
 * @property {string} warning
 * @property {Candidate[]} candidates All readings where there are several, the best first.
 * @property {number} chosen Which of them is shown.
 */

/**
 * @typedef {object} Item An object.
 * @property {number} id
 * @property {string} name
 * @property {string} color As `#rrggbb`.
 * @property {boolean} hidden
 * @property {Point[]} points
 * @property {Box | null} box
 * @property {string} phrase What found it; empty if it was clicked.
 * @property {Result | null} result
 * @property {import("./mask.js").Mask | null} hint A mask that the server starts from.
 * @property {boolean} settled Whether the result stands as it is: it was found, or chosen, and nothing was said since.
 * @property {number} version Grows with what is said.
 * @property {number} cut Results of what was said before this version do not hold any more.
 * @property {number} shown The version of the result.
 */

/** Okabe and Ito's, which differ for every eye; black is left out, and what is too pale on white is darker. */
export const COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#b8a800", "#8a5bd1"];

/** @param {Item} item @returns {boolean} Whether nothing was said about it, and nothing found it. */
export const isEmpty = ({ points, box, hint }) => !points.length && !box && !hint;

/** @param {Point} one @param {Point} other */
export const samePoint = (one, other) => one.x === other.x && one.y === other.y && one.label === other.label;

/** @param {Box | null} one @param {Box | null} other */
export const sameBox = (one, other) =>
  one === other || (one && other && ["x1", "y1", "x2", "y2", "label"].every((side) => one[side] === other[side]));

/**
 * Return an object about which nothing was said.
 *
 * @param {Item[]} items The others: it is named and coloured as none of them, while there are colours.
 * @param {number} id
 * @param {Partial<Item>} [more]
 * @returns {Item}
 */
export function newItem(items, id, more = {}) {
  const names = new Set(items.map(({ name }) => name));
  let number = 1;
  while (names.has(`Object ${number}`)) number += 1;
  const nothing = { hidden: false, points: [], box: null, phrase: "", result: null, hint: null, settled: false };
  const counts = COLORS.map((color) => items.filter((item) => item.color === color).length);
  const color = COLORS[counts.indexOf(Math.min(...counts))];
  return { id, name: `Object ${number}`, color, ...nothing, version: 0, cut: 0, shown: -1, ...more };
}

/**
 * Return what is said of an object in a line.
 *
 * @param {Item} item
 * @returns {string}
 */
export function described({ points, box, phrase, result }) {
  const parts = [];
  if (points.length) parts.push(points.length === 1 ? "1 point" : `${points.length} points`);
  if (box) parts.push("box");
  if (phrase && !parts.length) parts.push(`found by ${phrase}`);
  if (result && !result.mask.area) parts.push("nothing found");
  else if (result && result.score !== null) parts.push(`score ${percent(result.score)}`);
  return parts.join(", ") || "nothing yet";
}

/** @param {number} score 0 to 1. @returns {string} */
export const percent = (score) => `${Math.round(score * 100)} %`;
