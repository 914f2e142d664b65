/** What was asked and has not been answered, in the order in which it was asked. */

/**
 * @typedef {object} Request
 * @property {string} id
 * @property {string} type Of the message.
 * @property {boolean} taken Whether the server has acknowledged it; a result is still to come.
 * @property {object} [about] The picture of an `init`.
 * @property {number} [item] The object that it is about.
 * @property {boolean} [quiet] Whether its result is not worth showing, since another follows at once.
 */

/** By type: what acknowledges a question about an object; its answer is still to come. */
const TAKEN_BY = {
  click: "point_added",
  box: "box_added",
  mask_prompt: "mask_added",
  remove_point: "point_removed",
  restore: "state",
};
const ANSWERED_BY = { hello: "welcome", init: "image_loaded", reset: "points_cleared" };

export class Requests {
  /** @type {Request[]} */ #waiting = [];
  #count = 0;

  /** Whether a mask is on its way. */
  get computing() {
    return this.some(({ type }) => type in TAKEN_BY || type === "find");
  }

  /** How many questions about objects have no answer. */
  get prompts() {
    return this.#waiting.filter(({ type }) => type in TAKEN_BY).length;
  }

  /** @param {(request: Request) => boolean} fit @returns {boolean} Whether one that waits does. */
  some(fit) {
    return this.#waiting.some(fit);
  }

  /** @param {string} type @param {object} [more] @returns {Request} */
  open(type, more = {}) {
    this.#count += 1;
    const request = { id: `${type}-${this.#count}`, type, taken: false, ...more };
    this.#waiting.push(request);
    return request;
  }

  /**
   * Return the request that a message answers: by its id, or for a server that echoes none by its place.
   *
   * @param {import("./wire.js").Message} message
   * @returns {Request | undefined}
   */
  of(message) {
    if (message.id !== undefined) return this.#waiting.find(({ id }) => id === message.id);
    return this.#waiting.find((request) => fits(request, message.type));
  }

  /** The request is answered. @param {Request} request */
  close(request) {
    this.#waiting = this.#waiting.filter((other) => other !== request);
  }

  /**
   * Nothing asked about the same before the request is answered any more; what is about no object is about all.
   *
   * @param {Request} request
   */
  closeOlder(request) {
    const at = this.#waiting.indexOf(request);
    const same = (other) => request.item === undefined || other.item === request.item;
    this.#waiting = this.#waiting.filter((other, place) => place >= at || !same(other));
  }

  clear() {
    this.#waiting = [];
  }
}

/** @param {Request} request @param {string} type Of a message without an id. */
function fits(request, type) {
  if (type === "error") return true;
  if (type === "segmentation_result") return request.taken;
  return ANSWERED_BY[request.type] === type || (!request.taken && TAKEN_BY[request.type] === type);
}
