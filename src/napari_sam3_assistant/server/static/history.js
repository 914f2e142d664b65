/** Steps that can be taken back and done again: what there was before each, as it was. */

const MOST_STEPS = 300;

/**
 * @template T
 * @typedef {object} Step
 * @property {T} state What there was before it, or after it once it was taken back.
 * @property {unknown} cause What the step is known by.
 */

/** @template T Of a frozen state. */
export class History {
  /** @type {Step<T>[]} */ #done = [];
  /** @type {Step<T>[]} */ #undone = [];

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** What the newest step is known by. */
  get newest() {
    return this.#done.at(-1)?.cause ?? null;
  }

  /** A step is made. @param {T} before @param {unknown} [cause] */
  add(before, cause = null) {
    this.#done = [...this.#done, { state: before, cause }].slice(-MOST_STEPS);
    this.#undone = [];
  }

  /** Return what there was before the newest step. @param {T} now @returns {T | null} */
  undo(now) {
    return moved(this.#done, this.#undone, now);
  }

  /** Return what there was after the step that was taken back last. @param {T} now @returns {T | null} */
  redo(now) {
    return moved(this.#undone, this.#done, now);
  }

  /** A step did not come about. @param {unknown} cause @param {(state: T) => T} without Takes it out of a state. */
  forget(cause, without) {
    const left = (steps) =>
      steps.filter((step) => step.cause !== cause).map((step) => ({ ...step, state: without(step.state) }));
    this.#done = left(this.#done);
    this.#undone = left(this.#undone);
  }
}

function moved(from, to, now) {
  const step = from.pop();
  if (!step) return null;
  to.push({ state: now, cause: step.cause });
  return step.state;
}
