/** Puts the parts together: what the user does goes to the session, and its state to what is seen. */

import { protocols, socketUrl, takeToken } from "./address.js";
import { Surface } from "./canvas.js";
import { watchFiles } from "./intake.js";
import { watchKeys, watchSheet } from "./keys.js";
import { Link } from "./link.js";
import { Panel } from "./panel.js";
import { PictureError, pictureOf } from "./picture.js";
import { pngOf } from "./png.js";
import { watchPointing } from "./pointing.js";
import { Search } from "./search.js";
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
const panel = new Panel({
  create: () => session.create(),
  select: (id) => session.select(id),
  remove: (id) => session.remove(id),
  dress: (id, look) => session.dress(id, look),
  choose: (id, index) => session.choose(id, index),
});
const search = new Search({
  find: (text, threshold) => session.find(text, threshold),
  threshold: (threshold) => session.threshold(threshold),
  clearExemplars: () => session.clearExemplars(),
});

/** @param {import("./status.js").State} state */
function show(state) {
  view.show(state);
  panel.show(state);
  search.show(state);
  const { picture, objects, selected, exemplars, preview } = state;
  const looks = { overlay: overlayShown.checked, opacity: Number(byId("opacity").value) / 100 };
  surface.show({ picture, objects, selected, exemplars, preview: preview?.mask ?? null, ...looks });
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
  const { picture, objects, selected } = session.state;
  const { result } = objects.find(({ id }) => id === selected);
  if (!result) return;
  const url = URL.createObjectURL(await pngOf(result.mask));
  Object.assign(document.createElement("a"), { href: url, download: `${picture.name}-mask.png` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function showOrHideMask() {
  overlayShown.checked = !overlayShown.checked;
  show(session.state);
}

watchKeys({
  "^z": () => session.undo(),
  "^Z": () => session.redo(),
  "^y": () => session.redo(),
  l: () => byId("file").click(),
  r: () => session.reset(),
  s: save,
  m: showOrHideMask,
  n: () => session.create(),
  "[": () => panel.step(-1),
  "]": () => panel.step(1),
  ",": () => panel.read(-1),
  ".": () => panel.read(1),
  e: () => search.turn(),
  "/": () => search.focus(),
  "?": () => byId("keys-shown").click(),
});
watchSheet(byId("keys-sheet"), byId("keys-shown"));

byId("load").addEventListener("click", () => byId("file").click());
byId("undo").addEventListener("click", () => session.undo());
byId("redo").addEventListener("click", () => session.redo());
byId("reset").addEventListener("click", () => session.reset());
byId("clear").addEventListener("click", () => session.clear());
byId("save").addEventListener("click", save);
byId("sample").addEventListener("click", openSample);
for (const one of [overlayShown, byId("opacity")]) one.addEventListener("input", () => show(session.state));
byId("hover-shown").addEventListener("change", () => session.hover(null));
addEventListener("online", () => link.hurry());
addEventListener("offline", () => session.check()); // a server on this machine is there all the same
setInterval(() => isWaiting(session.state) && session.check(), DOUBT_MS);
addEventListener("pagehide", () => link.stop());
// A page that comes back from the browser's memory has lost its connection.
addEventListener("pageshow", ({ persisted }) => persisted && link.hurry());

watchFiles(byId("file"), byId("frame"), open);
watchPointing(canvas, surface, {
  size: () => session.state.picture,
  tool: () => search.tool,
  point: (point) => session.add(point),
  box: (box) => (search.tool === "example" ? session.addExemplar(box) : session.box(box)),
  hover: (pixel) => session.hover(byId("hover-shown").checked ? pixel : null),
});
watchZoom(byId("zoom"), surface.viewport);
session.start();
