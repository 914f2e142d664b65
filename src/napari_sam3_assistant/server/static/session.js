/**
 * The talk with the server about one picture. What the user has said is kept here and told to each new
 * connection; a server that knows no `hello` is spoken to in the seed's messages alone.
 */

import { isTokenRefused } from "./address.js";
import { maskOf } from "./mask.js";
import { Requests } from "./requests.js";
import { objection, tooHeavy } from "./sizes.js";
import { dataUrl, frame, parsed } from "./wire.js";

const AGAIN_MS = 2000; // between two tries while the model is loading
const MOST_WAITING = 8; // clicks without an answer; later ones wait here
const LATER = new Set(["model_loading", "rate_limited", "busy"]);

/**
 * @typedef {object} Point
 * @property {number} x Column, in pixels of the picture.
 * @property {number} y Row.
 * @property {0 | 1} label 1 on the object, 0 beside it.
 * @property {boolean} [sent]
 */

export class Session {
  #link;
  #token;
  #changed;
  #requests = new Requests();
  #chain = Promise.resolve();
  #connection = 0;
  #extended = false;
  #binary = false;
  #limits = {};
  #seq = -1;
  #full = false;
  #timer = 0;
  /** What the server still has while another picture is on its way. */
  #before = null;
  #now = { link: "connecting", stage: "none", position: null, session: "", error: "" };
  #picture = null;
  #points = [];
  #result = null;

  /** @param {import("./link.js").Link} link @param {string} token @param {(state: import("./status.js").State) => void} changed */
  constructor(link, token, changed) {
    this.#link = link;
    this.#token = token;
    this.#changed = changed;
  }

  /** Connect, and stay connected. */
  start() {
    this.#link.start({
      received: (data) => this.#queue(data),
      closed: (code) => this.#closed(code),
      unopened: () => this.#unopened(),
    });
    this.#tell();
  }

  /** @returns {import("./status.js").State} */
  get state() {
    const busy = this.#requests.computing || (this.#now.stage === "ready" && this.#points.some(({ sent }) => !sent));
    const [result, picture] = [this.#result, this.#picture];
    const objects = result ? [{ id: 1, name: "Object 1", color: "#1e7bff", hidden: false, phrase: "", result }] : [];
    return { ...this.#now, busy, picture, points: this.#points, result, objects, selected: 1 };
  }

  /** @returns {import("./sizes.js").Limits} What the server takes; nothing while it is not known. */
  get limits() {
    return this.#now.link === "open" ? this.#limits : {};
  }

  // ---- what the user does

  /** Work on a picture from now on. @param {import("./picture.js").Picture} picture */
  use(picture) {
    const no = this.#now.link === "open" ? objection(picture, this.#limits) : "";
    if (no) return this.fail(no);
    this.#awake();
    if (this.#now.stage === "ready") {
      this.#before = { picture: this.#picture, points: this.#points, result: this.#result };
    }
    this.#set(picture, [], null);
    this.#offer();
  }

  /** @param {Point} point */
  add({ x, y, label }) {
    if (!this.#picture) return;
    this.#awake();
    this.#points = [...this.#points, { x, y, label, sent: false }];
    if (this.#now.stage === "failed") this.#offer();
    else this.#pump();
    this.#tell();
  }

  /** Take back the last point. */
  undo() {
    const last = this.#points.at(-1);
    if (!last) return;
    this.#awake();
    this.#points = this.#points.slice(0, -1);
    if (!this.#points.length) this.#result = null;
    if (last.sent && this.#now.stage === "ready") {
      if (this.#extended) this.#ask("undo");
      else this.#again();
    }
    this.#tell();
  }

  /** Take back all points; the picture stays. */
  reset() {
    this.#awake();
    this.#set(this.#picture, [], null);
    if (this.#now.stage === "ready") this.#ask("reset");
    this.#tell();
  }

  /** Put the picture away. */
  clear() {
    this.#awake();
    if (this.#now.stage === "ready") this.#ask("reset");
    this.#drop();
    this.#before = null;
    this.#tell();
  }

  /** A picture was closed: nothing of it is kept. */
  forget() {}

  /** Show what went wrong. @param {string} words For the user. */
  fail(words) {
    this.#now.error = words;
    this.#tell();
  }

  /** Make sure that the server is still there. */
  check() {
    if (this.#extended) this.#link.check('{"type": "ping"}');
  }

  // ---- what is sent

  /** @returns {import("./requests.js").Request} */
  #ask(type, fields = {}, more = {}) {
    const request = this.#requests.open(type, more);
    this.#link.send(JSON.stringify({ type, id: request.id, ...fields }));
    return request;
  }

  /** Give the picture to the server, by its name if it may have it. */
  #offer() {
    clearTimeout(this.#timer);
    this.#now.position = null;
    this.#now.stage = this.#now.link === "open" ? "sending" : "absent";
    const { imageId } = this.#picture;
    if (this.#now.stage === "sending") {
      if (this.#extended && imageId) this.#ask("init", { image_id: imageId }, { about: this.#picture });
      else this.#upload();
    }
    this.#tell();
  }

  async #upload() {
    const [picture, connection] = [this.#picture, this.#connection];
    const request = this.#requests.open("init", { about: picture });
    const message = { type: "init", id: request.id };
    const data = this.#binary
      ? frame({ ...message, encoding: "file" }, picture.file)
      : JSON.stringify({ ...message, image: await dataUrl(picture.file) });
    if (connection !== this.#connection || picture !== this.#picture) return this.#requests.close(request);
    this.#link.send(data);
    this.#now.stage = "encoding";
    this.#tell();
  }

  /** Send the points that the server has not been told, a few at a time. */
  #pump() {
    if (this.#now.stage !== "ready") return;
    const unsent = this.#points.filter(({ sent }) => !sent);
    for (const [at, point] of unsent.entries()) {
      if (this.#requests.clicks >= MOST_WAITING) return;
      point.sent = true;
      const { x, y, label } = point;
      this.#ask("click", { x, y, label }, { about: point, quiet: at < unsent.length - 1 });
    }
  }

  /** Tell the server, which has the picture, all points from the start. */
  #again() {
    this.#ask("reset");
    this.#replay();
  }

  #replay() {
    for (const point of this.#points) point.sent = false;
    if (this.#extended && this.#points.length) {
      const points = this.#points.map(({ x, y, label }) => ({ x, y, label }));
      for (const point of this.#points) point.sent = true;
      this.#ask("restore", { objects: [{ object_id: 1, points }], selected: 1 });
    }
    this.#pump();
  }

  // ---- what comes back

  /** @param {string | ArrayBuffer} data */
  #queue(data) {
    const connection = this.#connection;
    // One after another: masks take their time to unpack, and the newest has to stay.
    this.#chain = this.#chain.then(async () => {
      if (connection !== this.#connection) return;
      try {
        await this.#take(parsed(data));
      } catch {
        this.#now.error = "The server sent what this page does not understand. Reload the page.";
      }
      this.#tell();
    });
  }

  async #take(message) {
    const request = this.#requests.of(message);
    switch (message.type) {
      case "session_created":
        return this.#greet(message);
      case "welcome":
        return this.#agree(request, message);
      case "error":
        return this.#refused(request, message);
      case "image_loaded":
        return this.#loaded(request, message);
      case "image_needed":
        if (!request) return undefined;
        this.#requests.close(request);
        return request.about === this.#picture ? this.#upload() : undefined;
      case "point_added":
        if (request) request.taken = true;
        return undefined;
      case "point_removed":
      case "state":
        if (!request) return undefined;
        request.taken = true;
        return this.#requests.closeOlder(request);
      case "points_cleared":
        return this.#done(request);
      case "segmentation_result":
        return this.#show(request, message);
      case "progress":
        if (request?.about === this.#picture) this.#now.position = message.position ?? null;
        return undefined;
      case "superseded":
      case "cancelled":
        if (request) this.#requests.close(request);
        return this.#pump();
      default: // what is not known is ignored, as the protocol asks
        return undefined;
    }
  }

  #greet({ session_id: session, limits }) {
    this.#limits = limits ?? {};
    this.#now.session = session;
    this.#ask("hello", {
      protocol: 1,
      client: "page",
      mask_formats: ["bits", "png"],
      binary: true,
      coalesce: true,
      progress: true,
    });
  }

  /** @param {object | null} welcome Null from a server that knows the seed's messages alone. */
  #agree(request, welcome) {
    if (request) this.#requests.close(request);
    this.#extended = welcome !== null;
    this.#binary = welcome?.binary ?? false;
    this.#limits = welcome?.limits ?? this.#limits;
    this.#now.link = "open";
    this.#link.settled();
    if (!this.#picture) return;
    const no = objection(this.#picture, this.#limits);
    if (no) this.#giveUp(no);
    else this.#offer();
  }

  #loaded(request, { width, height, image_id: imageId, intensity_window: seen = null }) {
    if (!request) return;
    this.#done(request);
    const picture = request.about;
    if (picture !== this.#picture) return;
    this.#before = null;
    if (width !== picture.width || height !== picture.height) {
      const [theirs, ours] = [`${width} × ${height}`, `${picture.width} × ${picture.height}`];
      this.#giveUp(`The server sees ${theirs} pixels and this browser ${ours}: masks would be misplaced. Save it as PNG.`);
      return;
    }
    Object.assign(picture, { imageId, seen });
    this.#now.stage = "ready";
    this.#seq = -1;
    this.#replay();
  }

  async #show(request, message) {
    const late = request ? request.quiet || this.#requests.void(request) : this.#now.stage !== "ready";
    if (request) this.#done(request);
    this.#pump();
    if (late || !this.#picture || !this.#points.length || (message.seq ?? Infinity) < this.#seq) return;
    this.#seq = message.seq ?? this.#seq;
    const [picture, connection] = [this.#picture, this.#connection];
    const mask = await maskOf(message, picture);
    if (picture !== this.#picture || connection !== this.#connection || !this.#points.length) return;
    this.#result = { mask, score: message.score, warning: message.warning ?? "" };
  }

  #refused(request, { code, message, retryable = false }) {
    if (request?.type === "hello") return this.#agree(request, null);
    if (request) this.#requests.close(request);
    if (code === "server_full" || message.startsWith("Server is full")) {
      this.#full = true;
      return undefined;
    }
    if (request?.type === "init") return this.#notLoaded(request, code, message, retryable);
    if (request?.type === "undo" && code === "nothing_to_undo") return this.#again();
    if (request?.type === "click" && !request.taken) this.#points = this.#points.filter((one) => one !== request.about);
    this.#now.error = message;
    return this.#pump();
  }

  #notLoaded(request, code, message, retryable) {
    if (request.about !== this.#picture) return;
    const later = LATER.has(code) || message.startsWith("Model not loaded yet");
    if (later || retryable) this.#now.stage = later ? "loading" : "failed"; // what has failed a click tries again
    if (later) this.#timer = setTimeout(() => this.#offer(), AGAIN_MS);
    else if (retryable) this.fail(message);
    else this.#giveUp(message);
  }

  #closed(code) {
    this.#connection += 1;
    clearTimeout(this.#timer);
    this.#requests.clear();
    this.#before = null;
    this.#seq = -1;
    if (code === 1009 && this.#picture) {
      this.#now.error = tooHeavy(this.#picture.file.size);
      this.#drop();
    }
    this.#now.stage = this.#picture ? "absent" : "none";
    if (code === 4408) this.#now.link = "asleep";
    else if (this.#full) this.#now.link = "full";
    else if (this.#now.link !== "connecting") this.#now.link = "reconnecting";
    this.#full = false;
    this.#tell();
    return code !== 4408;
  }

  async #unopened() {
    if (!(await isTokenRefused(this.#token))) return;
    this.#now.link = "refused";
    this.#link.stop();
    this.#tell();
  }

  // ---- what is kept

  /** The request is answered, and so is what was asked before it. */
  #done(request) {
    if (!request) return;
    this.#requests.closeOlder(request);
    this.#requests.close(request);
  }

  #set(picture, points, result) {
    this.#picture = picture;
    this.#points = points;
    this.#result = result;
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#set(null, [], null);
    this.#now.stage = "none";
  }

  /** The server does not take the picture; it still has the one before. */
  #giveUp(words) {
    this.#drop();
    this.#now.error = words;
    if (!this.#before) return;
    this.#set(this.#before.picture, this.#before.points, this.#before.result);
    this.#before = null;
    this.#now.stage = "ready";
  }

  #awake() {
    this.#now.error = "";
    if (this.#now.link !== "asleep") return;
    this.#now.link = "reconnecting";
    this.#link.hurry();
  }

  #tell() {
    this.#changed(this.state);
  }
}
