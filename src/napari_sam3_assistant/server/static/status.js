/** The one line that says how things stand; it is green only if the server has the picture. */

/**
 * @typedef {object} State What the page shows.
 * @property {"connecting" | "open" | "reconnecting" | "full" | "asleep" | "refused"} link
 * @property {"none" | "absent" | "sending" | "encoding" | "loading" | "failed" | "ready"} stage Of the picture, on the server.
 * @property {number | null} position In the queue for encoding.
 * @property {boolean} busy
 * @property {import("./picture.js").Picture | null} picture
 * @property {import("./items.js").Item[]} objects One is always there.
 * @property {number} selected The id of one of them.
 * @property {import("./items.js").Box[]} exemplars Examples that were drawn and not asked about yet.
 * @property {{mask: import("./mask.js").Mask, x: number, y: number} | null} preview
 * @property {boolean} extended Whether the server speaks more than the seed's messages.
 * @property {{points: boolean, boxes: boolean, masks: boolean, exemplars: boolean, text: boolean}} takes
 * @property {object} limits What the server takes.
 * @property {boolean} canUndo
 * @property {boolean} canRedo
 * @property {{words: string, again: boolean, usual: number}} finding What was found, in words, and the engine's usual score.
 * @property {string} session
 * @property {string} notice What the server has announced; empty where it has not.
 * @property {string} error For the user; empty where there is none.
 */

const LINK = {
  connecting: "Connecting",
  reconnecting: "Connection lost, reconnecting. Your points are kept.",
  full: "Server full, trying again",
  asleep: "Session ended after a long pause. Click to go on.",
  refused: "The token is missing or wrong: open the address that the server printed, with #token= and the token behind it.",
};
const STAGE = {
  none: ["idle", "Connected. Load an image to begin."],
  absent: ["busy", "Sending the picture"],
  sending: ["busy", "Sending the picture"],
  loading: ["busy", "The model is loading; the picture is sent when it is ready"],
  failed: ["idle", "The server does not have the picture. Click on it to try again."],
};

/**
 * Return the line, and the kind of its sign.
 *
 * @param {State} state
 * @returns {[kind: string, words: string]}
 */
export function status(state) {
  const { link, stage, position, busy, notice } = state;
  if (link !== "open") return [link, LINK[link]];
  if (stage === "encoding") {
    return ["encoding", position ? `Waiting for others: ${position} before this picture` : "Encoding the picture"];
  }
  if (stage !== "ready") return STAGE[stage];
  if (busy) return ["busy", "Segmenting"];
  return ["ready", notice || outcome(state)];
}

/** @param {State} state @returns {boolean} Whether the server owes an answer. */
export function isWaiting({ link, stage, busy }) {
  return link === "open" && (busy || stage === "encoding");
}

/** @param {State} state @returns {string} */
function outcome({ objects, selected }) {
  const { points, result } = objects.find(({ id }) => id === selected);
  if (!points.length && !result) return "Ready. Click on an object.";
  if (result?.warning === "no_foreground_point") return "Ready. Now click on the object itself.";
  if (result && !result.mask.area) return "Ready. Nothing was found there.";
  return "Ready";
}
