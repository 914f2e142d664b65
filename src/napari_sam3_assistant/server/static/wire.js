/** Messages of the protocol `sam3.realtime`: JSON text, or binary frames with a JSON header. */

const MAGIC = [0x53, 0x4d, 0x33, 0x01]; // "SM3" and the version of the frame
const HEAD = 8; // bytes before the header: the magic, and the header's length

/**
 * @typedef {object} Message What one side says to the other.
 * @property {string} type
 * @property {string} [id] Chosen by this page; every answer to the message carries it.
 * @property {Uint8Array} [payload] What a binary frame brought beside its header.
 */

/**
 * Return the message that a socket received.
 *
 * @param {string | ArrayBuffer} data
 * @returns {Message}
 * @throws {Error} If it is none.
 */
export function parsed(data) {
  if (typeof data === "string") return JSON.parse(data);
  const bytes = new Uint8Array(data);
  if (bytes.length < HEAD || MAGIC.some((byte, at) => bytes[at] !== byte)) throw new Error("no frame of this protocol");
  const length = new DataView(data).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD, HEAD + length)));
  const payload = bytes.subarray(HEAD + length);
  if (!header.parts) return { ...header, payload };
  place(header, cut(payload, header.parts));
  return header;
}

/** @param {Uint8Array} payload @param {number[]} lengths @returns {Uint8Array[]} */
function cut(payload, lengths) {
  let end = 0;
  return lengths.map((length) => payload.subarray(end, (end += length)));
}

/** Put the parts of a payload where a message names them. */
function place(value, parts) {
  if (value.mask?.part !== undefined) value.payload = parts[value.mask.part];
  for (const field of Object.values(value)) {
    for (const one of Array.isArray(field) ? field : []) if (one && typeof one === "object") place(one, parts);
  }
}

/**
 * Return a message and a file as one binary frame.
 *
 * @param {Message} header
 * @param {Blob} payload
 * @returns {Blob}
 */
export function frame(header, payload) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(HEAD);
  head.set(MAGIC);
  new DataView(head.buffer).setUint32(4, text.length, true);
  return new Blob([head, text, payload]);
}

/**
 * Return a file as a data URL.
 *
 * @param {Blob} file
 * @returns {Promise<string>}
 */
export function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(/** @type {string} */ (reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/**
 * Return bytes as base64 text.
 *
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function base64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/**
 * Return the bytes that base64 text stands for.
 *
 * @param {string} text
 * @returns {Uint8Array}
 */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
