/** The picture that is worked on, and how far the server has it. */

import { objection, tooHeavy } from "./sizes.js";
import { dataUrl, frame } from "./wire.js";

const AGAIN_MS = 2000; // between two tries while the model is loading
const LATER = new Set(["model_loading", "rate_limited", "busy"]);

/**
 * @typedef {object} Watcher
 * @property {(picture: import("./picture.js").Picture | null) => void} shows Another picture is worked on.
 * @property {() => void} ready The server has it, and no objects.
 * @property {() => void} changed
 */

export class Stage {
  #talk;
  #watcher;
  #timer = 0;
  /** The picture that the server still has while another is on its way. */
  #before = null;
  /** @type {import("./picture.js").Picture | null} */ picture = null;
  /** @type {import("./status.js").State["stage"]} */ stage = "none";
  /** @type {number | null} In the queue for encoding. */ position = null;

  /** @param {import("./talk.js").Talk} talk @param {Watcher} watcher */
  constructor(talk, watcher) {
    [this.#talk, this.#watcher] = [talk, watcher];
  }

  /** @param {import("./picture.js").Picture} picture */
  use(picture) {
    const no = this.#talk.state === "open" ? objection(picture, this.#talk.limits) : "";
    if (no) {
      this.#talk.error = no;
      return;
    }
    if (this.stage === "ready") this.#before = this.picture;
    this.#show(picture);
    this.offer();
  }

  /** Put the picture away. */
  clear() {
    if (this.stage === "ready") this.#talk.ask("reset");
    this.#before = null;
    this.#drop();
  }

  /** Give the picture to the server, by its name if it may have it. */
  offer() {
    clearTimeout(this.#timer);
    this.position = null;
    this.stage = this.#talk.state === "open" ? "sending" : "absent";
    if (this.stage === "absent") return;
    const { imageId } = this.picture;
    if (this.#talk.extended && imageId) this.#talk.ask("init", { image_id: imageId }, { about: this.picture });
    else this.#upload();
  }

  /** A server is there. */
  agreed() {
    if (!this.picture) return;
    const no = objection(this.picture, this.#talk.limits);
    if (no) this.#giveUp(no);
    else this.offer();
  }

  /** The connection is gone. @param {number} code */
  lost(code) {
    clearTimeout(this.#timer);
    this.#before = null;
    if (code === 1009 && this.picture) {
      this.#talk.error = tooHeavy(this.picture.file.size);
      this.#drop();
    }
    this.stage = this.picture ? "absent" : "none";
  }

  /** @param {import("./requests.js").Request | undefined} request @param {import("./wire.js").Message} message */
  heard(request, message) {
    if (message.type === "progress") {
      if (request?.about === this.picture) this.position = message.position ?? null;
      return undefined;
    }
    if (!request) return undefined;
    if (message.type === "image_loaded") return this.#loaded(request, message);
    this.#talk.requests.close(request);
    return request.about === this.picture ? this.#upload() : undefined;
  }

  /** The server does not take the picture, or not now. */
  refused(request, { code, message, retryable = false }) {
    if (request.about !== this.picture) return;
    const later = LATER.has(code) || message.startsWith("Model not loaded yet");
    if (later || retryable) this.stage = later ? "loading" : "failed"; // what has failed a click tries again
    if (later) this.#timer = setTimeout(() => (this.offer(), this.#watcher.changed()), AGAIN_MS);
    else if (retryable) this.#talk.error = message;
    else this.#giveUp(message);
  }

  async #upload() {
    const { picture } = this;
    const { connection, binary, requests } = this.#talk;
    const request = requests.open("init", { about: picture });
    const message = { type: "init", id: request.id };
    const data = binary
      ? frame({ ...message, encoding: "file" }, picture.file)
      : JSON.stringify({ ...message, image: await dataUrl(picture.file) });
    if (connection !== this.#talk.connection || picture !== this.picture) return requests.close(request);
    this.#talk.send(data);
    this.stage = "encoding";
    return this.#watcher.changed();
  }

  #loaded(request, { width, height, image_id: imageId, intensity_window: seen = null }) {
    const { requests } = this.#talk;
    requests.closeOlder(request);
    requests.close(request);
    const picture = request.about;
    if (picture !== this.picture) return;
    this.#before = null;
    if (width !== picture.width || height !== picture.height) {
      const [theirs, ours] = [`${width} × ${height}`, `${picture.width} × ${picture.height}`];
      this.#giveUp(`The server sees ${theirs} pixels and this browser ${ours}: masks would be misplaced. Save it as PNG.`);
      return;
    }
    Object.assign(picture, { imageId, seen });
    this.stage = "ready";
    this.#watcher.ready();
  }

  /** The server does not take the picture; it still has the one before. */
  #giveUp(words) {
    const before = this.#before;
    this.#before = null;
    this.#drop();
    this.#talk.error = words;
    if (!before) return;
    this.#show(before);
    this.stage = "ready";
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#show(null);
    this.stage = "none";
  }

  #show(picture) {
    this.picture = picture;
    this.#watcher.shows(picture);
  }
}
