/** Puts the parts together: what the user does goes to the session, and its state to what is seen. */

import { protocols, socketUrl, takeToken } from "./address.js";
import { Surface } from "./canvas.js";
import { watchFiles } from "./intake.js";
import { Link } from "./link.js";
import { PictureError, pictureOf } from "./picture.js";
import { pngOf } from "./png.js";
import { watchPointing } from "./pointing.js";
import { Session } from "./session.js";
import { isWaiting } from "./status.js";
import { View } from "./view.js";
import { watchZoom } from "./zoom.js";

const SAMPLE = "static/sample.jpg";
const DOUBT_MS = 10_000; // after so long without an answer the page asks whether the server is there
const byId = (id) => document.getElementById(id);
const [canvas, overlayShown] = [byId("canvas"), byId("overlay-shown")];

const view = new View();
const surface = new Surface(byId("frame"), byId("sheet"), byId("picture"), canvas);
const token = takeToken();
const link = new Link(socketUrl(), protocols(token));
const session = new Session(link, token, show);

/** @param {import("./status.js").State} state */
function show(state) {
  view.show(state);
  const objects = [{ id: 1, name: "Object 1", color: "#1e7bff", hidden: false, points: state.points, box: null, phrase: "", result: state.result }];
  surface.show({ picture: state.picture, objects, selected: 1, overlay: overlayShown.checked });
}

/** @param {Blob} file */
async function open(file) {
  try {
    session.use(await pictureOf(file));
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    session.fail(error.message);
  }
}

async function openSample() {
  try {
    const answer = await fetch(SAMPLE);
    if (!answer.ok) throw new TypeError(answer.statusText);
    open(new File([await answer.blob()], "sample.jpg", { type: "image/jpeg" }));
  } catch {
    session.fail("The sample could not be fetched. Is the server running?");
  }
}

async function save() {
  const { result, picture } = session.state;
  if (!result) return;
  const url = URL.createObjectURL(await pngOf(result.mask));
  Object.assign(document.createElement("a"), { href: url, download: `${picture.name}-mask.png` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function showOrHideMask() {
  overlayShown.checked = !overlayShown.checked;
  show(session.state);
}

const KEYS = {
  l: () => byId("file").click(),
  r: () => session.reset(),
  s: save,
  m: showOrHideMask,
};

addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const held = event.ctrlKey || event.metaKey;
  if (held && key === "z" && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    session.undo();
  } else if (!held && !event.altKey && !event.repeat && KEYS[key]) {
    KEYS[key]();
  }
});

byId("load").addEventListener("click", () => byId("file").click());
byId("undo").addEventListener("click", () => session.undo());
byId("reset").addEventListener("click", () => session.reset());
byId("clear").addEventListener("click", () => session.clear());
byId("save").addEventListener("click", save);
byId("sample").addEventListener("click", openSample);
overlayShown.addEventListener("change", () => show(session.state));
addEventListener("online", () => link.hurry());
addEventListener("offline", () => session.check()); // a server on this machine is there all the same
setInterval(() => isWaiting(session.state) && session.check(), DOUBT_MS);
addEventListener("pagehide", () => link.stop());
// A page that comes back from the browser's memory has lost its connection.
addEventListener("pageshow", ({ persisted }) => persisted && link.hurry());

watchFiles(byId("file"), byId("frame"), open);
watchPointing(canvas, surface, {
  size: () => session.state.picture,
  tool: () => "object",
  point: (point) => session.add(point),
  box() {},
  hover() {},
});
watchZoom(byId("zoom"), surface.viewport);
session.start();
