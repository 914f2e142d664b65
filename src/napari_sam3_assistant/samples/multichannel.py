"""Cells in three channels of one 16-bit picture, each with a range of greys of its own."""

from __future__ import annotations

import numpy as np

from napari_sam3_assistant.samples.scenes import (
    Canvas,
    Floats,
    Labels,
    Sample,
    Shape,
    inner,
    noise,
    photograph,
    random_shape,
)

SHAPE = (512, 512)
RADIUS = 44.0
PIXEL_UM = 0.325
# A nucleus of which the border of the picture leaves fewer pixels is left out.
LEAST = 24
CHANNELS = ("nuclei", "cytoplasm", "spots")


def multichannel(seed: int = 0) -> Sample:
    """Return 3 x 512 x 512 uint16 cells, as under a 20x objective, with truth of the cells and of their nuclei.

    Channels are the nuclei (greys up to some 40,000), the cytoplasm (some 2,500) and spots in it (some
    700): one set of contrast limits does not do for all. Some cells touch. ``truth`` has the cells and
    ``parts["nuclei"]`` the nuclei, each with the label of its cell. The same ``seed`` gives the same pixels.
    """
    rng = np.random.default_rng(seed)
    canvas = _grown(rng)
    nuclei = _nuclei(rng, canvas)
    blue = _nuclear_light(rng, nuclei, len(canvas.shapes))
    green = _cell_light(rng, canvas, nuclei)
    red = _spot_light(rng, canvas.labels, nuclei)
    image = np.stack(
        [
            photograph(rng, light, offset=100, gain=gain, read=4, most=65535)
            for light, gain in ((blue, 0.08), (green, 0.25), (red, 0.5))
        ]
    )
    return Sample(
        "Cells",
        image,
        canvas.labels,
        False,
        (PIXEL_UM,) * 2,
        ("micrometer",) * 2,
        channels=CHANNELS,
        parts={"nuclei": nuclei},
    )


def _grown(rng: np.random.Generator) -> Canvas[Shape]:
    """Return cells in random places, then neighbours that touch some of them."""
    canvas = Canvas[Shape](SHAPE)
    for _ in range(500):
        if len(canvas.shapes) >= 16:
            break
        row, col = rng.uniform(10, SHAPE[0] - 10), rng.uniform(10, SHAPE[1] - 10)
        radius = RADIUS * float(rng.uniform(0.8, 1.2))
        canvas.put(random_shape(rng, row, col, radius, aspect=(1.05, 1.7), wobble=0.1), gap=0.12)
    alone = len(canvas.shapes)
    for label in rng.permutation(alone)[: alone // 3] + 1:
        for _ in range(20):
            radius = RADIUS * float(rng.uniform(0.75, 1.0))
            row, col = canvas.shapes[label - 1].beside(rng, radius)
            partner = random_shape(rng, row, col, radius, aspect=(1.05, 1.5), wobble=0.08)
            if canvas.put(partner, gap=0.1, touch=int(label), shared=0.04):
                break
    return canvas


def _nuclei(rng: np.random.Generator, canvas: Canvas[Shape]) -> Labels:
    """Return a nucleus in each cell, a little off its middle, with the cell's label."""
    nuclei = np.zeros(SHAPE, np.uint16)
    for label, cell in enumerate(canvas.shapes, start=1):
        row, col = (at + float(rng.normal(0, 0.06)) * cell.radius for at in (cell.row, cell.col))
        radius = cell.radius * float(rng.uniform(0.36, 0.44))
        nucleus = random_shape(rng, row, col, radius, aspect=(1.0, 1.35), wobble=0.04, angle=cell.angle)
        where, depth = nucleus.depth(SHAPE)
        mine = (depth > 0) & (canvas.labels[where] == label)
        if np.count_nonzero(mine) >= LEAST:
            nuclei[where][mine] = label
    return nuclei


def _nuclear_light(rng: np.random.Generator, nuclei: Labels, count: int) -> Floats:
    from scipy import ndimage as ndi

    level = np.concatenate([[0], rng.uniform(12000, 32000, count)]).astype(np.float32)
    rim = 1 - 0.45 * np.exp(-ndi.distance_transform_edt(inner(nuclei)) / 2)
    chromatin = 1 + 0.1 * noise(rng, SHAPE, 1.4) + 0.07 * noise(rng, SHAPE, 4.0)
    signal = (level[nuclei] * rim * np.clip(chromatin, 0.4, 1.7)).astype(np.float32)
    sharp = ndi.gaussian_filter(signal, 1.1)
    return _with_haze(sharp, 0.08, 500 + 60 * noise(rng, SHAPE, 40.0))


def _cell_light(rng: np.random.Generator, canvas: Canvas[Shape], nuclei: Labels) -> Floats:
    """Return the light of the cytoplasm: thin towards the border, dimmer where the nucleus takes its room."""
    from scipy import ndimage as ndi

    level = np.concatenate([[0], rng.uniform(750, 1500, len(canvas.shapes))]).astype(np.float32)
    depth = ndi.distance_transform_edt(inner(canvas.labels))
    dome = 1 - 0.45 * np.exp(-depth / 3) - 0.2 * np.exp(-depth / 12)
    room = 1 - 0.22 * ndi.gaussian_filter((nuclei > 0).astype(np.float32), 2.0)
    threads = 1 + 0.12 * noise(rng, SHAPE, 1.6) + 0.05 * noise(rng, SHAPE, 7.0)
    signal = (level[canvas.labels] * dome * room * np.clip(threads, 0.4, 1.7)).astype(np.float32)
    return _with_haze(ndi.gaussian_filter(signal, 1.2), 0.06, 70 + 8 * noise(rng, SHAPE, 40.0))


def _spot_light(rng: np.random.Generator, cells: Labels, nuclei: Labels) -> Floats:
    """Return the light of spots in the cytoplasm, on a ground so dim that the cells can just be seen in it."""
    from scipy import ndimage as ndi

    rows, cols = np.nonzero((cells > 0) & (nuclei == 0))
    picked = rng.choice(len(rows), size=len(rows) // 450, replace=False)
    dots = np.zeros(SHAPE, np.float32)
    dots[rows[picked], cols[picked]] = rng.uniform(2500, 6000, len(picked))
    ground = 12 + 14 * (cells > 0) + 2 * noise(rng, SHAPE, 30.0)
    return np.asarray(ndi.gaussian_filter(dots, 1.3) + ndi.gaussian_filter(ground, 2.0), np.float32).clip(1, None)


def _with_haze(sharp: Floats, part: float, ground: Floats) -> Floats:
    """Return light with what is out of focus: ``part`` of it spread wide, on a ground that is never black."""
    from scipy import ndimage as ndi

    haze = ndi.zoom(ndi.gaussian_filter(sharp[::4, ::4], 5.0), 4, order=1)
    return np.asarray(sharp + part * haze + ground, np.float32).clip(1, None)
