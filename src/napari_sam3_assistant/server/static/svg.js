/** Objects as outlines in an SVG drawing of the picture's size. */

import { ringsOf } from "./edges.js";

/**
 * Return the text of a file.
 *
 * @param {{fileName: string, width: number, height: number}} picture
 * @param {import("./exporting.js").Exported[]} items
 * @returns {string}
 */
export function svgOf({ fileName, width, height }, items) {
  const paths = items.map(({ id, name, color, mask }) => {
    const line = ringsOf(mask).map(pathOf).join("");
    const look = `fill="${escaped(color)}" fill-opacity="0.25" stroke="${escaped(color)}" vector-effect="non-scaling-stroke"`;
    return `  <path id="object-${id}" ${look} d="${line}"><title>${escaped(name)}</title></path>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
  <title>${escaped(fileName)}</title>
  <g fill-rule="evenodd" stroke-width="1.5">
${paths.join("")}  </g>
</svg>
`;
}

/** @param {import("./edges.js").Ring} ring @returns {string} Its first side lies along a column, the next along a row. */
function pathOf({ corners }) {
  const parts = [`M${corners[0]} ${corners[1]}`];
  for (let at = 2; at < corners.length; at += 2) {
    parts.push((at / 2) % 2 ? `V${corners[at + 1]}` : `H${corners[at]}`);
  }
  return `${parts.join("")}Z`;
}

/** @param {string} text @returns {string} Without what XML has no word for. */
function escaped(text) {
  const marks = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[\p{Cc}\p{Cs}\u{fffe}\u{ffff}]/gu, " ").replace(/[&<>"]/g, (mark) => marks[mark]);
}
