/** Zlib, as the browser has it. */

/**
 * Return bytes that went through a stream.
 *
 * @param {Uint8Array} bytes
 * @param {CompressionStream | DecompressionStream} stream
 * @returns {Promise<Uint8Array>}
 */
async function through(bytes, stream) {
  const answer = new Response(new Blob([bytes]).stream().pipeThrough(stream));
  return new Uint8Array(await answer.arrayBuffer());
}

/** @param {Uint8Array} bytes @returns {Promise<Uint8Array>} */
export const inflated = (bytes) => through(bytes, new DecompressionStream("deflate"));

/** @param {Uint8Array} bytes @returns {Promise<Uint8Array>} */
export const deflated = (bytes) => through(bytes, new CompressionStream("deflate"));
