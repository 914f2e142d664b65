/** The one line that says how things stand; it is green only if the server has the picture. */

const LINK = {
  connecting: "Connecting",
  reconnecting: "Connection lost, reconnecting. Your points are kept.",
  full: "Server full, trying again",
  asleep: "Session ended after a long pause. Click to go on.",
};
const STAGE = {
  none: ["idle", "Connected. Load an image to begin."],
  absent: ["busy", "Sending the picture"],
  sending: ["busy", "Sending the picture"],
  loading: ["busy", "The model is loading; the picture is sent when it is ready"],
};

/**
 * Return the line, and the kind of its sign.
 *
 * @param {import("./session.js").State} state
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

/** @param {import("./session.js").State["result"]} result @returns {string} */
function outcome(result) {
  if (result?.warning === "no_foreground_point") return "Ready. Now click on the object itself.";
  if (result && !result.mask.area) return "Ready. Nothing was found at these points.";
  return "Ready";
}
