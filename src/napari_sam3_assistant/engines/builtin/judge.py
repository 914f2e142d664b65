"""Judging: how much each of some outlines, wherever they come from, is likely to be the object meant.

It looks at the picture (see :mod:`~napari_sam3_assistant.engines.builtin.looks`), at how far the
rivals agree, at where each comes from, and at the clicks that it does not honour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.candidates import COARSE_JOINT, Candidates
from napari_sam3_assistant.engines.builtin.looks import looks_of
from napari_sam3_assistant.engines.builtin.outlines import Outline, extents, insides
from napari_sam3_assistant.engines.builtin.paint import Clicks
from napari_sam3_assistant.engines.builtin.tree import RegionTree

_RINGS = 24
_SPOKES = 24


def measured(tree: RegionTree, rivals: Candidates, overlap: FloatArray, clicks: Clicks) -> FloatArray:
    """Return what speaks for each candidate, a row each.

    Parameters
    ----------
    tree : RegionTree
    rivals : Candidates
    overlap : ndarray of shape (m, m), float
        Of every two of them, as :func:`overlaps` returns it.
    clicks : Clicks
    """
    looks = looks_of(tree, rivals.outlines, np.tile(clicks.first, (len(rivals.outlines), 1)))
    others = (*_agreement(overlap), *_from(rivals, len(clicks)), *_broken(rivals.outlines, clicks))
    return np.column_stack([looks.measures, *others])


def _from(rivals: Candidates, clicks: int) -> list[FloatArray]:
    """Return where each candidate comes from, and its rank in its tree."""
    kinds = [(rivals.source == kind).astype(float) for kind in range(1, COARSE_JOINT + 1)]
    later = np.log(clicks)
    return [*kinds, *(kind * later for kind in kinds), *(rivals.rank * (rivals.source == kind) for kind in (0, 1))]


def _broken(outlines: Sequence[Outline], clicks: Clicks) -> list[FloatArray]:
    """Return how many positive clicks each outline leaves out, and how many negative ones it holds."""
    rows, cols = clicks.pixels.T.astype(float)
    inside = insides(outlines, rows[None], cols[None])
    missed, held = (clicks.positive & ~inside).sum(axis=1), (~clicks.positive & inside).sum(axis=1)
    return [np.minimum(missed, 1.0), np.log1p(missed), np.minimum(held, 1.0), np.log1p(held)]


def _agreement(overlap: FloatArray) -> list[FloatArray]:
    """Return how well each outline overlaps with its nearest rival, its nearest three, and all."""
    others = overlap - np.diag(np.diag(overlap))
    nearest = -np.sort(-others, axis=1)
    most = max(min(3, nearest.shape[1]), 1)
    return [nearest[:, 0], nearest[:, :most].mean(axis=1), others.mean(axis=1)]


def overlaps(outlines: Sequence[Outline], click: tuple[float, float]) -> FloatArray:
    """Return the overlap (IoU) of every two outlines, by rings round the click that grow with the distance."""
    far = float(np.abs(extents(outlines) - np.array([*click, *click])).max())
    ratio = max(far, 2.0) ** (1 / (_RINGS - 1))
    radius = ratio ** np.arange(_RINGS)
    turn = np.arange(_SPOKES) * (2 * np.pi / _SPOKES)
    rows = (click[0] + np.sin(turn)[:, None] * radius).ravel()
    cols = (click[1] + np.cos(turn)[:, None] * radius).ravel()
    weight = np.tile(radius**2, _SPOKES)
    inside = insides(outlines, rows[None], cols[None]).astype(np.float64)
    shared = (inside * weight) @ inside.T
    area = np.diag(shared)
    overlap: FloatArray = shared / np.maximum(area[:, None] + area - shared, 1e-9)
    return overlap
