"""A picture of wins and of what still fails: the truth in green, the answer in magenta, clicks in white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage as ndi

from benchmarks.evaluation.pictures import KINDS, truths
from benchmarks.evaluation.protocol import encoded, full, iou, next_click
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.engines.protocol import ImageEngine

FILE = "built-in-engine.png"
SEED = 600
SHOWN = ("nuclei", "cytoplasm", "speckled", "histology", "membranes", "vessels", "textured", "photos")
CLICKS = 1, 3
_SIDE = 156
_TRUTH, _ANSWER, _CLICK = (0, 220, 0), (255, 0, 220), (255, 255, 255)


def draw(engine: ImageEngine, folder: Path) -> Path:
    """Write a sheet, a column a kind: an object after one click, and below it after three.

    The object is the one of middling overlap after three clicks, so neither the best nor the worst.
    """
    sheet = Image.new("RGB", (_SIDE * len(SHOWN), (_SIDE + 14) * len(CLICKS)), "black")
    for column, name in enumerate(SHOWN):
        for row, (panel, overlap) in enumerate(_middling(engine, name)):
            place = column * _SIDE, row * (_SIDE + 14)
            sheet.paste(panel, (place[0], place[1] + 14))
            words = f"{name}, {CLICKS[row]} click{'s' if CLICKS[row] > 1 else ''}: {overlap:.2f}"
            ImageDraw.Draw(sheet).text((place[0] + 3, place[1] + 1), words, fill="white")
    folder.mkdir(parents=True, exist_ok=True)
    sheet.quantize(96, dither=Image.Dither.NONE).save(folder / FILE, optimize=True)
    return folder / FILE


def _middling(engine: ImageEngine, name: str) -> list[tuple[Image.Image, float]]:
    tried = []
    for seed in range(KINDS[name].images):
        picture = KINDS[name].make(seed if KINDS[name].real else SEED + seed)
        embedding = encoded(engine, picture.image)
        for truth in truths(picture, name, seed, 4):
            points: list[PointPrompt] = []
            mask, panels = np.zeros(truth.shape, bool), []
            for count in range(1, max(CLICKS) + 1):
                points.append(next_click(truth, mask))
                mask = full(engine.segment(embedding, Prompts(tuple(points))).mask, truth.shape)
                if count in CLICKS:
                    panels.append((_panel(picture.image, truth, mask, points), iou(mask, truth)))
            tried.append(panels)
    return sorted(tried, key=lambda panels: panels[-1][1])[len(tried) // 2]


def _panel(image: np.ndarray, truth: np.ndarray, mask: np.ndarray, points: list[PointPrompt]) -> Image.Image:
    rows, cols = np.nonzero(truth)
    side = min(round(1.7 * max(np.ptp(rows), np.ptp(cols))) + 16, *truth.shape)
    top, left = (
        int(np.clip(np.mean([at.min(), at.max()]) - side / 2, 0, n - side))
        for at, n in zip((rows, cols), truth.shape, strict=True)
    )
    cut = slice(top, top + side), slice(left, left + side)
    panel = np.array(
        Image.fromarray(np.ascontiguousarray(image[cut])).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    )
    for one, color in ((truth, _TRUTH), (mask, _ANSWER)):
        large = np.array(Image.fromarray(one[cut]).resize((_SIDE, _SIDE), Image.Resampling.NEAREST))
        panel[large & ~ndi.binary_erosion(large)] = color
    drawn = Image.fromarray(panel)
    for point in points:
        r, c = ((at - start + 0.5) * _SIDE / side for at, start in ((point.row, top), (point.col, left)))
        arms = [((c - 4, r), (c + 4, r)), ((c, r - 4), (c, r + 4))] if point.positive else [((c - 4, r), (c + 4, r))]
        for arm in arms:
            ImageDraw.Draw(drawn).line(arm, fill=_CLICK, width=2)
    return drawn
