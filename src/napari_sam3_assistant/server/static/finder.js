/** Finds all objects that words or examples mean, and again with another threshold. */

import { maskOf } from "./mask.js";

/**
 * @typedef {object} Question
 * @property {string} text
 * @property {import("./items.js").Box[]} exemplars
 */

export class Finder {
  #talk;
  #found;
  /** @type {Question | null} */ #question = null;
  #id = "";
  #wanted = 0;
  #words = "";

  /**
   * @param {import("./talk.js").Talk} talk
   * @param {(found: object[], question: Question) => number} found Return how many objects there are of it now.
   */
  constructor(talk, found) {
    [this.#talk, this.#found] = [talk, found];
  }

  /** What was found, in words; and whether another threshold may be applied to it. */
  get state() {
    return { words: this.#words, again: this.#question !== null };
  }

  /** @param {string} text @param {import("./items.js").Box[]} exemplars @param {number} threshold */
  ask(text, exemplars, threshold) {
    this.#id = "";
    this.#question = { text, exemplars };
    this.#ask(threshold);
  }

  /** Apply another threshold; the newest one counts. @param {number} threshold */
  again(threshold) {
    if (this.#question) this.#ask(threshold);
  }

  /** Another picture is worked on. */
  forget() {
    [this.#question, this.#id, this.#words] = [null, "", ""];
  }

  /** @param {object} request @param {object} message @param {{width: number, height: number}} picture */
  async heard(request, { find_id: id, objects, threshold }, picture) {
    if (!request) return;
    const { question } = request;
    this.#talk.requests.close(request);
    if (question !== this.#question || !picture) return;
    this.#id = id ?? this.#id;
    const masks = await Promise.all(objects.map((one) => maskOf(one, picture)));
    if (question !== this.#question) return;
    const name = question.text || "example";
    const found = objects.map((one, at) => ({ mask: masks[at], score: one.score ?? null, name: one.name ?? name }));
    this.#say(found.length, this.#found(found, question), threshold);
    if (this.#wanted !== request.threshold) this.#ask(this.#wanted);
  }

  /** @param {object} request @param {object} message */
  refused(request, { code, message }) {
    if (request.question !== this.#question) return;
    if (code === "not_found" && this.#id) {
      this.#id = ""; // the server has given up what it kept, and is asked as for the first time
      this.#ask(this.#wanted);
      return;
    }
    this.forget();
    this.#talk.error = message;
  }

  #ask(threshold) {
    this.#wanted = threshold;
    const waits = this.#talk.requests.some(({ type, question }) => type === "find" && question === this.#question);
    if (waits) return; // its answer asks again
    const { text, exemplars } = this.#question;
    const kept = this.#id ? { find_id: this.#id } : { ...(text ? { text } : {}), exemplars, keep: true };
    this.#words = "Looking for it";
    this.#talk.ask("find", { ...kept, threshold }, { question: this.#question, threshold });
  }

  #say(found, count, threshold) {
    const share = `score of ${Math.round(threshold * 100)} % or more`;
    if (!found) this.#words = `Nothing was found with a ${share}. Try a lower score, or another word.`;
    else if (count < found) this.#words = `${found} found; the ${count} best are shown, as many as the server takes.`;
    else this.#words = `${found} found with a ${share}.`;
  }
}
