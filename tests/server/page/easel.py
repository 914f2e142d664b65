"""The picture's canvas alone, in the real page: what is drawn on it, and what pointing at it says."""

from __future__ import annotations

from playwright.sync_api import Page

ROOM = {"x": 40, "y": 30, "width": 600, "height": 400}
"""Where the frame is in the window."""

_MAKE = """async ([room, width, height, larger]) => {
    const [{ Surface }, { watchPointing }] = await Promise.all(
        ["canvas", "pointing"].map((name) => import(`/static/${name}.js`)));
    document.querySelector("#easel")?.remove();
    const frame = Object.assign(document.createElement("div"), { id: "easel" });
    const sheet = Object.assign(document.createElement("div"), { className: "sheet" });
    const [below, above] = [0, 1].map(() => Object.assign(document.createElement("canvas"), { tabIndex: 0 }));
    above.style.touchAction = "none";
    Object.assign(frame.style, { position: "fixed", left: `${room.x}px`, top: `${room.y}px`, zIndex: 9,
        width: `${room.width}px`, height: `${room.height}px`, background: "#888" });
    sheet.append(below, above);
    frame.append(sheet);
    document.body.append(frame);
    const pixels = new ImageData(width, height);
    const paint = (x, y) => PAINT;
    for (let at = 0; at < width * height; at += 1) {
        pixels.data.fill(paint(at % width, Math.floor(at / width)), 4 * at, 4 * at + 3);
        pixels.data[4 * at + 3] = 255;
    }
    const size = { width: width * larger, height: height * larger };
    const resized = { resizeWidth: size.width, resizeHeight: size.height, resizeQuality: "pixelated" };
    const picture = { bitmap: await createImageBitmap(pixels, resized), ...size };
    const surface = new Surface(frame, sheet, below, above);
    const easel = { heard: [], tool: "object", surface, below, above, picture };
    const hear = (name) => (value) => easel.heard.push([name, value]);
    watchPointing(above, surface, { size: () => easel.picture, tool: () => easel.tool,
        point: hear("point"), box: hear("box"), hover: (pixel) => pixel && easel.heard.push(["hover", pixel]) });
    surface.show({ picture });
    window.easel = easel;
}"""
_READ = """async ([name, x, y]) => {
    const { surface, [name]: canvas } = window.easel;
    await new Promise(requestAnimationFrame);
    const { viewport } = surface;
    const [left, top] = [(x - viewport.corner.x) * viewport.scale, (y - viewport.corner.y) * viewport.scale];
    const paper = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    paper.drawImage(canvas, -Math.floor(left * devicePixelRatio), -Math.floor(top * devicePixelRatio));
    return [...paper.getImageData(0, 0, 1, 1).data];
}"""


class Easel:
    """A canvas with a picture.

    Parameters
    ----------
    page : Page
        Of the server, opened.
    width, height : int
        Of the picture.
    paint : str
        JavaScript that gives a pixel's grey value from `x` and `y`.
    larger : int
        How many pixels of the picture are made from each that is painted, along a side.
    """

    def __init__(self, page: Page, width: int = 60, height: int = 40, paint: str = "0", larger: int = 1) -> None:
        self.page = page
        page.evaluate(_MAKE.replace("PAINT", paint), [ROOM, width, height, larger])

    def evaluate(self, code: str, arg=None):
        """Return what an expression of `easel` and `arg` gives."""
        return self.page.evaluate(f"async (arg) => {{ const {{ easel }} = window; return {code}; }}", arg)

    def waits_for(self, code: str) -> None:
        """Wait until an expression of `easel` holds."""
        # An arrow, not the expression: the page forbids code that is made from text.
        self.page.wait_for_function(f"() => {{ const {{ easel }} = window; return {code}; }}")

    def show(self, **changes) -> Easel:
        """Tell the canvas what to show."""
        self.evaluate("easel.surface.show(arg)", changes)
        return self

    def heard(self) -> list:
        """Return what pointing has said: pairs of a kind and a place."""
        return self.evaluate("easel.heard")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place of the picture is in the window; pixel 3 is from 3 to 4."""
        view = self.evaluate("({ ...easel.surface.viewport.corner, scale: easel.surface.viewport.scale })")
        return ROOM["x"] + (x - view["x"]) * view["scale"], ROOM["y"] + (y - view["y"]) * view["scale"]

    def over(self, x: float, y: float) -> list[int]:
        """Return what is drawn over a place of the picture: red, green, blue, opacity."""
        return self.page.evaluate(_READ, ["above", x, y])

    def under(self, x: float, y: float) -> list[int]:
        """Return how the picture is drawn at one of its places."""
        return self.page.evaluate(_READ, ["below", x, y])

    def drag(self, start, end, button: str = "left", release: bool = True) -> Easel:
        """Draw with the mouse from a place of the picture to another."""
        mouse = self.page.mouse
        begin, stop = self.place(*start), self.place(*end)
        mouse.move(*begin)
        mouse.down(button=button)
        mouse.move((begin[0] + stop[0]) / 2, (begin[1] + stop[1]) / 2)
        mouse.move(*stop)
        if release:
            mouse.up(button=button)
        return self
