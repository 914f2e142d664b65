"""Faults: why a mask on a frame is doubtful, told from the course of its object alone.

Masks are held against the object's own course, never against other objects or a fixed size. A frame is doubtful where

* its score is far below what is usual of the object,
* its area jumps: it differs from the frames beside it more than the object's area does elsewhere,
* it moved far: its centre lies farther from where the frames beside it lead than it does elsewhere,
* it is in several pieces, and the frames beside it are not all so, or
* it touches the edge of what is looked at, and both frames beside it do not: one that leaves touches it longer.

Where size or place changes and stays so, the frames beyond the change are not held against it: the first one is
marked, seen from the nearest frame on which the user said something. A frame on which the user has said something
is never doubtful.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SCORE, AREA, MOVED, PIECES, EDGE = 1, 2, 4, 8, 16
"""Why a frame is doubtful; a frame may have several of these."""
WORDS = {
    SCORE: "low score",
    AREA: "area jumps",
    MOVED: "moved far",
    PIECES: "in several pieces",
    EDGE: "touches the edge",
}
SPREADS = 5.0
"""What differs by so many times the object's usual difference is an outlier."""
LEAST_SCORE = 0.3
"""A score is low only where it is so much below the object's usual one."""
LEAST_AREA = 0.35
"""An area jumps only where its logarithm does by so much: to 1.4 times, or to 0.7 times."""
LEAST_MOVE = 0.5
"""A mask has moved far only where it has by so much of its radius, that of a circle of its area."""
MOST_AREA, MOST_MOVE = 1.8, 3.0
"""What differs by more, to 6 times or by three radii, is an outlier whatever is usual: an object on few frames has no
other course than its outliers."""
LOOSE = 0.1
"""A mask is in several pieces where so much of its area lies apart from the largest one."""
ENOUGH = 4
"""Frames from which on what is usual can be told."""

COURSE = np.dtype(
    [
        ("there", "?"),
        ("said", "?"),
        ("area", "f8"),
        ("score", "f4"),
        ("row", "f4"),
        ("col", "f4"),
        ("loose", "f4"),
        ("edge", "u1"),
    ]
)
"""Of each frame: whether the object is there, whether the user said so, area and centre in pixels, the share of the
area apart from its largest piece, and which edges of what is looked at it touches."""
Course = npt.NDArray[np.void]
Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


def faults(frames: npt.NDArray[np.int64], own: Course) -> npt.NDArray[np.uint8]:
    """Return why an object is doubtful on each of its frames, whatever the user has said."""
    joined = np.diff(frames) == 1
    size = np.log(own["area"])[:, None]
    place = np.stack([own["row"], own["col"]], axis=1) / np.sqrt(np.median(own["area"]) / np.pi)
    away = _away(frames, own["said"])
    low = np.zeros(len(frames), bool)
    if len(frames) >= ENOUGH:
        usual = float(np.median(own["score"]))
        low = own["score"] < usual - max(LEAST_SCORE, SPREADS * float(np.median(np.abs(own["score"] - usual))))
    free = ~_between(own["said"], joined)
    apart = own["loose"] >= LOOSE
    touched = own["edge"] > 0
    return np.asarray(
        SCORE * low
        + AREA * (free & _jumps(size, joined, away, LEAST_AREA, MOST_AREA))
        + MOVED * (free & _jumps(place, joined, away, LEAST_MOVE, MOST_MOVE))
        + PIECES * _unlike(apart, joined)
        + EDGE * _alone(touched, joined),
        np.uint8,
    )


def _away(frames: npt.NDArray[np.int64], said: Truths) -> Truths:
    """Return of each frame whether what it was followed from lies before it, as far as can be told."""
    given = np.flatnonzero(said)
    if not len(given):
        return np.ones(len(frames), bool)
    where = frames[given]
    after = np.searchsorted(where, frames)
    before = frames - where[np.maximum(after - 1, 0)]
    behind = where[np.minimum(after, len(where) - 1)] - frames
    away: Truths = (after > 0) & ((after == len(where)) | (before <= behind))
    return away


def _between(said: Truths, joined: Truths) -> Truths:
    """Return the frames between two on which the user has said something: a jump there was seen."""
    made = np.zeros(len(said), bool)
    made[1:-1] = said[:-2] & said[2:] & joined[:-1] & joined[1:]
    return made


def _jumps(values: Floats, joined: Truths, away: Truths, least: float, most: float) -> Truths:
    """Return the frames on which a value leaves its course.

    A step from one frame to the next is an outlier where it differs from the steps beside it by more than ``least``,
    and by ``SPREADS`` times what is usual or by more than ``most``. The frame that it leads to is marked; a step back
    is no second fault.
    """
    marked = np.zeros(len(values), bool)
    if len(values) < ENOUGH:
        return marked
    steps = np.where(joined[:, None], np.diff(values, axis=0), np.nan)
    off = np.linalg.norm(np.nan_to_num(steps - _beside(steps)), axis=1)
    limit = min(max(least, SPREADS * float(np.median(off[joined]))), most) if joined.any() else least
    out = (off > limit) & joined
    for k in np.flatnonzero(out):
        onward = bool(away[k + 1])
        other = k - 1 if onward else k + 1
        back = 0 <= other < len(out) and out[other] and np.linalg.norm(steps[k] + steps[other]) < limit
        if not back:
            marked[k + 1 if onward else k] = True
    return marked


def _beside(steps: Floats) -> Floats:
    """Return the median of the two steps before each one and the two after it, as far as there are any."""
    none = np.full((2, steps.shape[1]), np.nan)
    long = np.concatenate([none, steps, none])
    count = len(steps)
    around = [long[shift : shift + count] for shift in (0, 1, 3, 4)]
    there = [~np.isnan(one) for one in around]
    known = np.sum(there, axis=0)
    high = np.fmax(np.fmax(around[0], around[1]), np.fmax(around[2], around[3]))
    low = np.fmin(np.fmin(around[0], around[1]), np.fmin(around[2], around[3]))
    total = sum(np.where(known_one, one, 0.0) for known_one, one in zip(there, around, strict=True))
    middle = np.where(known > 2, total - high - low, total) / np.maximum(np.where(known > 2, known - 2, known), 1)
    return np.asarray(np.nan_to_num(middle), np.float64)


def _unlike(held: Truths, joined: Truths) -> Truths:
    """Return the frames where something holds, and beside them it does not, or there is no frame."""
    free = np.ones(len(held) + 2, bool)
    free[1:-1] = ~held
    broken = np.ones(len(held) + 1, bool)
    broken[1:-1] = ~joined
    beside: Truths = free[:-2] | broken[:-1] | free[2:] | broken[1:]
    return held & beside


def _alone(held: Truths, joined: Truths) -> Truths:
    """Return the frames where something holds, between two where it does not."""
    free = np.zeros(len(held), bool)
    free[1:-1] = joined[:-1] & joined[1:] & ~held[:-2] & ~held[2:]
    return held & free


def words(why: int) -> str:
    """Return what a sum of reasons says: ``"area jumps, moved far"``; empty for none."""
    return ", ".join(text for flag, text in WORDS.items() if why & flag)
