/** A picture that a user chose, as the browser shows it. */

const MIB = 2 ** 20;
/** What a server takes that does not say: a message of 16 MiB, of which base64 is a third larger than the file. */
const USUAL_BYTES = 11.9 * MIB;
const SMALLER = "Save it smaller, or as JPEG.";

/**
 * @typedef {object} Picture
 * @property {Blob} file What was in it when it was chosen.
 * @property {string} name Of the file, without what follows its last point.
 * @property {ImageBitmap} bitmap Turned as the file says.
 * @property {number} width In pixels, as shown; as `height`.
 * @property {number} height
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
  const name = (file.name ?? "picture").replace(/\.[^.]*$/, "") || "picture";
  try {
    const kept = new Blob([await file.arrayBuffer()], { type: file.type }); // the file may change, or be taken away
    const bitmap = await createImageBitmap(kept, { imageOrientation: "from-image" });
    return { file: kept, name, bitmap, width: bitmap.width, height: bitmap.height };
  } catch {
    throw new PictureError(unreadable(file));
  }
}

/** @returns {string} Why a file cannot be shown. */
function unreadable(file) {
  const called = file.name ? `“${file.name}”` : "This";
  if (!file.size) return `${called} is empty.`;
  if (/\.tiff?$/i.test(file.name ?? "") || file.type === "image/tiff") {
    return `${called} is a TIFF, which this browser cannot show. Save it as PNG, or open it in napari.`;
  }
  if (file.type.startsWith("image/")) return `${called} is damaged, or of a kind that this browser cannot show.`;
  return `${called} is not a picture. Choose a JPEG, PNG, WebP, BMP or GIF file.`;
}

/**
 * Return why a server will not take a picture, or nothing.
 *
 * @param {Picture} picture
 * @param {{image_bytes?: number, image_pixels?: number, image_side?: number}} limits
 * @returns {string}
 */
export function objection({ file, width, height }, limits) {
  const bytes = limits.image_bytes ?? USUAL_BYTES;
  const size = `This picture has ${width} × ${height} pixels`;
  if (file.size > bytes) return `This file has ${mib(file.size)} MB; the server takes ${mib(bytes)} MB. ${SMALLER}`;
  if (width * height > (limits.image_pixels ?? Infinity)) {
    return `${size}; the server takes ${Math.floor(limits.image_pixels / 1e6)} megapixels. Make it smaller first.`;
  }
  if (Math.max(width, height) > (limits.image_side ?? Infinity)) {
    return `${size}; the server takes ${limits.image_side} along a side. Make it smaller first.`;
  }
  return "";
}

/**
 * Return the words for a file that a server did not take although it has the size that it takes.
 *
 * @param {number} size In bytes.
 * @returns {string}
 */
export function tooHeavy(size) {
  return `This file of ${mib(size)} MB is too large for the server. ${SMALLER}`;
}

/** @param {number} bytes @returns {string} */
function mib(bytes) {
  return (bytes / MIB).toFixed(bytes < MIB ? 2 : 1);
}
