/** The worker of `background.js`: one task, one answer. */

import { written } from "./exporting.js";
import { imageOf, windowOf } from "./intensity.js";
import { planeOf } from "./tiff.js";
import { TiffError } from "./tiff_directory.js";

const TASKS = { tiff, exports: written };

/** Return a TIFF as a bitmap; `window` is what the server took for black and white, if it has said. */
async function tiff({ file, window }) {
  const plane = await planeOf(await file.arrayBuffer());
  const deep = plane.channels === 1 && !(plane.values instanceof Uint8Array);
  const used = deep ? (window ?? windowOf(plane.values)) : null;
  const bitmap = await createImageBitmap(imageOf(plane, used));
  return { bitmap, window: used, more: plane.more };
}

addEventListener("message", async ({ data: { task, input } }) => {
  try {
    const result = await TASKS[task](input);
    postMessage({ result }, result.bitmap ? [result.bitmap] : []);
  } catch (error) {
    postMessage({ words: error instanceof TiffError ? error.message : "" });
  }
});
