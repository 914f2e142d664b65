/** Puts the parts together: what the user does goes to the session, and its state to what is seen. */

import { protocols, socketUrl, takeToken } from "./address.js";
import { Camera } from "./camera.js";
import { Surface } from "./canvas.js";
import { Downloads } from "./downloads.js";
import { watchFiles } from "./intake.js";
import { Link } from "./link.js";
import { watchPointing } from "./pointing.js";
import { Session } from "./session.js";
import { Shelf } from "./shelf.js";
import { isWaiting } from "./status.js";
import { View } from "./view.js";

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
  limits: () => session.limits,
  redraw: () => show(session.state),
});
const camera = new Camera(byId("camera-sheet"), byId("camera-app"), (photo) => shelf.open([photo]));
const downloads = new Downloads(byId("downloads"), () => session.state, (words) => session.fail(words));

/** @param {import("./status.js").State} state */
function show(state) {
  view.show(state);
  shelf.show(state);
  downloads.show();
  const mask = overlayShown.checked ? (state.result?.mask ?? null) : null;
  surface.show({ picture: state.picture, points: state.points, mask });
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

const save = () => downloads.save("mask");

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
byId("camera").addEventListener("click", () => camera.open());
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

watchFiles(byId("file"), byId("frame"), (files) => shelf.open(files));
watchPointing(canvas, surface, () => session.state.picture, (point) => session.add(point));
session.start();
