"""Stained nuclei under a fluorescence microscope: bright on dark, some of them touching."""

from __future__ import annotations

import numpy as np

from napari_sam3_assistant.samples.scenes import (
    Canvas,
    Floats,
    Sample,
    Shape,
    inner,
    noise,
    photograph,
    random_shape,
)

SHAPE = (512, 512)
RADIUS = 17.0
PIXEL_UM = 0.325
# Of a camera: the grey of darkness, the photons one grey stands for, and its own noise.
OFFSET, GAIN, READ = 110.0, 0.35, 5.0


def nuclei(seed: int = 0) -> Sample:
    """Return 512 x 512 uint16 nuclei, as of DAPI under a 20x objective, and their truth.

    About half of them touch a neighbour. The same ``seed`` gives the same pixels.
    """
    rng = np.random.default_rng(seed)
    canvas = _grown(rng)
    image = photograph(rng, _light(rng, canvas), offset=OFFSET, gain=GAIN, read=READ)
    return Sample("Nuclei", image, canvas.labels, False, (PIXEL_UM,) * 2, ("micrometer",) * 2)


def _grown(rng: np.random.Generator) -> Canvas[Shape]:
    """Return nuclei in random places, then neighbours that touch some of them."""
    canvas = Canvas[Shape](SHAPE)
    for _ in range(400):
        if len(canvas.shapes) >= 48:
            break
        row, col = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1])
        canvas.put(random_shape(rng, row, col, RADIUS * float(rng.uniform(0.75, 1.25))), gap=0.3)
    alone = len(canvas.shapes)
    for label in rng.permutation(alone)[: alone // 3] + 1:
        for _ in range(12):
            radius = RADIUS * float(rng.uniform(0.75, 1.1))
            row, col = canvas.shapes[label - 1].beside(rng, radius)
            partner = random_shape(rng, row, col, radius, aspect=(1.0, 1.25))
            if canvas.put(partner, gap=0.3, touch=int(label), shared=0.06):
                break
    return canvas


def _light(rng: np.random.Generator, canvas: Canvas[Shape]) -> Floats:
    """Return the light that reaches the camera, in greys above darkness."""
    from scipy import ndimage as ndi

    labels = canvas.labels
    count = len(canvas.shapes)
    level = np.concatenate([[0], rng.uniform(750, 1700, count)]).astype(np.float32)
    level[1 + rng.permutation(count)[: count // 16]] *= 1.6  # some are about to divide
    depth = ndi.distance_transform_edt(inner(labels))
    thickness = 1 - 0.5 * np.exp(-depth / 2)
    chromatin = 1 + 0.1 * noise(rng, SHAPE, 1.3) + 0.05 * noise(rng, SHAPE, 3.5)
    signal = level[labels] * thickness * np.clip(chromatin, 0.4, 1.7) * _nucleoli(rng, canvas)
    sharp = ndi.gaussian_filter(signal.astype(np.float32), 1.1)
    haze = ndi.zoom(ndi.gaussian_filter(sharp[::4, ::4], 5.0), 4, order=1)
    shade = 1 + 0.06 * noise(rng, SHAPE, 150.0)
    return np.asarray((sharp + 0.07 * haze + 45 + 7 * noise(rng, SHAPE, 30.0)) * shade, np.float32).clip(1, None)


def _nucleoli(rng: np.random.Generator, canvas: Canvas[Shape]) -> Floats:
    """Return the factor by which the dark bodies inside nuclei dim them."""
    dim = np.ones(SHAPE, np.float32)
    for shape in canvas.shapes:
        for _ in range(int(rng.integers(1, 4))):
            away, angle = shape.radius * rng.uniform(0.1, 0.5), rng.uniform(0, 2 * np.pi)
            row, col = shape.row + away * np.cos(angle), shape.col + away * np.sin(angle)
            spot = random_shape(rng, row, col, float(rng.uniform(2.0, 3.4)))
            where, depth = spot.depth(SHAPE)
            dim[where] *= 1 - 0.22 * np.clip(depth * 2.5, 0, 1)
    return dim
