/** Names of files that every system takes. */

const MOST = 80; // letters of a part: a name has room for 255 bytes
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i; // on Windows

/**
 * Return a text as part of a file's name.
 *
 * @param {string} text
 * @returns {string} Never empty.
 */
export function safe(text) {
  const plain = text.replace(/[\p{C}\\/:*?"<>|]+/gu, "_").trim();
  const short = [...plain].slice(0, MOST).join("").replace(/^\.+|[. ]+$/g, "");
  return (RESERVED.test(short) ? `_${short}` : short) || "picture";
}
