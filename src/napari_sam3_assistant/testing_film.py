"""Two squares on their way, and what is said of them: the ground on which engines are tested that follow objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, VideoLimits, VideoSession, video_of
from napari_sam3_assistant.testing import (
    FIRST_SQUARE,
    SECOND_SQUARE,
    assert_same,
    assert_sound,
    iou,
    rgb,
    two_squares,
)

SHAPE = (64, 72)
STEP_PX = 2
GOOD = 0.7


def frame_of_squares(frame: int) -> npt.NDArray[np.uint8]:
    """Return RGB of two bright squares that move down by :data:`STEP_PX` a frame; they stay whole up to frame 5."""
    return np.roll(rgb(two_squares()), STEP_PX * frame, axis=0)


def at(box: Box, frame: int) -> Box:
    """Return where a square is on a frame."""
    return box.shifted(STEP_PX * frame, 0)


def mask_in(box: Box) -> Prompts:
    """Return the pixels of a box as a mask prompt."""
    return Prompts(mask=MaskPrompt(whole_of(box)))


def whole_of(box: Box) -> PlacedMask:
    """Return all pixels of a box."""
    height, width = map(int, box.size)
    return PlacedMask(np.ones((height, width), bool), (int(box.top), int(box.left)))


class FilmTests:
    """What tests of following share: the engine, sessions, frames, prompts, and what is right.

    Attributes
    ----------
    sees : bool
        Whether it follows a bright square on a dark ground. An engine with random weights does not.
    keeps : int
        Of how many frames a session may keep embeddings, beside those in use.
    """

    sees = True
    keeps = 3

    def make_engine(self) -> ImageEngine:
        """Return a new engine, not loaded."""
        raise NotImplementedError

    @pytest.fixture
    def engine(self) -> Iterator[ImageEngine]:
        """Yield a loaded engine, and close it."""
        engine = self.make_engine()
        engine.load(progress=no_progress, cancel=CancelToken())
        yield engine
        engine.close()

    @pytest.fixture
    def session(self, engine: ImageEngine) -> Iterator[VideoSession]:
        """Yield a session without objects, and close it."""
        session = video_of(engine).start()
        yield session
        session.close()

    def encode(self, engine: ImageEngine, image: npt.NDArray[np.uint8]) -> Embedding:
        """Return the embedding of an image, without progress or cancel."""
        return engine.encode(image, progress=no_progress, cancel=CancelToken())

    def frames(self, engine: ImageEngine, count: int = 4) -> list[Embedding]:
        """Return embeddings of the first frames of the squares."""
        return [self.encode(engine, frame_of_squares(frame)) for frame in range(count)]

    def limits(self, engine: ImageEngine) -> VideoLimits:
        """Return what it takes."""
        limits = engine.capabilities.video
        assert limits is not None
        return limits

    def kinds(self, engine: ImageEngine) -> dict[str, tuple[bool, Any]]:
        """Return by name of each kind of prompt whether it is taken, and a prompt of it for a square."""
        can = self.limits(engine)

        def middle(box: Box) -> PointPrompt:
            return PointPrompt(box.top + 7, box.left + 7)

        return {
            "points": (can.points, lambda box: Prompts((middle(box),))),
            "boxes": (can.boxes, lambda box: Prompts(box=BoxPrompt(box))),
            "masks": (can.masks, mask_in),
            "points and a box": (
                can.points and can.boxes and can.mixes,
                lambda box: Prompts((middle(box),), BoxPrompt(box)),
            ),
        }

    def begun(self, engine: ImageEngine, box: Box) -> Prompts:
        """Return prompts that begin an object, of a kind that is taken."""
        return next(make(box) for taken, make in self.kinds(engine).values() if taken)

    def follow(self, engine: ImageEngine, session: VideoSession, frames: list[Embedding]) -> list[FrameResult]:
        """Begin both squares on the first frame, and follow them through the others."""
        for object_id, box in ((1, FIRST_SQUARE), (2, SECOND_SQUARE)):
            session.prompt(0, frames[0], object_id, self.begun(engine, box))
        return [session.step(frame, embedding) for frame, embedding in enumerate(frames[1:], 1)]

    def assert_right(self, found: FrameResult, frame: int, *ids: int) -> None:
        """Fail unless an answer is sound and about ``ids`` alone, and all are where they are if the engine sees."""
        assert found.frame == frame
        assert found.objects.keys() <= set(ids)
        assert found.lost <= set(ids)
        assert not found.lost & found.objects.keys()
        for answer in found.objects.values():
            assert_sound(answer, SHAPE)
            assert answer.mask.area
        if self.sees:
            assert sorted(found.objects) == sorted(ids)
            for object_id in ids:
                box = FIRST_SQUARE if object_id == 1 else SECOND_SQUARE
                assert iou(found.objects[object_id].mask, at(box, frame)) > GOOD

    def assert_alike(self, a: FrameResult, b: FrameResult) -> None:
        """Fail unless two answers are the same, bit for bit."""
        assert (a.frame, a.lost, sorted(a.objects)) == (b.frame, b.lost, sorted(b.objects))
        for object_id, one in a.objects.items():
            assert_same(one, b.objects[object_id])
