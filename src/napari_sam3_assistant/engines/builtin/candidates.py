"""Candidates: all the outlines that some clicks may mean, from the trees and from rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.boxes import nodes_in_box, region_reading
from napari_sam3_assistant.engines.builtin.clicks import guess, reading_of_clicks, rivals, room
from napari_sam3_assistant.engines.builtin.outlines import Node, Outline, Union
from napari_sam3_assistant.engines.builtin.paint import Clicks
from napari_sam3_assistant.engines.builtin.rays import REACHES_PX, stars
from napari_sam3_assistant.engines.builtin.tree import RegionTree

FINE, COARSE, RAYS, FINE_JOINT, COARSE_JOINT = range(5)
_MOST = {FINE: 7, COARSE: 5}
_MOST_LATER = {FINE: 3, COARSE: 3}
_LEAST_RANK = -6.0
_MOST_SHARE = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Rivals for the same clicks.

    Attributes
    ----------
    outlines : list of Outline
    source : ndarray of shape (m,), int
        Where each comes from: ``FINE``, ``COARSE``, ...
    rank : ndarray of shape (m,), float
        Of a node, how much worse it is than the best of its tree by the tree's own measure; 0 for others.
    """

    outlines: list[Outline]
    source: IntArray
    rank: FloatArray


def candidates(tree: RegionTree, clicks: Clicks) -> Candidates:
    """Return what ``clicks``, the first of which is positive, may mean."""
    outlines: list[Outline] = []
    source: list[int] = []
    rank: list[float] = []
    several = len(clicks) > 1
    for kind, one in ((FINE, tree), (COARSE, tree.coarse)):
        if one is None:
            continue
        here = clicks.on(one)
        if several:
            outlines.append(Union(one, reading_of_clicks(one, here).on))
            source.append(FINE_JOINT if kind == FINE else COARSE_JOINT)
            rank.append(0.0)
        nodes, values = rivals(one, int(here.regions[here.positive][0]), here.regions[~here.positive])
        most = (_MOST_LATER if several else _MOST)[kind]
        for index in np.argsort(-values, kind="stable")[:most]:
            outlines.append(_with_others(one, int(nodes[index]), here) if several else Node(one, int(nodes[index])))
            source.append(kind)
            rank.append(max(float(values[index] - values.max()), _LEAST_RANK))
    rings = stars(
        tree,
        clicks.first,
        _reaches(clicks),
        clicks.pixels[clicks.positive][1:].astype(float),
        clicks.pixels[~clicks.positive].astype(float),
    )
    rings = [ring for ring in rings if ring.area < _MOST_SHARE * tree.size]
    outlines += rings
    source += [RAYS] * len(rings)
    rank += [0.0] * len(rings)
    return Candidates(outlines, np.array(source), np.array(rank))


def _with_others(tree: RegionTree, node: int, clicks: Clicks) -> Outline:
    """Return ``node``, found for the first positive click, joined with what the other positive ones mean."""
    on, negative = tree.mask_of(node), clicks.regions[~clicks.positive]
    others = [region for region in clicks.regions[clicks.positive].tolist() if not on[region]]
    for region in others:
        on[tree.regions(guess(tree, region, negative, room(tree, region, on)))] = True
    return Union(tree, on) if others else Node(tree, node)


def candidates_in_box(tree: RegionTree, box: Box) -> Candidates:
    """Return what ``box``, one of :func:`~napari_sam3_assistant.engines.builtin.boxes.box_on`, may be drawn round."""
    outlines: list[Outline] = [Union(tree, region_reading(tree, box).on)]
    source, rank = [FINE_JOINT], [0.0]
    for kind, one, most in ((FINE, tree, 4), (COARSE, tree.coarse, 2)):
        if one is not None:
            nodes, _ = nodes_in_box(one, box, most)
            outlines += [Node(one, int(node)) for node in nodes]
            source += [kind] * len(nodes)
            rank += [-float(place) for place in range(len(nodes))]
    reach = 0.5 * float(np.hypot(*box.size)) + 2
    rings = stars(tree, box.center, [reach, 0.75 * reach], within=box)
    outlines += rings
    return Candidates(outlines, np.array(source + [RAYS] * len(rings)), np.array(rank + [0.0] * len(rings)))


def _reaches(clicks: Clicks) -> list[float]:
    """Return how far rays go: at least to all positive clicks."""
    away = np.sqrt(((clicks.pixels[clicks.positive] - clicks.first) ** 2).sum(axis=1)).max()
    far = [reach for reach in REACHES_PX if reach > away + 2]
    return far or [1.25 * float(away)]
