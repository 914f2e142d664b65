/** A picture that a user chose, as the browser shows it. */

import { inBackground } from "./background.js";
import { isTiff } from "./tiff_directory.js";

/**
 * @typedef {object} Picture
 * @property {Blob} file What was in it when it was chosen.
 * @property {string} name Of the file, without what follows its last point.
 * @property {string} fileName Of the file.
 * @property {ImageBitmap | null} bitmap Turned as the file says; none while the picture sleeps.
 * @property {number} width In pixels, as shown; as `height`.
 * @property {number} height
 * @property {string} note What a user should know of how it is shown; empty where there is nothing.
 * @property {[number, number] | null} window What is black and what is white of more than 8 bits, else null.
 * @property {[number, number] | null} [seen] The same, as the server has it, once it has the picture.
 * @property {boolean} tiff
 * @property {string} [imageId] What the server calls it, once it has it.
 */

/** A picture that cannot be used; the message is for the user. */
export class PictureError extends Error {}

/**
 * Return the picture of a file.
 *
 * @param {File | Blob} file
 * @returns {Promise<Picture>}
 * @throws {PictureError}
 */
export async function pictureOf(file) {
  const fileName = file.name || "picture";
  const name = fileName.replace(/\.[^.]*$/, "") || "picture";
  let kept;
  try {
    kept = new Blob([await file.arrayBuffer()], { type: file.type }); // the file may change, or be taken away
  } catch {
    throw new PictureError(`“${fileName}” cannot be read any more. Choose it again.`);
  }
  const tiff = isTiff(new Uint8Array(await kept.slice(0, 4).arrayBuffer()));
  const picture = { file: kept, name, fileName, bitmap: null, window: null, note: "", tiff };
  try {
    await wake(picture);
  } catch (error) {
    throw new PictureError(tiff ? unreadableTiff(fileName, error.message) : unreadable(file));
  }
  const { width, height } = picture.bitmap;
  return Object.assign(picture, { width, height });
}

/**
 * Make a picture's bitmap, if it has none.
 *
 * @param {Picture} picture
 * @throws {Error} If there is no memory for it.
 */
export async function wake(picture) {
  if (picture.bitmap) return;
  if (picture.tiff) return develop(picture, picture.window);
  take(picture, await createImageBitmap(picture.file, { imageOrientation: "from-image" }));
}

/** Free the memory of a picture's bitmap. @param {Picture} picture */
export function rest(picture) {
  picture.bitmap?.close();
  picture.bitmap = null;
}

/**
 * Show what the server sees: what it took for black and for white.
 *
 * @param {Picture} picture
 * @param {[number, number] | null | undefined} window As `image_loaded` says it.
 * @returns {Promise<boolean>} Whether the picture looks different now.
 */
export async function showAs(picture, window) {
  const [low, high] = picture.window ?? [];
  if (!picture.tiff || !window || (window[0] === low && window[1] === high)) return false;
  await develop(picture, window);
  return true;
}

async function develop(picture, window) {
  const { bitmap, window: used, more } = await inBackground("tiff", { file: picture.file, window });
  const said = [];
  if (more) said.push("The file has several pages; this is the first.");
  if (used) said.push(`Shown from ${numeral(used[0])} (black) to ${numeral(used[1])} (white).`);
  Object.assign(picture, { window: used, note: said.join(" ") });
  take(picture, bitmap);
}

function take(picture, bitmap) {
  picture.bitmap?.close();
  picture.bitmap = bitmap;
}

/** @param {number} value @returns {string} With as many digits as a reader needs. */
function numeral(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: 5 });
}

/** @returns {string} Why a file cannot be shown. */
function unreadable(file) {
  const called = file.name ? `“${file.name}”` : "This";
  if (!file.size) return `${called} is empty.`;
  if (/\.tiff?$/i.test(file.name ?? "") || file.type === "image/tiff") return unreadableTiff(file.name || "This", "");
  if (file.type.startsWith("image/")) return `${called} is damaged, or of a kind that this browser cannot show.`;
  return `${called} is not a picture. Choose a JPEG, PNG, WebP, BMP, GIF or TIFF file.`;
}

function unreadableTiff(name, why) {
  return `“${name}” is a TIFF ${why || "that is damaged"}. Save it as PNG, or open it in napari.`;
}
