/** The talk with the server: who is there, what was agreed on, and which answer belongs to which question. */

import { isTokenRefused } from "./address.js";
import { Requests } from "./requests.js";
import { parsed } from "./wire.js";

/** What a server takes that knows the seed's messages alone. */
const SEED = { points: true, boxes: false, masks: false, exemplars: false, text: false };
const FORMATS = ["bits", "png"];

/**
 * @typedef {object} Hearer
 * @property {() => void} agreed The server is there, and it is known what it can.
 * @property {(request: import("./requests.js").Request | undefined, message: import("./wire.js").Message) => unknown} heard
 * @property {(code: number) => void} lost
 * @property {() => void} changed
 */

export class Talk {
  #link;
  #token;
  /** @type {Hearer} */ #hearer;
  #chain = Promise.resolve();
  #full = false;
  requests = new Requests();
  /** Grows with each connection. */
  connection = 0;
  /** @type {import("./status.js").State["link"]} */ state = "connecting";
  session = "";
  extended = false;
  binary = false;
  limits = {};
  takes = SEED;
  threshold = 0.5;
  /** What the server has announced, in words. */
  notice = "";
  error = "";

  /** @param {import("./link.js").Link} link @param {string} token */
  constructor(link, token) {
    [this.#link, this.#token] = [link, token];
  }

  /** Connect, and stay connected. @param {Hearer} hearer */
  start(hearer) {
    this.#hearer = hearer;
    this.#link.start({
      received: (data) => this.#queue(data),
      closed: (code) => this.#closed(code),
      unopened: () => this.#unopened(),
    });
  }

  /**
   * Ask the server.
   *
   * @param {string} type @param {object} [fields] @param {object} [more] What the request is about.
   * @returns {import("./requests.js").Request}
   */
  ask(type, fields = {}, more = {}) {
    const request = this.requests.open(type, more);
    this.#link.send(JSON.stringify({ type, id: request.id, ...fields }));
    return request;
  }

  /** @param {string | Blob} data */
  send(data) {
    this.#link.send(data);
  }

  /** Make sure that the server is still there. */
  check() {
    if (this.extended) this.#link.check('{"type": "ping"}');
  }

  /** The user is back: what was announced, or went wrong, is seen. */
  wake() {
    this.error = this.notice = "";
    if (this.state !== "asleep") return;
    this.state = "reconnecting";
    this.#link.hurry();
  }

  /** @param {string | ArrayBuffer} data */
  #queue(data) {
    const { connection } = this;
    // One after another: masks take their time to unpack, and the newest has to stay.
    this.#chain = this.#chain.then(async () => {
      if (connection !== this.connection) return;
      try {
        await this.#take(parsed(data));
      } catch {
        this.error = "The server sent what this page does not understand. Reload the page.";
      }
      this.#hearer.changed();
    });
  }

  #take(message) {
    const request = this.requests.of(message);
    switch (message.type) {
      case "session_created":
        return this.#greet(message);
      case "welcome":
        return this.#agree(request, message);
      case "expiring":
        this.notice = `The session ends in ${Math.round(message.seconds)} s without an action; your work is kept here.`;
        return undefined;
      case "draining":
        this.notice = "The server is about to restart; the page then connects again.";
        return undefined;
      case "error":
        if (request?.type === "hello") return this.#agree(request, null);
        if (isFull(message)) this.#full = true;
        else return this.#hearer.heard(request, message);
        return undefined;
      default:
        return this.#hearer.heard(request, message);
    }
  }

  #greet({ session_id: session, limits }) {
    this.limits = limits ?? {};
    this.session = session;
    const wants = { mask_formats: FORMATS, binary: true, coalesce: true, progress: true };
    this.ask("hello", { protocol: 1, client: "page", ...wants });
  }

  /** @param {object | null} welcome Null from a server that knows the seed's messages alone. */
  #agree(request, welcome) {
    if (request) this.requests.close(request);
    this.extended = welcome !== null;
    this.binary = welcome?.binary ?? false;
    this.limits = welcome?.limits ?? this.limits;
    this.takes = welcome ? { ...SEED, ...welcome.capabilities } : SEED;
    this.threshold = welcome?.capabilities?.threshold ?? 0.5;
    this.state = "open";
    this.#link.settled();
    this.#hearer.agreed();
  }

  #closed(code) {
    this.connection += 1;
    this.requests.clear();
    this.notice = "";
    if (code === 4408) this.state = "asleep";
    else if (this.#full) this.state = "full";
    else if (this.state !== "connecting") this.state = "reconnecting";
    this.#full = false;
    this.#hearer.lost(code);
    return code !== 4408;
  }

  async #unopened() {
    if (!(await isTokenRefused(this.#token))) return;
    this.state = "refused";
    this.#link.stop();
    this.#hearer.changed();
  }
}

/** The seed's server has no codes. */
function isFull({ code, message }) {
  return code === "server_full" || message.startsWith("Server is full");
}
