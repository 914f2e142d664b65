/** Puts the parts together: what the user does goes to the session, and its state to what is seen. */

import { protocols, socketUrl, takeToken } from "./address.js";
import { Camera } from "./camera.js";
import { Surface } from "./canvas.js";
import { Downloads } from "./downloads.js";
import { keepFocus } from "./focus.js";
import { watchFiles } from "./intake.js";
import { watchKeys, watchSheet } from "./keys.js";
import { Link } from "./link.js";
import { Panel } from "./panel.js";
import { watchPointing } from "./pointing.js";
import { Search } from "./search.js";
import { Session } from "./session.js";
import { Shelf } from "./shelf.js";
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
const shelf = new Shelf(byId("strip"), byId("note"), {
  use: (picture) => session.use(picture),
  forget: (picture) => session.forget(picture),
  clear: () => session.clear(),
  fail: (words) => session.fail(words),
  limits: () => session.state.limits,
  redraw: () => show(session.state),
});
const camera = new Camera(byId("camera-sheet"), byId("camera-app"), (photo) => shelf.open([photo]));
const downloads = new Downloads(byId("downloads"), () => session.state, (words) => session.fail(words));
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
  shelf.show(state);
  downloads.show(state);
  panel.show(state);
  search.show(state);
  const { picture, objects, selected, exemplars, preview } = state;
  const looks = { overlay: overlayShown.checked, opacity: Number(byId("opacity").value) / 100 };
  surface.show({ picture, objects, selected, exemplars, preview: preview?.mask ?? null, ...looks });
  keepFocus([canvas, byId("load")]);
}

async function openSample() {
  try {
    const answer = await fetch(SAMPLE);
    if (!answer.ok) throw new TypeError(answer.statusText);
    shelf.open([new File([await answer.blob()], "sample.jpg", { type: "image/jpeg" })]);
  } catch {
    session.fail("The sample could not be fetched. Is the server running?");
  }
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
  s: () => downloads.save("mask"),
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
byId("camera").addEventListener("click", () => camera.open());
byId("undo").addEventListener("click", () => session.undo());
byId("redo").addEventListener("click", () => session.redo());
byId("reset").addEventListener("click", () => session.reset());
byId("clear").addEventListener("click", () => session.clear());
byId("sample").addEventListener("click", openSample);
for (const one of [overlayShown, byId("opacity")]) one.addEventListener("input", () => show(session.state));
byId("hover-shown").addEventListener("change", () => session.hover(null));
addEventListener("online", () => link.hurry());
addEventListener("offline", () => session.check()); // a server on this machine is there all the same
setInterval(() => isWaiting(session.state) && session.check(), DOUBT_MS);
addEventListener("pagehide", () => link.stop());
// A page that comes back from the browser's memory has lost its connection.
addEventListener("pageshow", ({ persisted }) => persisted && link.hurry());

watchFiles(byId("file"), byId("frame"), (files) => shelf.open(files));
watchPointing(canvas, surface, {
  size: () => session.state.picture,
  tool: () => search.tool,
  point: (point) => session.add(point),
  box: (box) => (search.tool === "example" ? session.addExemplar(box) : session.box(box)),
  hover: (pixel) => session.hover(byId("hover-shown").checked ? pixel : null),
});
watchZoom(byId("zoom"), surface.viewport);
session.start();
