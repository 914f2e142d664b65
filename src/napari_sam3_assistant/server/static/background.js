/** Work that would hold up the page, done beside it. */

/**
 * Return what a task of `background_worker.js` makes of its input.
 *
 * @param {string} task
 * @param {object} input What can be cloned.
 * @param {Transferable[]} [given] Parts of it that the page needs no more.
 * @returns {Promise<any>}
 * @throws {Error} With the words of the task for what it cannot do.
 */
export function inBackground(task, input, given = []) {
  const worker = new Worker(new URL("./background_worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => ("words" in data ? reject(new Error(data.words)) : resolve(data.result));
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(""));
    };
    worker.postMessage({ task, input }, given);
  }).finally(() => worker.terminate());
}
