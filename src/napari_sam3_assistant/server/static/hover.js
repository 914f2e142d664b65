/** Says where a mouse rests on the picture, or moves so slowly that it looks for something. */

const REST_MS = 120;
const SLOW_PX_PER_MS = 0.12;
const EVERY_MS = 60; // how often a slow mouse is told of
const AWAY_PX = 24; // so far from where it rested, what was said there is no longer of use

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./canvas.js").Surface} surface
 * @param {(pixel: {x: number, y: number} | null) => void} hover
 * @param {() => boolean} isPressed Whether anything is down.
 */
export function watchHover(canvas, surface, hover, isPressed) {
  let timer = 0;
  let last = null;
  let told = null;

  const tell = ({ clientX, clientY }) => {
    if (isPressed() || !surface.isOn(clientX, clientY)) return forget();
    told = { clientX, clientY, at: performance.now() };
    hover(surface.pixelAt(clientX, clientY));
  };
  const forget = () => {
    clearTimeout(timer);
    if (told) hover(null);
    told = null;
  };

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch" || isPressed()) return forget();
    const at = performance.now();
    const speed = last ? distance(event, last) / Math.max(at - last.at, 1) : Infinity;
    last = { clientX: event.clientX, clientY: event.clientY, at };
    clearTimeout(timer);
    timer = setTimeout(tell, REST_MS, last);
    if (told && distance(told, last) > AWAY_PX) hover(null);
    if (speed < SLOW_PX_PER_MS && (!told || at - told.at > EVERY_MS)) tell(last);
  });
  canvas.addEventListener("pointerdown", forget);
  canvas.addEventListener("pointerleave", () => {
    last = null;
    forget();
  });
}

function distance(one, other) {
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
}
