/** One WebSocket after another: a lost connection is tried again, later and later. */

const FIRST_S = 0.5;
const MOST_S = 15;
const PATIENCE_MS = 10_000; // for the answer to a question that is answered at once

/**
 * @typedef {object} Listener
 * @property {(data: string | ArrayBuffer) => void} received
 * @property {(code: number) => boolean} closed Return whether to try again.
 * @property {() => void} unopened There was no handshake: the server is gone, or does not want this page.
 */

export class Link {
  #url;
  #protocols;
  /** @type {Listener} */ #listener;
  /** @type {WebSocket | null} */ #socket = null;
  #failures = 0;
  #timer = 0;
  #doubt = 0;

  /** @param {URL} url @param {string[]} protocols */
  constructor(url, protocols) {
    this.#url = url;
    this.#protocols = protocols;
  }

  /** @param {Listener} listener */
  start(listener) {
    this.#listener = listener;
    this.#connect();
  }

  /** Try now, unless there is a connection. */
  hurry() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** The server has answered: the next trouble is a new one. */
  settled() {
    this.#failures = 0;
  }

  /** @param {string | Blob} data Dropped where there is no connection: all is said again to the next one. */
  send(data) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(data);
  }

  /**
   * Ask whether anybody is there: a cable that was pulled closes no connection. Silence loses it.
   *
   * @param {string} question One that the server answers at once.
   */
  check(question) {
    if (this.#doubt || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.send(question);
    this.#doubt = setTimeout(() => {
      this.#doubt = 0;
      if (this.#socket?.bufferedAmount) this.check(question); // a picture is still on its way, and the question behind it
      else this.#lose();
    }, PATIENCE_MS);
  }

  /** End the connection for good. */
  stop() {
    clearTimeout(this.#timer);
    this.#trust();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  #connect() {
    const socket = new WebSocket(this.#url, this.#protocols);
    let opened = false;
    this.#socket = socket;
    socket.onopen = () => {
      opened = true;
    };
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#trust();
      this.#listener.received(data);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      this.#trust();
      this.#socket = null;
      if (this.#listener.closed(code)) this.#wait();
      if (!opened) this.#listener.unopened();
    };
  }

  #trust() {
    clearTimeout(this.#doubt);
    this.#doubt = 0;
  }

  /** Nobody answers: what would close the connection properly may take minutes. */
  #lose() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    if (this.#listener.closed(1006)) this.#wait();
  }

  #wait() {
    // Anything between nothing and the longest wait, so that many pages do not come back at once.
    const most = Math.min(MOST_S, FIRST_S * 2 ** this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), Math.random() * most * 1000);
  }
}
