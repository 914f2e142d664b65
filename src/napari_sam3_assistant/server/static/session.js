/**
 * The work on pictures with a server. What the user has said is kept here and told to each new connection; a server
 * that knows no `hello` is spoken to in the seed's messages alone.
 */

import { Board, awaits } from "./board.js";
import { Finder } from "./finder.js";
import { isEmpty } from "./items.js";
import { Known } from "./known.js";
import { maskOf } from "./mask.js";
import { Preview } from "./preview.js";
import { Stage } from "./stage.js";
import { Talk } from "./talk.js";

/**
 * @typedef {import("./items.js").Item} Item
 * @typedef {import("./items.js").Point} Point
 * @typedef {import("./items.js").Box} Box
 */

const MOST_WAITING = 8; // questions without an answer; later ones wait here
const SEED_ALONE = "This server keeps one object and takes points only.";

export class Session {
  #talk;
  #stage;
  #finder;
  #preview;
  #changed;
  #known = new Known();
  /** @type {WeakMap<import("./picture.js").Picture, Board>} Each picture keeps its objects. */
  #boards = new WeakMap();
  #board = new Board();
  /** Whether the server did not take what there is; it is tried again with the next action. */
  #stuck = false;

  /** @param {import("./link.js").Link} link @param {string} token @param {(state: import("./status.js").State) => void} changed */
  constructor(link, token, changed) {
    this.#changed = changed;
    this.#talk = new Talk(link, token);
    this.#stage = new Stage(this.#talk, {
      shows: (picture) => this.#shows(picture),
      ready: () => this.#tellAll(),
      changed: () => this.#tell(),
    });
    this.#finder = new Finder(this.#talk, (found, question) => this.#found(found, question));
    this.#preview = new Preview(this.#talk, () => this.#numbered());
  }

  /** Connect, and stay connected. */
  start() {
    this.#talk.start({
      agreed: () => {
        if (this.#talk.extended) this.#talk.ask("set", { multimask: true });
        this.#stage.agreed();
      },
      heard: (request, message) => this.#heard(request, message),
      lost: (code) => {
        this.#preview.clear();
        this.#stage.lost(code);
        this.#tell();
      },
      changed: () => this.#tell(),
    });
    this.#tell();
  }

  /** @returns {import("./status.js").State} */
  get state() {
    const [talk, stage, board] = [this.#talk, this.#stage, this.#board];
    const lacking = stage.stage === "ready" && !this.#stuck && board.items.some((item) => this.#known.lacks(item));
    const { state: link, session, error, extended, takes, notice, limits } = talk;
    return {
      ...{ link, session, error, extended, takes, notice, limits },
      ...{ stage: stage.stage, position: stage.position, picture: stage.picture },
      busy: talk.requests.computing || lacking,
      objects: board.items.map((item) => this.#seen(item)),
      selected: board.selected.id,
      exemplars: board.exemplars,
      preview: this.#preview.shown,
      canUndo: board.canUndo,
      canRedo: board.canRedo,
      finding: { ...this.#finder.state, usual: talk.threshold },
    };
  }

  // ---- what the user does with pictures

  /** Work on a picture from now on. @param {import("./picture.js").Picture} picture */
  use(picture) {
    this.#act(() => this.#stage.use(picture));
  }

  /** Put the picture away, and what was said about it. */
  clear() {
    const { picture } = this.#stage;
    if (!picture) return; // why it was not taken is still to be read
    this.#act(() => {
      this.#boards.delete(picture);
      this.#stage.clear();
    });
  }

  /** Forget what was said about a picture that is not shown. @param {import("./picture.js").Picture} picture */
  forget(picture) {
    if (picture === this.#stage.picture) this.clear();
    else this.#boards.delete(picture);
  }

  // ---- what the user says

  /** @param {import("./items.js").Point} point */
  add({ x, y, label }) {
    if (!this.#stage.picture) return;
    const point = { x, y, label, sent: true };
    this.#step(() => this.#board.say({ points: [...this.#board.selected.points, point] }, point));
  }

  /** Set the box round the selected object. @param {import("./items.js").Box} box */
  box({ x1, y1, x2, y2 }) {
    if (!this.#stage.picture) return undefined;
    if (!this.#talk.takes.boxes) return this.fail(`${this.#lack("boxes")} Click on the object.`);
    return this.#step(() => this.#board.say({ box: { x1, y1, x2, y2, label: 1 } }));
  }

  /** Show what an example is. @param {import("./items.js").Box} box */
  addExemplar({ x1, y1, x2, y2, label }) {
    if (!this.#stage.picture) return undefined;
    if (!this.#talk.takes.exemplars) return this.fail(this.#lack("examples"));
    return this.#step(() => this.#board.addExemplar({ x1, y1, x2, y2, label: label ?? 1 }));
  }

  clearExemplars() {
    this.#step(() => this.#board.clearExemplars());
  }

  /** Find all that words or the examples mean. @param {string} text @param {number} threshold */
  find(text, threshold) {
    this.#act(() => {
      if (this.#stage.stage === "ready") this.#finder.ask(text, this.#board.exemplars, threshold);
    });
  }

  /** Apply another threshold to what was found. @param {number} threshold */
  threshold(threshold) {
    this.#act(() => this.#stage.stage === "ready" && this.#finder.again(threshold));
  }

  undo() {
    if (this.#board.canUndo) this.#step(() => this.#board.undo());
  }

  redo() {
    if (this.#board.canRedo) this.#step(() => this.#board.redo());
  }

  /** Forget all objects; the picture stays. */
  reset() {
    this.#step(() => this.#board.reset());
  }

  // ---- what the user does with objects

  /** Begin another object. */
  create() {
    if (!this.#talk.extended && !isEmpty(this.#board.selected)) return this.fail(SEED_ALONE);
    if (this.#board.items.length >= this.#most && !this.#board.items.some(isEmpty)) {
      return this.fail(`There are ${this.#most} objects, as many as the server takes. Delete one first.`);
    }
    return this.#step(() => this.#board.create());
  }

  /** @param {number} id */
  select(id) {
    this.#preview.clear();
    this.#board.select(id);
    this.#tell();
  }

  /** @param {number} id */
  remove(id) {
    this.#step(() => this.#board.remove(id));
  }

  /** Name an object, or hide it. @param {number} id @param {{name?: string, hidden?: boolean}} look */
  dress(id, look) {
    this.#board.dress(id, look);
    this.#tell();
  }

  /** Take another reading of the selected object. @param {number} index */
  choose(id, index) {
    this.#act(() => this.#board.choose(id, index));
  }

  /** Show what a click would find. @param {{x: number, y: number} | null} pixel */
  hover(pixel) {
    if (this.#stage.stage === "ready" && this.#talk.extended && pixel) this.#preview.ask(pixel);
    else if (this.#preview.clear()) this.#tell();
  }

  /** Show what went wrong. @param {string} words For the user. */
  fail(words) {
    this.#talk.error = words;
    this.#tell();
  }

  /** Make sure that the server is still there. */
  check() {
    this.#talk.check();
  }

  // ---- what the server is told

  #act(action) {
    this.#talk.wake();
    action();
    this.#tell();
  }

  #step(action) {
    this.#act(() => {
      this.#preview.clear();
      action();
      if (this.#stage.stage === "failed") this.#stage.offer();
      else if (this.#stuck && this.#stage.stage === "ready") this.#tellAll();
      else this.#pump();
    });
  }

  /** The server has the picture, and is told everything. */
  #tellAll() {
    this.#stuck = false;
    this.#known.begin(this.#talk.extended, this.#talk.takes.masks);
    const telling = this.#known.restoring(this.#board.items);
    const versions = new Map(this.#board.items.map(({ id, version }) => [id, version]));
    if (telling) this.#talk.ask(telling.type, telling.fields, { versions });
    this.#pump();
  }

  /** Tell the server what it lacks, a few questions at a time. */
  #pump() {
    while (this.#stage.stage === "ready" && !this.#stuck && this.#talk.requests.prompts < MOST_WAITING) {
      const telling = this.#known.next(this.#board.items);
      if (!telling) return;
      const { type, fields, item: id, point } = telling;
      const item = this.#board.item(id);
      const quiet = Boolean(item) && this.#known.lacks(item); // another message about it follows at once
      this.#talk.ask(type, fields, { item: id, point, quiet, version: item?.version });
    }
  }

  /** Return the server's number of the selected object; where it has none yet, one is asked for. */
  #numbered() {
    const { id } = this.#board.selected;
    const begun = this.#known.number(id);
    if (begun) this.#talk.ask(begun.type, begun.fields, { item: id });
    return this.#known.numberOf(id);
  }

  // ---- what comes back

  async #heard(request, message) {
    const { requests } = this.#talk;
    switch (message.type) {
      case "segmentation_result":
        return this.#answered(request, message);
      case "candidates":
        return this.#finder.heard(request, message, this.#stage.picture);
      case "preview":
        return this.#preview.heard(request, message, this.#stage.picture);
      case "error":
        return this.#refused(request, message);
      case "object_created":
        this.#known.created(message.object_id);
        break;
      case "point_added":
      case "box_added":
      case "mask_added":
        if (request) request.taken = true;
        return undefined;
      case "point_removed":
      case "state":
        if (request) request.taken = true;
        return request && requests.closeOlder(request);
      case "points_cleared":
        if (request) requests.closeOlder(request);
        break;
      case "image_loaded":
      case "image_needed":
      case "progress":
        return this.#stage.heard(request, message);
      default: // what is not known is ignored, as the protocol asks; what ends a question ends it
        if (!["superseded", "cancelled", "object_selected", "options"].includes(message.type)) return undefined;
    }
    if (request) requests.close(request);
    return this.#pump();
  }

  async #answered(request, message) {
    if (!request) return;
    const whole = request.type === "restore"; // which is answered by a result for each object
    const id = whole ? this.#known.itemOf(message.object_id) : request.item;
    const version = whole ? request.versions.get(id) : request.version;
    if (!whole) this.#talk.requests.close(request);
    this.#pump();
    const [{ picture }, { connection }] = [this.#stage, this.#talk];
    if (request.quiet || !picture || !awaits(this.#board.item(id), version)) return;
    const board = this.#board;
    const result = await resultOf(message, picture);
    if (connection === this.#talk.connection) board.answer(id, version, result);
  }

  #refused(request, message) {
    if (request) this.#talk.requests.close(request);
    if (request?.type === "init") return this.#stage.refused(request, message);
    if (request?.type === "find") return this.#finder.refused(request, message);
    if (request?.type === "hover") return undefined;
    if (request && !request.taken) this.#untake(request);
    this.#talk.error = message.message;
    return this.#pump();
  }

  /** What was refused was never said. */
  #untake({ type, item: id, point }) {
    if (type === "click") {
      this.#board.forget(point);
      this.#known.forget(id, point);
    } else if (["box", "mask_prompt", "reset", "remove_point", "new_object", "restore"].includes(type)) {
      this.#stuck = true;
    }
  }

  #found(found, question) {
    const count = this.#board.find(found, question, this.#most);
    this.#pump();
    return count;
  }

  // ---- what is kept

  get #most() {
    return this.#talk.extended ? (this.#talk.limits.objects ?? 50) : 1;
  }

  /** @param {import("./picture.js").Picture | null} picture */
  #shows(picture) {
    this.#preview.clear();
    this.#finder.forget();
    if (picture && !this.#boards.has(picture)) this.#boards.set(picture, new Board());
    this.#board = picture ? this.#boards.get(picture) : new Board();
  }

  #seen(item) {
    if (this.#stage.stage === "ready" && !this.#known.lacks(item)) return item;
    const told = this.#stage.stage === "ready" ? this.#known.pointsOf(item.id) : 0;
    return { ...item, points: item.points.map((point, at) => ({ ...point, sent: at < told })) };
  }

  #lack(kind) {
    return this.#talk.extended ? `This server's engine takes no ${kind}.` : SEED_ALONE;
  }

  #tell() {
    this.#changed(this.state);
  }
}

/** @returns {Promise<import("./items.js").Result>} */
async function resultOf(message, picture) {
  const mask = await maskOf(message, picture);
  const others = await Promise.all((message.candidates ?? []).map((one) => maskOf(one, picture)));
  const scores = (message.candidates ?? []).map(({ score }) => score ?? null);
  const candidates = [{ mask, score: message.score }, ...others.map((one, at) => ({ mask: one, score: scores[at] }))];
  const several = candidates.length > 1 ? candidates : [];
  return { mask, score: message.score, warning: message.warning ?? "", candidates: several, chosen: 0 };
}
