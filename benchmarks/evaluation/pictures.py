"""Pictures with truth: nine kinds made by code, and photographs that come with scikit-image.

Everything is deterministic. The truth of the photographs is a careful classical segmentation
(coins, cell) or a polygon drawn by eye (gland, person, cup, saucer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from skimage import data, draw, filters, measure, morphology, segmentation

from benchmarks.evaluation import outlines

EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """RGB of shape (H, W, 3), uint8, and labels of shape (H, W) from 1; 0 is the ground."""

    image: np.ndarray
    labels: np.ndarray


def as_rgb(picture):
    """Return 8-bit RGB of a grey or colour picture with levels from 0 to 255."""
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.stack([picture] * 3, -1)) if picture.ndim == 2 else picture


def smooth_noise(random, shape, sigma):
    """Return noise of standard deviation 1 whose grains are ``sigma`` pixels wide."""
    field = ndi.gaussian_filter(random.standard_normal(shape), sigma, mode="reflect")
    return field / (field.std() + 1e-9)


def blob(random, shape, center, radius, aspect=1.3, wobble=0.12):
    """Return the mask of an uneven ellipse."""
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = random.uniform(0, np.pi)
    down, right = rows - center[0], cols - center[1]
    along = down * np.cos(angle) + right * np.sin(angle)
    across = -down * np.sin(angle) + right * np.cos(angle)
    long, short = radius * np.sqrt(aspect), radius / np.sqrt(aspect)
    theta = np.arctan2(across, along)
    waves = (random.normal() / k * np.cos(k * theta + random.uniform(0, 6.3)) for k in (2, 3, 4))
    return np.hypot(along / long, across / short) < 1 + wobble * sum(waves)


def scattered(random, shape, count, radius, gap, **kind):
    """Return labels of up to ``count`` blobs; with ``gap`` below 0 neighbours may touch."""
    labels = np.zeros(shape, np.int32)
    tries = made = 0
    while made < count and tries < count * 30:
        tries += 1
        r = radius * random.uniform(0.75, 1.3)
        center = random.uniform(r * 0.7, shape[0] - r * 0.7), random.uniform(r * 0.7, shape[1] - r * 0.7)
        mask = blob(random, shape, center, r, random.uniform(1, 1.7), **kind)
        around = ndi.binary_dilation(mask, EIGHT, iterations=gap) if gap > 0 else mask
        if (labels[around] > 0).mean() > (0.12 if gap < 0 else 0):
            continue
        made += 1
        labels[mask & (labels == 0)] = made
    return labels


def _levels(random, labels, low, high):
    level = random.uniform(low, high, labels.max() + 1)
    level[0] = 0
    return level[labels]


def nuclei(seed, shape=(320, 320), count=45, radius=15):
    """Fluorescent nuclei, touching and overlapping, under uneven light."""
    random = np.random.default_rng(seed)
    labels = scattered(random, shape, count, radius, -1)
    level = _levels(random, labels, 50, 170)
    inner = ndi.distance_transform_edt(segmentation.find_boundaries(labels, mode="inner") < 1)
    picture = level * np.clip(0.55 + inner / 14, 0, 1) * (1 + 0.12 * smooth_noise(random, shape, 2.5))
    light = 1 + 0.35 * smooth_noise(random, shape, max(shape) / 3)
    picture = ndi.gaussian_filter(picture * np.clip(light, 0.4, 1.7), 1.4) + 14 + 6 * smooth_noise(random, shape, 20)
    picture = random.poisson(np.clip(picture, 1, None) / 2.0) * 2.0 + random.normal(0, 4, shape)
    return Picture(as_rgb(picture), labels)


def spots(seed, shape=(256, 256)):
    """Fluorescent spots of radius 4.5 px."""
    random = np.random.default_rng(seed)
    labels = scattered(random, shape, 60, 4.5, 1, wobble=0.05)
    level = _levels(random, labels, 60, 180)
    picture = ndi.gaussian_filter(level, 0.9) + 25 + 9 * smooth_noise(random, shape, 12)
    return Picture(as_rgb(random.poisson(np.clip(picture, 1, None) / 2.5) * 2.5), labels)


def phase(seed, shape=(320, 320), count=14, radius=26):
    """Cells in phase contrast: a bright halo, a dark rim, and an inside as grey as the ground."""
    random = np.random.default_rng(seed)
    labels = scattered(random, shape, count, radius, 5)
    inside = labels > 0
    away = np.where(inside, -ndi.distance_transform_edt(inside), ndi.distance_transform_edt(~inside))
    picture = 118 + 62 * np.exp(-(((away - 3) / 2.6) ** 2)) - 34 * np.exp(-(((away + 1.5) / 2.0) ** 2))
    picture += (
        9 * smooth_noise(random, shape, 1.6)
        + 7 * smooth_noise(random, shape, 6)
        + 14 * smooth_noise(random, shape, 70)
        + random.normal(0, 3, shape)
    )
    return Picture(as_rgb(picture + inside * 6 * smooth_noise(random, shape, 3)), labels)


def histology(seed, shape=(320, 320), count=40, radius=11):
    """Stained nuclei in stroma, by the optical density of two dyes."""
    random = np.random.default_rng(seed)
    labels = scattered(random, shape, count, radius, -1)
    stroma = 0.5 + 0.16 * smooth_noise(random, shape, (2, 9)) + 0.12 * smooth_noise(random, shape, 15)
    eosin = np.clip(stroma, 0.05, 1)[..., None] * np.array([0.12, 0.62, 0.28])
    amount = _levels(random, labels, 0.55, 1.1)
    stain = np.clip(amount * (1 + 0.22 * smooth_noise(random, shape, 1.5)), 0, 2)
    density = eosin * (1 - 0.5 * (labels > 0))[..., None] + stain[..., None] * np.array([0.75, 0.85, 0.35])
    picture = 245 * np.exp(-np.stack([ndi.gaussian_filter(density[..., k], 0.9) for k in range(3)], -1))
    return Picture(as_rgb(picture + random.normal(0, 4, picture.shape)), labels)


def vessels(seed, shape=(320, 320)):
    """Branching vessels that do not cross."""
    random = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for number in range(1, 6):
        mask = _vessel(random, shape)
        if not (ndi.binary_dilation(mask, EIGHT, iterations=4) & (labels > 0)).any():
            labels[mask] = number
    bright = (labels > 0) * (0.75 + 0.3 * smooth_noise(random, shape, 25))
    picture = 35 + 85 * ndi.gaussian_filter(bright, 1.2) + 8 * smooth_noise(random, shape, 30)
    return Picture(as_rgb(picture + random.normal(0, 10, shape)), labels)


def _vessel(random, shape):
    mask = np.zeros(shape, bool)
    ends = [(random.uniform(20, 300), random.uniform(0, 20), random.normal(0, 0.5), random.uniform(3.0, 5.0), 300)]
    while ends:
        row, col, angle, width, left = ends.pop()
        while left > 0 and 0 <= row < shape[0] and 0 <= col < shape[1]:
            mask[draw.disk((row, col), width, shape=shape)] = True
            row, col = row + np.sin(angle), col + np.cos(angle)
            angle, left = angle + random.normal(0, 0.06), left - 1
            if random.random() < 0.008 and width > 2:
                ends.append((row, col, angle + random.choice([-0.7, 0.7]), width * 0.8, left * 0.6))
    return mask


def membranes(seed, shape=(320, 320)):
    """Cells between dark membranes, with dark organelles, as in electron microscopy."""
    random = np.random.default_rng(seed)
    seeds = random.uniform(0, 320, (34, 2))
    warp = [9 * smooth_noise(random, shape, 16) for _ in range(2)]
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    away = np.stack([np.hypot(rows + warp[0] - r, cols + warp[1] - c) for r, c in seeds])
    nearest = np.sort(away, 0)
    wall = (nearest[1] - nearest[0]) < 5.5
    labels = measure.label(np.where(wall, 0, away.argmin(0) + 1), connectivity=1)
    picture = 165 + 12 * smooth_noise(random, shape, 1.3) - 95 * ndi.gaussian_filter(wall.astype(float), 1.0)
    free = ~ndi.binary_dilation(wall, EIGHT, iterations=2)
    for _ in range(45):
        organelle = blob(random, shape, random.uniform(0, 320, 2), random.uniform(3, 7)) & free
        picture -= 55 * ndi.gaussian_filter(organelle.astype(float), 0.8) * random.uniform(0.4, 1)
    return Picture(as_rgb(picture + random.normal(0, 7, shape)), labels)


def cytoplasm(seed, shape=(320, 320)):
    """Dim cells that fade to the rim, each with a darker nucleus."""
    random = np.random.default_rng(seed)
    labels = scattered(random, shape, 16, 34, -1, wobble=0.25)
    picture = np.zeros(shape)
    for number in range(1, labels.max() + 1):
        mask = labels == number
        deep = ndi.distance_transform_edt(mask)
        picture += mask * random.uniform(55, 130) * (0.35 + 0.65 * deep / max(deep.max(), 1))
        picture -= (deep > 0.55 * deep.max()) * random.uniform(15, 40)
    picture = ndi.gaussian_filter(np.clip(picture, 0, None) * (1 + 0.22 * smooth_noise(random, shape, 2)), 1.2) + 16
    picture = random.poisson(np.clip(picture, 1, None) / 2) * 2 + random.normal(0, 3, shape)
    return Picture(as_rgb(picture), labels)


def speckled(seed, shape=(560, 560), count=9, radius=72):
    """Nuclei 100 to 200 px across, full of speckle, with outlines out of focus."""
    random = np.random.default_rng(seed)
    labels = scattered(random, shape, count, radius, 6, wobble=0.06)
    level = ndi.gaussian_filter(_levels(random, labels, 40, 130), random.uniform(3, 8))
    grains = random.uniform(0.2, 0.4) * smooth_noise(random, shape, random.uniform(2, 5))
    patches = random.uniform(0.15, 0.3) * smooth_noise(random, shape, random.uniform(6, 12))
    picture = level * np.clip(1 + grains + patches, 0.15, None) + 18 + 4 * smooth_noise(random, shape, 40)
    picture = random.poisson(np.clip(picture, 1, None) / 2) * 2 + random.normal(0, 3, shape)
    return Picture(as_rgb(picture), labels)


def textured(seed, shape=(320, 320)):
    """Silhouettes filled with one photographed texture on another, levels nearly matched."""
    random = np.random.default_rng(seed)
    textures = [data.gravel(), data.brick(), data.grass()]
    crops = []
    for index in random.permutation(3)[:2]:
        start = random.integers(0, 180)
        crops.append(textures[index][start : start + shape[0], start : start + shape[1]].astype(float))
    labels = np.zeros(shape, np.int32)
    if seed % 2:
        horse = ~data.horse()[::2, ::2]
        labels[70 : 70 + horse.shape[0], 55 : 55 + horse.shape[1]] = horse
    else:
        labels = scattered(random, shape, 4, 50, 4, wobble=0.25)
    soft = ndi.gaussian_filter((labels > 0).astype(float), 0.8)
    inside = (crops[0] - crops[0].mean()) / crops[0].std() * 30 + 135
    ground = (crops[1] - crops[1].mean()) / crops[1].std() * 26 + 100
    return Picture(as_rgb(inside * soft + ground * (1 - soft)), labels)


def coins(seed=0):
    """The coins of scikit-image; the same whatever the seed."""
    picture = data.coins()
    smooth = filters.gaussian(picture, 1)
    flat = smooth - filters.gaussian(ndi.minimum_filter(smooth, 61), 25)
    markers = np.zeros(picture.shape, int)
    markers[flat < 0.12] = 1
    markers[morphology.opening(flat > 0.27, morphology.disk(3))] = 2
    mask = segmentation.watershed(filters.sobel(smooth), markers) == 2
    mask = morphology.opening(ndi.binary_fill_holes(mask), morphology.disk(5))
    labels = segmentation.clear_border(measure.label(mask))
    return Picture(as_rgb(picture), measure.label(morphology.remove_small_objects(labels, max_size=500) > 0))


def photos(seed):
    """One photograph each: 0 phase cell, 1 gland, 2 cameraman, 3 rim of a cup, 4 cup and saucer."""
    if seed == 0:
        picture = data.cell()
        mask = morphology.opening(filters.gaussian(picture, 1.5) > 0.55, morphology.disk(5))
        return Picture(as_rgb(picture), measure.label(ndi.binary_fill_holes(mask)))
    if seed == 1:
        picture = data.immunohistochemistry()
        return Picture(picture, polygon(picture.shape[:2], outlines.GLAND).astype(int))
    if seed == 2:
        picture = data.camera()
        person = polygon(picture.shape, outlines.PERSON) & ~polygon(picture.shape, outlines.GAP)
        return Picture(as_rgb(picture), person.astype(int))
    picture = data.coffee()
    rim = np.zeros(picture.shape[:2], bool)
    rim[draw.ellipse(113, 291, 95, 118)] = True
    mask = rim if seed == 3 else polygon(picture.shape[:2], outlines.SAUCER) | rim
    return Picture(picture, mask.astype(int))


def polygon(shape, xy):
    """Return the mask of a polygon of ``(col, row)`` corners."""
    return draw.polygon2mask(shape, np.array(xy, float)[:, ::-1])


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of picture: how it is made, from how many seeds, and how many objects of each are asked for."""

    make: Callable[..., Picture]
    images: int
    objects: int
    real: bool = False


KINDS = {
    "nuclei": Kind(nuclei, 2, 5),
    "spots": Kind(spots, 1, 6),
    "phase": Kind(phase, 2, 4),
    "histology": Kind(histology, 2, 5),
    "vessels": Kind(vessels, 2, 3),
    "membranes": Kind(membranes, 2, 4),
    "cytoplasm": Kind(cytoplasm, 2, 4),
    "textured": Kind(textured, 4, 2),
    "speckled": Kind(speckled, 2, 4),
    "coins": Kind(coins, 1, 8, real=True),
    "photos": Kind(photos, 5, 1, real=True),
}


def pictures(name: str, offset: int = 0) -> Iterator[Picture]:
    """Yield the pictures of a kind, made from seeds that begin at ``offset``."""
    kind = KINDS[name]
    for seed in range(kind.images):
        yield kind.make(seed if kind.real else seed + offset)


def truths(picture: Picture, name: str, seed: int, most: int | None = None) -> list[np.ndarray]:
    """Return masks of some objects; those at the edge or tiny ones are left out where there are others."""
    labels, wanted = picture.labels, KINDS[name].objects
    found = [region for region in measure.regionprops(labels) if region.area >= 30]
    height, width = labels.shape
    inner = [
        region.label
        for region in found
        if min(region.bbox[:2]) > 1 and region.bbox[2] < height - 1 and region.bbox[3] < width - 1
    ]
    pool = inner if len(inner) >= wanted else [region.label for region in found]
    chosen = np.random.default_rng(seed).permutation(pool)[:wanted][:most]
    return [labels == label for label in chosen]


def film(name: str, frames: int = 10, speed: float = 2.0, seed: int = 0) -> list[Picture]:
    """Return a picture on its way: drift, elastic warp and fresh noise, each frame made from the first."""
    first = KINDS[name].make(seed)
    shape, random = first.labels.shape, np.random.default_rng(seed + 7)
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(float)
    drift, warp = random.normal(0, 1, 2), [smooth_noise(random, shape, 30) for _ in range(2)]
    drift /= np.hypot(*drift)
    out = []
    for frame in range(frames):
        way = frame * speed
        at = [rows + way * (0.6 * drift[0] + 0.6 * warp[0]), cols + way * (0.6 * drift[1] + 0.6 * warp[1])]
        planes = [ndi.map_coordinates(first.image[..., k].astype(float), at, order=1, mode="reflect") for k in range(3)]
        picture = np.stack(planes, -1) + random.normal(0, 5, shape)[..., None]
        out.append(Picture(as_rgb(picture), ndi.map_coordinates(first.labels, at, order=0, mode="constant")))
    return out
