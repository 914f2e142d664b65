"""Living cells in phase contrast: grey on grey, with a bright halo round each and a dark rim inside it.

What is thick delays light. The microscope shows the delay less its own blur: the ground
beside a cell gets brighter than the rest of it, and the middle of a wide cell as grey as the ground.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_sam3_assistant.samples.scenes import Canvas, Floats, Sample, Shape, noise, random_shape

SHAPE = (512, 512)
RADIUS = 27.0
PIXEL_UM = 0.65
GREY = 118.0
HALO = 7.0  # how far it reaches, in pixels


def phase_contrast(seed: int = 0) -> Sample:
    """Return 512 x 512 uint8 living cells, as in phase contrast under a 10x objective, and their truth.

    Most lie flat and are drawn out, some touch a neighbour, a few are round and bright, as before they
    divide. The same ``seed`` gives the same pixels.
    """
    from scipy import ndimage as ndi

    rng = np.random.default_rng(seed)
    canvas, flat = _grown(rng)
    delay = _delay(rng, canvas, flat)
    halo = ndi.gaussian_filter(delay, HALO)
    seen = GREY - 62 * (ndi.gaussian_filter(delay, 0.8) - halo) + 140 * _gathered(canvas, flat)
    uneven = 7 * noise(rng, SHAPE, 90.0) + 2.2 * noise(rng, SHAPE, 3.0)
    image = np.clip(np.rint(seen + uneven + rng.normal(0, 2.2, SHAPE)), 0, 255).astype(np.uint8)
    return Sample("Phase contrast", image, canvas.labels, False, (PIXEL_UM,) * 2, ("micrometer",) * 2)


def _grown(rng: np.random.Generator) -> tuple[Canvas[Shape], int]:
    """Return the cells, and how many of them lie flat: those with the first labels."""
    canvas = Canvas[Shape](SHAPE)
    for _ in range(600):
        if len(canvas.shapes) >= 26:
            break
        row, col = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1])
        radius = RADIUS * float(rng.uniform(0.75, 1.25))
        canvas.put(random_shape(rng, row, col, radius, aspect=(1.1, 2.7), wobble=0.14), gap=0.3)
    alone = len(canvas.shapes)
    for label in rng.permutation(alone)[: alone // 4] + 1:
        for _ in range(12):
            radius = RADIUS * float(rng.uniform(0.75, 1.0))
            row, col = canvas.shapes[label - 1].beside(rng, radius)
            partner = random_shape(rng, row, col, radius, aspect=(1.1, 1.6), wobble=0.09)
            if canvas.put(partner, gap=0.25, touch=int(label), shared=0.04):
                break
    flat = len(canvas.shapes)
    for _ in range(200):
        if len(canvas.shapes) >= flat + 4:
            break
        row, col = rng.uniform(20, SHAPE[0] - 20), rng.uniform(20, SHAPE[1] - 20)
        canvas.put(random_shape(rng, row, col, 0.5 * RADIUS, aspect=(1.0, 1.15), wobble=0.03), gap=0.6)
    return canvas, flat


def _delay(rng: np.random.Generator, canvas: Canvas[Shape], flat: int) -> Floats:
    """Return how much each pixel delays light: 1 for a usual cell, more for round ones and for nuclei."""
    from scipy import ndimage as ndi

    labels, count = canvas.labels, len(canvas.shapes)
    depth = ndi.distance_transform_edt(labels > 0).astype(np.float32)
    level = np.concatenate([[0], rng.uniform(0.85, 1.2, flat), rng.uniform(1.9, 2.2, count - flat)])
    edge = np.concatenate([[1], np.full(flat, 2.5), np.full(count - flat, 2.0)])
    body = level[labels] * (1 - np.exp(-depth / edge[labels]))
    grains = np.clip(noise(rng, SHAPE, 1.4) - 0.6, 0, 2.5) * 0.22 + 0.07 * noise(rng, SHAPE, 3.0)
    for label, shape in enumerate(canvas.shapes[:flat], start=1):
        nucleus = replace(shape, radius=0.38 * shape.radius, aspect=min(shape.aspect, 1.4))
        where, inside = nucleus.depth(SHAPE)
        mine = (labels[where] == label) * np.clip(inside * nucleus.radius / 2 + 0.5, 0, 1)
        body[where] += 0.22 * mine
        grains[where] *= 1 - 0.8 * mine
    return np.asarray(body + grains * np.clip(depth / 4, 0, 1), np.float32)


def _gathered(canvas: Canvas[Shape], flat: int) -> Floats:
    """Return the light that round cells gather in their middle, as lenses do, 0 to 1."""
    bright = np.zeros(SHAPE, np.float32)
    for shape in canvas.shapes[flat:]:
        where, depth = shape.depth(SHAPE)
        bright[where] += np.clip((depth * shape.radius - 1.5) / 6, 0, 1) ** 0.7
    return bright
