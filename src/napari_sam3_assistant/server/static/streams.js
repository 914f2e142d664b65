/** Zlib, as the browser has it. */

/**
 * Return bytes that went through a stream.
 *
 * @param {Uint8Array} bytes
 * @param {CompressionStream | DecompressionStream} stream
 * @param {number} [most] What comes after so many is not asked for.
 * @returns {Promise<Uint8Array>}
 */
async function through(bytes, stream, most = Infinity) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  let size = 0;
  while (size < most) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
  }
  if (size >= most) reader.cancel().catch(() => {}); // what follows may be damaged, and is not wanted
  const all = new Uint8Array(Math.min(size, most));
  let at = 0;
  for (const part of parts) {
    all.set(part.subarray(0, all.length - at), at);
    at += part.length;
  }
  return all;
}

/** @param {Uint8Array} bytes @param {number} [most] @returns {Promise<Uint8Array>} */
export const inflated = (bytes, most) => through(bytes, new DecompressionStream("deflate"), most);

/**
 * Return what bytes become when they are packed; they are made as they are asked for.
 *
 * @param {Iterator<Uint8Array>} parts
 * @returns {Promise<Uint8Array[]>}
 */
export async function deflated(parts) {
  const source = new ReadableStream({
    pull(controller) {
      const { value, done } = parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  const packed = [];
  const reader = source.pipeThrough(new CompressionStream("deflate")).getReader();
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) packed.push(value);
  return packed;
}
