/** What was asked and has not been answered, in the order in which it was asked. */

/**
 * @typedef {object} Request
 * @property {string} id
 * @property {string} type Of the message.
 * @property {boolean} taken Whether the server has acknowledged it; a result is still to come.
 * @property {object} [about] The picture of an `init`, the point of a `click`.
 * @property {boolean} [quiet] Whether its result is not worth showing, since another follows at once.
 */

/** By type: what acknowledges a request, and what may answer it. */
const TAKEN_BY = { click: "point_added", undo: "point_removed", restore: "state" };
const ANSWERED_BY = { hello: "welcome", init: "image_loaded", reset: "points_cleared" };
/** After these, results of what was asked before are void. */
const BARRIERS = new Set(["init", "reset", "undo", "restore"]);

export class Requests {
  /** @type {Request[]} */ #waiting = [];
  #count = 0;

  /** Whether a mask is on its way. */
  get computing() {
    return this.#waiting.some(({ type }) => type in TAKEN_BY);
  }

  /** How many clicks have no result. */
  get clicks() {
    return this.#waiting.filter(({ type }) => type === "click").length;
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

  /** @param {Request} request @returns {boolean} Whether something asked later makes its result void. */
  void(request) {
    const after = this.#waiting.slice(this.#waiting.indexOf(request) + 1);
    return after.some(({ type }) => BARRIERS.has(type));
  }

  /** The request is answered. @param {Request} request */
  close(request) {
    this.#waiting = this.#waiting.filter((other) => other !== request);
  }

  /** Nothing asked before the request is answered any more. @param {Request} request */
  closeOlder(request) {
    this.#waiting = this.#waiting.slice(this.#waiting.indexOf(request));
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
