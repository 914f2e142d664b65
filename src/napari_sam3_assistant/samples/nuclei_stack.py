"""A stack of planes through stained nuclei: sharp at the top, dimmer and blurred further down.

Axes are (plane, row, col). A plane is four times as far from the next as a pixel from its
neighbour, and light spreads more along that axis than across it, as under a real microscope.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.samples.scenes import (
    Canvas,
    Floats,
    Sample,
    Shape,
    noise,
    photograph,
    random_shape,
)

SHAPE = (24, 256, 256)
PLANE_UM, PIXEL_UM = 2.0, 0.5
RADIUS = 14.0
PIXELS_A_PLANE = PLANE_UM / PIXEL_UM
# Light that comes from this many planes down is dimmer by a factor of e.
FADES = 40.0


@dataclass(frozen=True, slots=True)
class Body:
    """A rounded solid, as wide as its outline in its middle plane.

    Attributes
    ----------
    outline : Shape
        In its middle plane; smaller ones of the same form in the planes above and below.
    plane : float
        Its middle plane.
    height : float
        Its half axis across planes, in planes.
    """

    outline: Shape
    plane: float
    height: float

    def depth(self, shape: tuple[int, int, int]) -> tuple[tuple[slice, slice, slice], Floats]:
        """Return where the body lies in a stack, and how deep each voxel of that block lies in it.

        The depth is 1 at the centre, 0 on the border and negative outside.
        """
        (rows, cols), flat = self.outline.depth(shape[1:])
        first, last = self.plane - self.height - 1, self.plane + self.height + 2
        planes = slice(*(min(max(int(edge), 0), shape[0]) for edge in (first, last)))
        up = (np.arange(planes.start, planes.stop, dtype=np.float32)[:, None, None] - self.plane) / self.height
        return (planes, rows, cols), (1 - np.hypot(1 - flat, up)).astype(np.float32)


def nuclei_stack(seed: int = 0) -> Sample:
    """Return 24 x 256 x 256 uint16 nuclei, as of DAPI in a thick slice under a 20x objective, and their truth.

    Four in ten touch a neighbour, beside, above or below. A nucleus has one label in all its
    planes. The same ``seed`` gives the same pixels.
    """
    rng = np.random.default_rng(seed)
    canvas = _grown(rng)
    image = photograph(rng, _light(rng, canvas), offset=110, gain=0.3, read=5)
    scale = PLANE_UM, PIXEL_UM, PIXEL_UM
    return Sample("Nuclei stack", image, canvas.labels, False, scale, ("micrometer",) * 3, ("z", "y", "x"))


def _grown(rng: np.random.Generator) -> Canvas[Body]:
    """Return bodies in random places, then neighbours that touch some of them."""
    canvas = Canvas[Body](SHAPE)
    for _ in range(300):
        if len(canvas.shapes) >= 48:
            break
        # Most of a body lies in the stack: a mere cap of one could not be told from its blur.
        plane, row, col = (float(rng.uniform(edge, n - edge)) for edge, n in zip((1.5, 5, 5), SHAPE, strict=True))
        canvas.put(_body(rng, plane, row, col, RADIUS * float(rng.uniform(0.75, 1.2))), gap=0.2)
    alone = len(canvas.shapes)
    for label in rng.permutation(alone)[: alone // 4] + 1:
        for _ in range(12):
            partner = _beside(rng, canvas.shapes[label - 1])
            if canvas.put(partner, gap=0.2, touch=int(label), shared=0.05):
                break
    return canvas


def _body(rng: np.random.Generator, plane: float, row: float, col: float, radius: float) -> Body:
    height = radius * float(rng.uniform(0.75, 1.05)) / PIXELS_A_PLANE
    return Body(random_shape(rng, row, col, radius, aspect=(1.0, 1.4)), plane, height)


def _beside(rng: np.random.Generator, other: Body) -> Body:
    """Return a body that touches ``other``, in about the same planes or up to half its height off."""
    radius = RADIUS * float(rng.uniform(0.75, 1.1))
    sine = float(rng.uniform(-0.7, 0.7))
    # The further up or down it is, the nearer it is beside.
    near, middle = (1 - sine**2) ** 0.5, (other.outline.row, other.outline.col)
    row, col = (at + near * (to - at) for at, to in zip(middle, other.outline.beside(rng, radius), strict=True))
    plane = other.plane + sine * (other.height + radius / PIXELS_A_PLANE)
    return _body(rng, min(max(plane, 1.5), SHAPE[0] - 1.5), float(row), float(col), radius)


def _light(rng: np.random.Generator, canvas: Canvas[Body]) -> Floats:
    """Return the light that reaches the camera from each plane, in greys above darkness."""
    from scipy import ndimage as ndi

    level = np.concatenate([[0], rng.uniform(800, 1700, len(canvas.shapes))]).astype(np.float32)
    chromatin = 1 + 0.11 * noise(rng, SHAPE, (0.5, 1.4, 1.4)) + 0.06 * noise(rng, SHAPE, (1.0, 3.5, 3.5))
    signal = level[canvas.labels] * _thickness(canvas) * np.clip(chromatin, 0.4, 1.7)
    sharp = ndi.gaussian_filter(signal, (0.7, 1.0, 1.0))
    deep = np.linspace(0, 1, SHAPE[0], dtype=np.float32)[:, None, None]
    seen = sharp + 0.8 * deep * (ndi.gaussian_filter(sharp, (0.5, 1.8, 1.8)) - sharp)
    haze = ndi.zoom(ndi.gaussian_filter(sharp[:, ::4, ::4], (2.0, 5.0, 5.0)), (1, 4, 4), order=1)
    ground = 45 + 6 * noise(rng, SHAPE, (4.0, 24.0, 24.0))
    fading = np.exp(-np.arange(SHAPE[0], dtype=np.float32) / FADES)[:, None, None]
    return np.asarray((seen + 0.14 * haze) * fading + ground, np.float32).clip(1, None)


def _thickness(canvas: Canvas[Body]) -> Floats:
    """Return how much of a nucleus each voxel holds: half at its border, all of it further in."""
    full = np.ones(SHAPE, np.float32)
    for label, body in enumerate(canvas.shapes, start=1):
        where, depth = body.depth(SHAPE)
        mine = canvas.labels[where] == label
        full[where][mine] = 1 - 0.5 * np.exp(-depth[mine].clip(0) * body.outline.radius / 2)
    return full
