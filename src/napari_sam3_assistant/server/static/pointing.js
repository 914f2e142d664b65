/** Turns mouse, pen, finger and keys on the picture into points. */

const HOLD_MS = 500;
const STILL_PX = 10; // a press that moves farther is none
const TWICE_MS = 300; // a second press of a double click says nothing new
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LABELS = { Enter: 1, " ": 1, Delete: 0, Backspace: 0 };

/**
 * Watch a canvas.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {import("./canvas.js").Surface} surface
 * @param {() => {width: number, height: number} | null} size Of the picture.
 * @param {(point: {x: number, y: number, label: 0 | 1}) => void} pointed
 */
export function watchPointing(canvas, surface, size, pointed) {
  watchPresses(canvas, surface, pointed);
  watchKeys(canvas, surface, size, pointed);
}

function watchPresses(canvas, surface, pointed) {
  let press = null;
  let last = null;

  const isSecond = (next) =>
    last?.label === next.label && next.start - last.start < TWICE_MS && distance(last, next) < STILL_PX / 2;

  const end = () => {
    if (press?.frame) cancelAnimationFrame(press.frame);
    press = null;
    surface.show({ hold: null });
  };
  const resting = () => {
    const part = (performance.now() - press.start) / HOLD_MS;
    if (part < 1) {
      // Not from the start: a tap shall not flash.
      if (part > 0.2) surface.show({ hold: { ...press.pixel, part } });
      press.frame = requestAnimationFrame(resting);
      return;
    }
    const { pixel } = press;
    end();
    navigator.vibrate?.(20);
    pointed({ ...pixel, label: 0 });
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button === 1) return end();
    const { pointerId, clientX, clientY, pointerType } = event;
    const label = event.button === 2 || event.ctrlKey ? 0 : 1; // a Mac's right click may be Ctrl and the button
    press = { pointerId, clientX, clientY, label, pixel: surface.pixelAt(clientX, clientY), start: performance.now() };
    canvas.setPointerCapture(pointerId);
    surface.show({ cross: null });
    if (pointerType === "touch") press.frame = requestAnimationFrame(resting);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (press?.pointerId !== event.pointerId) return;
    if (distance(event, press) > STILL_PX) end();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (press?.pointerId !== event.pointerId) return;
    const [again, { pixel, label }] = [isSecond(press), press];
    last = press;
    end();
    if (!again) pointed({ ...pixel, label });
  });
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
}

/** @returns {number} How far apart two presses are, in pixels of the window. */
function distance(one, other) {
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
}

function watchKeys(canvas, surface, size, pointed) {
  let cross = null;

  canvas.addEventListener("keydown", (event) => {
    const picture = size();
    if (!picture || event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = { x: Math.floor(picture.width / 2), y: Math.floor(picture.height / 2) };
    const within = cross && cross.x < picture.width && cross.y < picture.height ? cross : middle;
    const step = STEPS[event.key];
    const label = LABELS[event.key];
    if (step) {
      // A step that can be seen on a large picture; with Shift, one pixel.
      const length = event.shiftKey ? 1 : Math.max(Math.round(Math.max(picture.width, picture.height) / 64), 1);
      cross = {
        x: Math.min(Math.max(within.x + step[0] * length, 0), picture.width - 1),
        y: Math.min(Math.max(within.y + step[1] * length, 0), picture.height - 1),
      };
    } else if (label !== undefined) {
      cross = within;
      pointed({ ...within, label });
    } else {
      return;
    }
    event.preventDefault();
    surface.show({ cross });
  });
  canvas.addEventListener("blur", () => surface.show({ cross: null }));
}
