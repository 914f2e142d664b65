"""Isolation: which of many candidates are whole objects, copies of others, parts of others, or inside others.

Every candidate gets one status. What follows is exact; nothing else has a say.

*Small and large.* Of two candidates the one with the larger area is the large one; of equal
areas the one with the lower id. ``iou``, ``inside`` (the share of the small one that lies in the
large one) and ``ratio`` (small area over large area) are those of ``masks/relations.py``.

*Pairs.* Two candidates that share pixels are, the first that applies:

1. a pair of duplicates, if ``iou >= duplicate_iou``;
2. nested, if ``inside >= containment`` and ``ratio <= area_ratio``;
3. whole and fragment, if ``iou >= fragment_iou``, and ``ratio <= area_ratio`` (the small one is
   clearly smaller) or ``inside >= containment`` (it lies in the other one);
4. neighbours that overlap: no status follows, the rule of overlap settles their shared pixels.

*Statuses*, in this order; who has one by hand keeps it, whatever follows.

1. ``reject``: the area is below ``minimum_area``.
2. ``duplicate``: candidates are looked at by area, as ``sort`` says, of equal areas the lower id
   first; those that stay by hand before all. One that is a duplicate of any that was looked at
   before it and stayed is a duplicate of the one that it shares the greatest ``iou`` with (ties:
   the one looked at first). So of two duplicates the first stays; in a chain A-B-C, where A and C
   are no duplicates, A and C stay. A duplicate makes nobody else anything.
3. ``nested_child``: among those left, one that is nested in others. Its parent is the smallest of
   these (ties: the lower id), so that a child of a child has the child as its parent.
4. ``parent``: one that is the parent of others, however many, and no child itself. A child that has
   children stays a child; the number of children tells.
5. ``fragment``: among those left, from large to small, one that is a fragment of any that is no
   fragment: of the one with the greatest ``iou`` (ties: the lower id).
6. ``keep``: all others.

*By hand.* A candidate marked ``keep``, ``parent`` or ``nested_child`` stays: it is no duplicate and no
fragment, and others may be that of it. One marked ``reject``, ``duplicate`` or ``fragment`` is out:
others are judged as if it were not there. One marked ``nested_child`` gets the parent that the rules
find, or none; one marked ``keep`` or ``parent`` gets none, and may have children.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.masks.candidates import Harvest, Indices
from napari_sam3_assistant.masks.relations import Floats, Relations

Flags = npt.NDArray[np.bool_]


class Status(StrEnum):
    """What a candidate is; the value is what the user reads."""

    KEEP = "keep"
    REJECT = "reject"
    DUPLICATE = "duplicate"
    PARENT = "parent"
    CHILD = "nested_child"
    FRAGMENT = "fragment"


STAYING = frozenset({Status.KEEP, Status.PARENT, Status.CHILD})
"""What is an object of its own."""


class SortRule(StrEnum):
    """In which order candidates are looked at; the value is what the user reads."""

    SMALL_FIRST = "Area small \N{RIGHTWARDS ARROW} large"
    LARGE_FIRST = "Area large \N{RIGHTWARDS ARROW} small"


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that statuses follow from: an area in pixels, and shares from 0 to 1."""

    minimum_area: int = 64
    duplicate_iou: float = 0.85
    containment: float = 0.90
    fragment_iou: float = 0.15
    area_ratio: float = 0.75
    sort: SortRule = SortRule.SMALL_FIRST


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What was found of a candidate.

    Attributes
    ----------
    status : Status
    by_hand : bool
        Whether the user has said so.
    belongs_to : int or None
        Id of its parent, if it is a child; of a duplicate or a fragment that of the candidate it repeats.
    children : int
        How many candidates have it as their parent.
    iou, containment : float
        The greatest ``iou`` with any other candidate, and the greatest share of it that lies in one other.
    """

    status: Status
    by_hand: bool = False
    belongs_to: int | None = None
    children: int = 0
    iou: float = 0.0
    containment: float = 0.0


def classify(
    harvest: Harvest, relations: Relations, rules: Rules, marks: Mapping[int, Status] | None = None
) -> tuple[Verdict, ...]:
    """Return what each candidate is, by id.

    Parameters
    ----------
    harvest : Harvest
    relations : Relations
        Of its candidates.
    rules : Rules
    marks : mapping of int to Status, or None
        What the user has said of candidates, by id.
    """
    hand = dict(marks or {})
    count = len(harvest.candidates)
    stays, fixed = harvest.area >= rules.minimum_area, np.zeros(count, bool)
    for id, status in hand.items():
        fixed[id - 1], stays[id - 1] = True, status in STAYING
    pairs = _Pairs(relations, rules)
    belongs: Indices = np.full(count, -1, np.int64)
    rejected = ~stays
    _drop_duplicates(harvest, pairs, rules, stays, fixed, belongs)
    duplicate = ~stays & ~rejected
    child = _find_parents(harvest, pairs, stays, fixed, hand, belongs)
    children = np.bincount(belongs[child], minlength=count)
    free = stays & ~fixed & ~child & (children == 0)
    fragment = _find_fragments(harvest, pairs, stays, free, belongs)
    found = [Status.KEEP] * count
    for status, which in (
        (Status.REJECT, rejected),
        (Status.DUPLICATE, duplicate),
        (Status.PARENT, children > 0),
        (Status.CHILD, child),
        (Status.FRAGMENT, fragment),
    ):
        for number in np.flatnonzero(which).tolist():
            found[number] = status
    for id, status in hand.items():
        found[id - 1] = status
    return _verdicts(found, fixed, belongs, children, *strongest(relations, count))


def unjudged(relations: Relations, count: int) -> tuple[Verdict, ...]:
    """Return what is known of ``count`` candidates before they are classified: all are kept."""
    none: Indices = np.full(count, -1, np.int64)
    return _verdicts(
        [Status.KEEP] * count, np.zeros(count, bool), none, np.zeros(count, np.int64), *strongest(relations, count)
    )


def strongest(relations: Relations, count: int) -> tuple[Floats, Floats]:
    """Return the greatest ``iou`` of each of ``count`` candidates, and the greatest share of it in one other."""
    iou, containment = np.zeros(count), np.zeros(count)
    for which in (relations.small, relations.large):
        np.maximum.at(iou, which, relations.iou)
    np.maximum.at(containment, relations.small, relations.inside)
    np.maximum.at(containment, relations.large, relations.inside * relations.ratio)
    return iou, containment


class _Pairs:
    """Which pairs of the relations are duplicates, nested, or whole and fragment."""

    def __init__(self, relations: Relations, rules: Rules) -> None:
        self.all = relations
        smaller, inside = relations.ratio <= rules.area_ratio, relations.inside >= rules.containment
        duplicate = relations.iou >= rules.duplicate_iou
        nested = ~duplicate & inside & smaller
        part = ~duplicate & ~nested & (relations.iou >= rules.fragment_iou) & (smaller | inside)
        self.duplicate, self.nested, self.part = map(np.flatnonzero, (duplicate, nested, part))


def _drop_duplicates(
    harvest: Harvest, pairs: _Pairs, rules: Rules, stays: Flags, fixed: Flags, belongs: Indices
) -> None:
    area = harvest.area if rules.sort is SortRule.SMALL_FIRST else -harvest.area
    rank = _rank(np.lexsort((area, ~(fixed & stays))))
    small, large = pairs.all.small[pairs.duplicate], pairs.all.large[pairs.duplicate]
    swap = rank[small] < rank[large]
    earlier, later = np.where(swap, small, large), np.where(swap, large, small)
    order = np.lexsort((rank[earlier], -pairs.all.iou[pairs.duplicate], rank[later]))
    for first, second in zip(earlier[order].tolist(), later[order].tolist(), strict=True):
        if stays[first] and stays[second] and not fixed[second]:
            stays[second], belongs[second] = False, first


def _find_parents(
    harvest: Harvest, pairs: _Pairs, stays: Flags, fixed: Flags, hand: Mapping[int, Status], belongs: Indices
) -> Flags:
    """Write the parents of children, and return which are children by the rules."""
    able = stays & ~fixed
    for id, status in hand.items():
        able[id - 1] |= status is Status.CHILD
    small, large = pairs.all.small[pairs.nested], pairs.all.large[pairs.nested]
    held = able[small] & stays[large]
    small, large = small[held], large[held]
    order = np.lexsort((large, harvest.area[large], small))
    children, first = np.unique(small[order], return_index=True)
    belongs[children] = large[order][first]
    child = np.zeros(stays.size, bool)
    child[children] = True
    return child


def _find_fragments(harvest: Harvest, pairs: _Pairs, stays: Flags, free: Flags, belongs: Indices) -> Flags:
    rank = _rank(np.argsort(-harvest.area, kind="stable"))
    small, large = pairs.all.small[pairs.part], pairs.all.large[pairs.part]
    order = np.lexsort((large, -pairs.all.iou[pairs.part], rank[small]))
    fragment = np.zeros(stays.size, bool)
    for part, of in zip(small[order].tolist(), large[order].tolist(), strict=True):
        if free[part] and not fragment[part] and stays[of] and not fragment[of]:
            fragment[part], belongs[part] = True, of
    return fragment


def _rank(order: npt.NDArray[np.intp]) -> Indices:
    rank: Indices = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    return rank


def _verdicts(
    found: Sequence[Status], by_hand: Flags, belongs: Indices, children: Indices, iou: Floats, containment: Floats
) -> tuple[Verdict, ...]:
    columns = (one.tolist() for one in (by_hand, belongs, children, iou, containment))
    return tuple(
        Verdict(status, hand, None if of < 0 else of + 1, number, overlap, inside)
        for status, hand, of, number, overlap, inside in zip(found, *columns, strict=True)
    )
