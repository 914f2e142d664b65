"""A stained slice of tissue: purple nuclei in pink stroma, round white openings of glands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.samples.scenes import Canvas, Floats, Sample, Shape, noise, random_shape

SHAPE = (512, 512)
RADIUS = 9.5
PIXEL_UM = 0.5
# Optical density of red, green and blue for one unit of each stain.
HEMATOXYLIN = np.array([0.86, 0.92, 0.42], np.float32)
EOSIN = np.array([0.07, 0.52, 0.24], np.float32)
LIGHT = 244.0


def histology(seed: int = 0) -> Sample:
    """Return 512 x 512 x 3 uint8 tissue, as stained with H&E under a 20x objective, and its nuclei.

    The same ``seed`` gives the same pixels.
    """
    from scipy import ndimage as ndi

    rng = np.random.default_rng(seed)
    glands = _glands(rng)
    lumen, wall = _tissue(glands)
    canvas = _grown(rng, glands, lumen > 0.15)
    blue, pink = _stains(rng, canvas, lumen, wall)
    density = blue[..., None] * HEMATOXYLIN + pink[..., None] * EOSIN
    seen = ndi.gaussian_filter(LIGHT * np.exp(-density), (0.8, 0.8, 0)) + rng.normal(0, 2.5, (*SHAPE, 3))
    image = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    return Sample("Histology", image, canvas.labels, True, (PIXEL_UM,) * 2, ("micrometer",) * 2)


def _glands(rng: np.random.Generator) -> list[Shape]:
    """Return the openings of glands, apart from each other."""
    canvas = Canvas[Shape](SHAPE)
    for _ in range(200):
        if len(canvas.shapes) >= 4:
            break
        row, col = rng.uniform(40, SHAPE[0] - 40), rng.uniform(40, SHAPE[1] - 40)
        radius = float(rng.uniform(26, 40))
        canvas.put(random_shape(rng, row, col, radius, aspect=(1.1, 1.9), wobble=0.09), gap=2.9)
    return canvas.shapes


def _tissue(glands: list[Shape]) -> tuple[Floats, Floats]:
    """Return how far each pixel is an opening of a gland, and how far its wall, both 0 to 1."""
    lumen, wall = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    for gland in glands:
        lumen_at, depth = gland.depth(SHAPE)
        lumen[lumen_at] = np.maximum(lumen[lumen_at], np.clip(depth * gland.radius / 2 + 0.5, 0, 1))
        grown = _swollen(gland, 29.0)
        wall_at, depth = grown.depth(SHAPE)
        wall[wall_at] = np.maximum(wall[wall_at], np.clip(depth * grown.radius / 3 + 0.5, 0, 1))
    return lumen, wall * (1 - lumen)


def _swollen(shape: Shape, by: float) -> Shape:
    """Return the shape with both half axes longer by ``by`` pixels."""
    long, short = shape.radius * shape.aspect**0.5 + by, shape.radius / shape.aspect**0.5 + by
    return Shape(shape.row, shape.col, (long * short) ** 0.5, long / short, shape.angle, shape.waves)


def _grown(rng: np.random.Generator, glands: list[Shape], closed: npt.NDArray[np.bool_]) -> Canvas[Shape]:
    """Return nuclei: round ones in rings about the openings, slender ones between the glands."""
    canvas = Canvas[Shape](SHAPE, closed.copy())
    for gland in glands:
        ring = _swollen(gland, 18.0)
        half = ring.radius * ring.aspect**0.5, ring.radius / ring.aspect**0.5
        for step in np.arange(0, 2 * np.pi, 0.06):
            away = float(rng.uniform(0.94, 1.06))
            along, across = half[0] * np.cos(step) * away, half[1] * np.sin(step) * away
            row = ring.row + along * np.cos(ring.angle) - across * np.sin(ring.angle)
            col = ring.col + along * np.sin(ring.angle) + across * np.cos(ring.angle)
            out = ring.angle + np.arctan2(half[0] * np.sin(step), half[1] * np.cos(step))
            radius = RADIUS * float(rng.uniform(0.85, 1.1))
            canvas.put(random_shape(rng, row, col, radius, aspect=(1.15, 1.5), angle=float(out)), gap=0.12)
        canvas.blocked |= _covered(_swollen(gland, 30.0))
    for _ in range(700):
        row, col = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1])
        slender = bool(rng.random() < 0.6)
        radius = RADIUS * float(rng.uniform(0.62, 0.8) if slender else rng.uniform(0.8, 1.05))
        aspect = (2.2, 3.4) if slender else (1.0, 1.3)
        angle = _grain(row, col) + float(rng.normal(0, 0.25))
        canvas.put(random_shape(rng, row, col, radius, aspect=aspect, angle=angle), gap=0.5)
        if len(canvas.shapes) >= 165:
            break
    return canvas


def _covered(shape: Shape) -> npt.NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    where, depth = shape.depth(SHAPE)
    mask[where] = depth > 0
    return mask


def _grain(row: float, col: float) -> float:
    """Return the direction of the fibres of the stroma, in radians from the row axis."""
    return 1.1 + 0.5 * float(np.sin(row / 110.0) + np.cos(col / 140.0))


def _stains(rng: np.random.Generator, canvas: Canvas[Shape], lumen: Floats, wall: Floats) -> tuple[Floats, Floats]:
    """Return how much hematoxylin and eosin each pixel holds."""
    from scipy import ndimage as ndi

    labels, count = canvas.labels, len(canvas.shapes)
    depth = ndi.distance_transform_edt(labels > 0).astype(np.float32)
    level = np.concatenate([[0], rng.uniform(0.75, 1.2, count)]).astype(np.float32)
    chromatin = 1 + 0.16 * noise(rng, SHAPE, 1.2) + 0.22 * np.exp(-depth / 1.8)
    nuclei = level[labels] * np.clip(chromatin, 0.5, 1.8)
    inside = (labels > 0).astype(np.float32)
    stroma = 0.62 + _fibres(rng) + 0.07 * noise(rng, SHAPE, 25.0)
    body = 0.74 + 0.07 * noise(rng, SHAPE, 2.0)
    pink = np.clip(stroma * (1 - wall) + body * wall, 0.04, 1.4) * (1 - lumen) * (1 - 0.45 * inside)
    grey = (0.05 + 0.09 * wall) * (1 - lumen) * (1 - inside)
    return (nuclei + grey).astype(np.float32), (pink + 0.015).astype(np.float32)


def _fibres(rng: np.random.Generator) -> Floats:
    """Return wavy strands, bright cracks between them included, with mean about 0."""
    from scipy import ndimage as ndi

    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    turn = 1.1 + 0.5 * (np.sin(rows / 110.0) + np.cos(cols / 140.0))
    strands = rng.standard_normal(SHAPE, dtype=np.float32)
    # Noise drawn out along the grain: each step averages a pixel with its neighbours up and down the fibre.
    for step in (1.0, 2.0, 4.0, 8.0):
        down, right = step * np.cos(turn), step * np.sin(turn)
        strands = strands + ndi.map_coordinates(strands, [rows + down, cols + right], order=1, mode="mirror")
    strands = ndi.gaussian_filter(strands, 1.0)
    strands = strands / strands.std()
    return np.asarray(0.15 * strands - 0.30 * np.clip(strands - 1.5, 0, None), np.float32)
