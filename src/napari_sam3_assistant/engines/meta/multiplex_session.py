"""Objects that SAM3.1 multiplex follows through frames that are shown one at a time.

Its predictor wants all frames of a film when a session starts. So each new frame is one run: a session with the frames
from where the objects were given up to this one, what was said of them, and a propagation; it is closed before the
answer is given. That costs more with every frame, and leaves nothing behind: no session expires or fills the GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.meta import diagnostics
from napari_sam3_assistant.engines.meta.multiplex import LIMITS, MOST_POINTS, Frame, Objects, Runs, Said
from napari_sam3_assistant.engines.places import corners_round, places_of
from napari_sam3_assistant.engines.protocol import Embedding, check_number, check_shape, check_video

NO_MASKS = (
    "Labels-mask prompts are not supported by the SAM3 video predictor API used for 3D/video propagation.",
    "Use a box or point prompt on the selected frame, or run labels-mask prompting as a 2D image task.",
)
NOT_MIXED = (
    "SAM3 video point prompts cannot be combined with text or box prompts in one request.",
    "Use points alone for tracker refinement, or run a separate text/box 3D prompt.",
)
TOO_MANY = (
    f"SAM3 video point prompts support up to {MOST_POINTS} points per request.",
    "Use fewer points or split corrections into separate runs.",
)
NEGATIVE = (
    "SAM3 3D/video box propagation supports positive tracking boxes.",
    "Use point prompts for negative corrections after starting the object.",
)
MOST_FRAMES = 512
"""So many frames make a run at most: the predictor keeps all of them in memory."""

Look = Callable[[Embedding], tuple[Runs, Frame]]


@dataclass(slots=True, eq=False)
class _Pass:
    """Frames on the way from where objects were given, in one direction.

    Attributes
    ----------
    start : int
        The frame that was prompted or begun on last.
    pictures : dict of int to ndarray
        By frame, all those that were shown since.
    """

    start: int
    pictures: dict[int, npt.NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One run: frames in their order, the place of the one to start at, and who is followed which way."""

    start: int
    frames: list[int]
    pictures: Mapping[int, npt.NDArray[np.uint8]]
    backward: bool
    following: set[int]


class MultiplexSession:
    """Objects followed by SAM3.1; see :class:`~napari_sam3_assistant.engines.protocol.VideoSession`. Unverified.

    Objects are given by points, or by a box, which is passed on as its two corners. A mask that objects are begun by,
    where they are followed on from what another pass has found, is passed on as the box round it.

    Parameters
    ----------
    look : callable
        Returns the predictor, and the frame that an embedding is.
    teller : Teller
    """

    def __init__(self, look: Look, teller: diagnostics.Teller = diagnostics.QUIET) -> None:
        self._look, self._teller = look, teller
        self._said: dict[int, dict[int, Prompts]] = {}
        self._pass: _Pass | None = None
        self._following: set[int] = set()
        self._shape: tuple[int, int] | None = None
        self._last: tuple[int, bool] | None = None

    def prompt(
        self,
        frame: int,
        embedding: Embedding,
        object_id: int,
        prompts: Prompts,
        present: PlacedMask | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Segmentation:
        """Set or correct an object; see :meth:`VideoSession.prompt`. The answer goes by this frame alone."""
        check_number(object_id)
        _check(prompts)
        runs, known = self._frame(embedding, cancel)
        said = _said(0, object_id, prompts, known.shape)
        self._teller.prompt(frame, known.shape, [prompts])
        with runs.session([known.picture], self._teller) as session:
            found = _fitting(session.add(said), known.shape).get(object_id)
        mask, score = found if found is not None else (np.zeros(known.shape, bool), 0.0)
        self._said.setdefault(frame, {})[object_id] = prompts
        self._arrive(frame, known, {object_id})
        return Segmentation(PlacedMask(mask).trimmed(), score)

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``; see :meth:`VideoSession.begin`."""
        _, known = self._frame(embedding)
        there = self._said.get(frame, {})
        new = {number: _round(mask, known.shape) for number, mask in masks.items() if number not in there}
        if new:
            self._said.setdefault(frame, {}).update(new)
        self._arrive(frame, known, set(masks))

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``; see :meth:`VideoSession.step`. ``cancel`` is looked at after each frame."""
        if self._pass is None or not self._following or self._last is None:
            raise PromptError("There is no object to follow.", hint="Click on one first.")
        runs, known = self._frame(embedding, cancel)
        before, way = self._last
        backward = way if frame == before else frame < before
        following = self._following if ids is None else self._following & set(ids)
        pictures = self._pass.pictures | {frame: known.picture}
        frames = sorted(pictures)
        if len(frames) > MOST_FRAMES:
            raise EngineError(
                f"SAM3.1 follows objects through {MOST_FRAMES} frames at a time.",
                hint=f"Give the objects anew on frame {before}, and propagate from there.",
            )
        run = _Run(frames.index(self._pass.start), frames, pictures, backward, following)
        found = self._followed(runs, run, frame, cancel) if following else {}
        self._pass.pictures, self._last, self._following = pictures, (frame, backward), following
        objects = {
            number: Segmentation(PlacedMask(mask).trimmed(), score)
            for number, (mask, score) in found.items()
            if number in following and mask.any()
        }
        return FrameResult(frame, objects)

    def remove(self, object_id: int) -> None:
        """Follow the object no longer, and forget it."""
        self._following.discard(object_id)
        for there in self._said.values():
            there.pop(object_id, None)

    def close(self) -> None:
        """Forget all objects and frames."""
        self._said.clear()
        self._following.clear()
        self._pass = self._last = self._shape = None

    def _followed(self, runs: Runs, run: _Run, wanted: int, cancel: CancelToken | None) -> Objects:
        """Return the objects of a frame: by number, mask and score."""
        with runs.session([run.pictures[one] for one in run.frames], self._teller) as session:
            for position, frame in enumerate(run.frames):
                for number, prompts in self._said.get(frame, {}).items():
                    if number in run.following:
                        session.add(_said(position, number, prompts, run.pictures[frame].shape))
            with closing(session.follow(run.start, run.backward)) as answers:
                for position, found in answers:
                    if cancel is not None:
                        cancel.raise_if_cancelled()
                    if position not in range(len(run.frames)):
                        raise ValueError(f"There is no frame at {position}.")
                    if run.frames[position] == wanted:
                        return _fitting(found, run.pictures[wanted].shape)
            raise ValueError("The run has ended before the frame that was asked for.")

    def _arrive(self, frame: int, known: Frame, ids: set[int]) -> None:
        """Go on from ``frame`` with ``ids``, and with those that were followed onto it."""
        if self._last is None or self._last[0] != frame:
            self._following = set(self._said.get(frame, {}))
            self._pass = _Pass(frame, {frame: known.picture})
        self._following |= ids
        self._shape, self._last = known.shape, (frame, False)

    def _frame(self, embedding: Embedding, cancel: CancelToken | None = None) -> tuple[Runs, Frame]:
        if cancel is not None:
            cancel.raise_if_cancelled()
        runs, known = self._look(embedding)
        check_shape(known.shape, self._shape)
        return runs, known


def _fitting(found: Objects, shape: tuple[int, ...]) -> Objects:
    """Return objects whose masks are of a frame's shape, and whose scores are numbers; else raise ValueError."""
    for number, (mask, score) in found.items():
        if mask.shape != tuple(shape[:2]) or not np.isfinite(score):
            raise ValueError(
                f"Object {number} has a mask of {mask.shape} and the score {score}, on a frame of {shape}."
            )
    return found


def _check(prompts: Prompts) -> None:
    if prompts.mask is not None:
        raise Unsupported(NO_MASKS[0], hint=NO_MASKS[1])
    if prompts.box is not None and prompts.points:
        raise Unsupported(NOT_MIXED[0], hint=NOT_MIXED[1])
    if len(prompts.points) > MOST_POINTS:
        raise PromptError(TOO_MANY[0], hint=TOO_MANY[1])
    if prompts.box is not None and not prompts.box.positive:
        raise Unsupported(NEGATIVE[0], hint=NEGATIVE[1])
    check_video(prompts, LIMITS, NO_MASKS[1])
    if not prompts.positive and prompts.box is None:
        raise PromptError("There are only negative points.", hint="Add a positive one: click on the object.")


def _said(position: int, object_id: int, prompts: Prompts, shape: tuple[int, ...]) -> Said:
    """Return what is said of an object as the predictor takes it."""
    size = (shape[0], shape[1])
    if prompts.box is not None:
        left, top, right, bottom = (float(one) for one in corners_round(prompts.box, size))
        return Said(position, object_id, [(left, top), (right, bottom)], [2, 3])
    places, labels = places_of(prompts.points, size)
    return Said(position, object_id, [(float(x), float(y)) for x, y in places], [int(one) for one in labels])


def _round(mask: PlacedMask, shape: tuple[int, int]) -> Prompts:
    """Return the box round a mask."""
    inside = PlacedMask(mask.within(Box(0, 0, *shape))).trimmed()
    if inside.box is None:
        raise PromptError("The mask lies outside the image.", hint="Paint on the picture itself.")
    return Prompts(box=BoxPrompt(inside.box))
