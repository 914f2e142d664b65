/** The one line that says how things stand; it is green only if the server has the picture. */

/**
 * @typedef {object} State What the page shows.
 * @property {"connecting" | "open" | "reconnecting" | "full" | "asleep" | "refused"} link
 * @property {"none" | "absent" | "sending" | "encoding" | "loading" | "failed" | "ready"} stage Of the picture, on the server.
 * @property {number | null} position In the queue for encoding.
 * @property {boolean} busy
 * @property {import("./picture.js").Picture | null} picture
 * @property {import("./session.js").Point[]} points
 * @property {{mask: import("./mask.js").Mask, score: number, warning: string} | null} result
 * @property {string} session
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
  const { link, stage, position, busy, points, result } = state;
  if (link !== "open") return [link, LINK[link]];
  if (stage === "encoding") {
    return ["encoding", position ? `Waiting for others: ${position} before this picture` : "Encoding the picture"];
  }
  if (stage !== "ready") return STAGE[stage];
  if (busy) return ["busy", "Segmenting"];
  return ["ready", points.length ? outcome(result) : "Ready. Click on an object."];
}

/** @param {State} state @returns {boolean} Whether the server owes an answer. */
export function isWaiting({ link, stage, busy }) {
  return link === "open" && (busy || stage === "encoding");
}

/** @param {State["result"]} result @returns {string} */
function outcome(result) {
  if (result?.warning === "no_foreground_point") return "Ready. Now click on the object itself.";
  if (result && !result.mask.area) return "Ready. Nothing was found there.";
  return "Ready";
}
