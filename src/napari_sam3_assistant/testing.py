"""The contract of engines as tests, and small arrays: for our engines and for those of others.

Subclass :class:`EngineTests` in a test module of yours and say how the engine is made::

    class TestMyEngine(EngineTests):
        def make_engine(self):
            return MyEngine()

What an engine does not promise in its ``capabilities`` is not asked of it. One that follows objects through frames
passes :class:`napari_sam3_assistant.testing_video.VideoEngineTests` as well. This module needs pytest.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask, intersection
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import (
    BoxPrompt,
    CropExemplar,
    MaskPrompt,
    PointPrompt,
    Prompts,
    Query,
    TextPrompt,
)
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.proposing import proposing
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine

FIRST_SQUARE = Box(8, 8, 24, 24)
SECOND_SQUARE = Box(36, 40, 52, 56)


def two_squares(dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
    """Return a dark picture of 64 x 72 px with two bright squares of 16 px; the first holds pixel (10, 10)."""
    picture = np.full((64, 72), 30, dtype)
    for box in (FIRST_SQUARE, SECOND_SQUARE):
        picture[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = 200
    return picture


def rgb(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a grey picture of shape (H, W) as RGB, shape (H, W, 3)."""
    return np.repeat(grey[..., None], 3, axis=2)


def noise(shape: tuple[int, int], seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return RGB noise of ``shape`` (H, W), the same for the same seed."""
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def blobs(shape: tuple[int, int] = (128, 160), seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return RGB of bright discs with some noise, the same for the same seed."""
    random = np.random.default_rng(seed)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    picture = np.full(shape, 40.0)
    for _ in range(8):
        row, col = random.uniform(0, shape[0]), random.uniform(0, shape[1])
        picture[np.hypot(rows - row, cols - col) < random.uniform(6, 14)] = random.uniform(90, 220)
    return rgb(np.clip(picture + random.normal(0, 6, shape), 0, 255).astype(np.uint8))


def click(row: float, col: float, *more: tuple[float, float, bool]) -> Prompts:
    """Return a positive point, and ``more`` points as ``(row, col, positive)``."""
    return Prompts((PointPrompt(row, col), *(PointPrompt(*point) for point in more)))


def iou(mask: PlacedMask, box: Box) -> float:
    """Return the overlap (IoU) of a mask with a rectangle of whole pixels."""
    shared = np.count_nonzero(mask.within(box))
    return float(shared / (mask.area + box.area - shared))


def assert_same(a: Segmentation, b: Segmentation) -> None:
    """Fail unless two answers are the same, bit for bit."""
    assert a.score == b.score
    for one, other in zip((a.mask, *a.alternatives), (b.mask, *b.alternatives), strict=True):
        assert one.offset == other.offset
        np.testing.assert_array_equal(one.mask, other.mask)


def assert_sound(answer: Segmentation, shape: tuple[int, int]) -> None:
    """Fail unless an answer has a score in 0 to 1, and masks of booleans inside an image of ``shape``."""
    assert 0 <= answer.score <= 1
    for mask in (answer.mask, *answer.alternatives):
        assert mask.mask.dtype == np.bool_
        assert mask.box is None or intersection(mask.box, Box(0, 0, *shape)) == mask.box
        assert mask.area == mask.trimmed().area


class EngineTests:
    """What every engine must do. Subclass it, and say in ``make_engine`` how the engine is made."""

    def make_engine(self) -> ImageEngine:
        """Return a new engine, not loaded."""
        raise NotImplementedError

    def encode(self, engine: ImageEngine, image: npt.NDArray[np.uint8]) -> Embedding:
        """Return the embedding of an image, without progress or cancel."""
        return engine.encode(image, progress=no_progress, cancel=CancelToken())

    @pytest.fixture
    def engine(self) -> Any:
        """Yield a loaded engine, and close it."""
        engine = self.make_engine()
        engine.load(progress=no_progress, cancel=CancelToken())
        yield engine
        engine.close()

    @pytest.fixture
    def squares(self, engine: ImageEngine) -> Embedding:
        """Return the embedding of ``two_squares()``."""
        return self.encode(engine, rgb(two_squares()))

    def answers(self, engine: ImageEngine, embedding: Embedding) -> list[Segmentation]:
        """Return the answers to every kind of prompt that the engine takes, on the first square."""
        can, prompts = engine.capabilities, []
        if can.points:
            prompts += [click(15, 15), click(15, 15, (30, 30, False)), click(15, 15, (20, 20, True))]
        if can.boxes:
            prompts.append(Prompts(box=BoxPrompt(FIRST_SQUARE)))
        if can.boxes and can.points:
            prompts.append(Prompts((PointPrompt(15, 15), PointPrompt(9, 23, False)), BoxPrompt(FIRST_SQUARE)))
        if can.masks:
            prompts.append(Prompts(mask=MaskPrompt(PlacedMask(np.ones((14, 14), bool), (9, 9)))))
        return [engine.segment(embedding, one) for one in prompts]

    # -- names ------------------------------------------------------------------------------------

    def test_has_a_name_and_weights(self, engine: ImageEngine) -> None:
        assert engine.name
        assert engine.name == engine.name.lower()
        assert engine.weights
        assert engine.capabilities.devices
        assert engine.capabilities.instead

    # -- answers ----------------------------------------------------------------------------------

    def test_embedding_says_its_size(self, squares: Embedding) -> None:
        assert squares.shape == (64, 72)
        assert squares.nbytes > 0

    def test_answers_are_sound(self, engine: ImageEngine, squares: Embedding) -> None:
        for answer in self.answers(engine, squares):
            assert_sound(answer, (64, 72))

    def test_same_image_and_prompts_give_the_same_answer(self, engine: ImageEngine) -> None:
        first, second = (self.encode(engine, rgb(two_squares())) for _ in range(2))

        for a, b in zip(self.answers(engine, first), self.answers(engine, second), strict=True):
            assert_same(a, b)

    def test_one_encode_answers_any_number_of_prompts(self, engine: ImageEngine, squares: Embedding) -> None:
        before = self.answers(engine, squares)
        self.answers(engine, squares)

        for a, b in zip(before, self.answers(engine, squares), strict=True):
            assert_same(a, b)

    def test_embeddings_of_two_sizes_serve_side_by_side(self, engine: ImageEngine, squares: Embedding) -> None:
        alone = self.answers(engine, squares)
        other = self.encode(engine, blobs())

        mixed = [self.answers(engine, embedding) for embedding in (other, squares)]

        for answer in mixed[0]:
            assert_sound(answer, (128, 160))
        for a, b in zip(alone, mixed[1], strict=True):
            assert_same(a, b)

    def test_encoding_leaves_the_image_as_it_is_and_does_not_depend_on_it(self, engine: ImageEngine) -> None:
        image = rgb(two_squares())
        embedding = self.encode(engine, image)
        before = self.answers(engine, embedding)

        np.testing.assert_array_equal(image, rgb(two_squares()))
        image[:] = 0

        for a, b in zip(before, self.answers(engine, embedding), strict=True):
            assert_same(a, b)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (1, 5000), (5000, 1), (5, 7)])
    def test_tiny_and_thin_images_are_answered(self, engine: ImageEngine, shape: tuple[int, int]) -> None:
        embedding = self.encode(engine, noise(shape))

        assert embedding.shape == shape
        if engine.capabilities.points:
            assert_sound(engine.segment(embedding, click(shape[0] - 1, shape[1] - 1)), shape)
        if engine.capabilities.boxes:
            assert_sound(engine.segment(embedding, Prompts(box=BoxPrompt(Box(0, 0, *shape)))), shape)
        if engine.capabilities.proposals is not None:
            assert self.proposed(engine, embedding, (0, 0)).shape == shape

    def test_constant_image_is_answered(self, engine: ImageEngine) -> None:
        embedding = self.encode(engine, np.full((40, 50, 3), 7, np.uint8))

        if engine.capabilities.points:
            assert_sound(engine.segment(embedding, click(20, 20, (5, 5, False))), (40, 50))

    # -- clicks -----------------------------------------------------------------------------------

    @pytest.mark.parametrize("seed", range(5))
    def test_every_click_is_honoured_where_promised(self, engine: ImageEngine, seed: int) -> None:
        if not (engine.capabilities.honours_clicks and engine.capabilities.points):
            pytest.skip("not promised")
        embedding, random = self.encode(engine, blobs(seed=seed)), np.random.default_rng(seed)
        points = [
            PointPrompt(int(r), int(c), bool(p))
            for r, c, p in zip(random.integers(0, 128, 12), random.integers(0, 160, 12), [1, 0] * 6, strict=True)
        ]

        for count in range(1, 13):
            mask = engine.segment(embedding, Prompts(tuple(points[:count]))).mask
            newest = {point.pixel: point.positive for point in points[:count]}
            assert all(mask.value_at(*pixel) == positive for pixel, positive in newest.items())

    # -- finding ----------------------------------------------------------------------------------

    def test_candidates_lie_in_their_boxes_and_fall_with_the_threshold(self, engine: ImageEngine) -> None:
        if not engine.capabilities.exemplars:
            pytest.skip("takes no exemplars")
        embedding = self.encode(engine, rgb(two_squares()))

        found = engine.find(embedding, Query(exemplars=(BoxPrompt(FIRST_SQUARE),)))

        assert len(found) == len(found.boxes) == len(found.scores)
        assert np.all((found.scores >= 0) & (found.scores <= 1))
        boxes = [Box(*map(float, box)) for box in found.boxes]
        counts = []
        for threshold in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
            answers = found.above(threshold)
            counts.append(len(answers))
            assert all(answer.score >= threshold for answer in answers)
            for answer in answers:
                assert_sound(answer, (64, 72))
                assert any(intersection(answer.mask.box or box, box) == answer.mask.box for box in boxes)
        assert counts == sorted(counts, reverse=True)

    # -- proposing --------------------------------------------------------------------------------

    def proposed(self, engine: ImageEngine, embedding: Embedding, *places: tuple[float, float]) -> Candidates:
        """Return what an engine proposes at some places; one that needs none does so by itself."""
        return proposing(engine).propose(embedding, np.array(places).reshape(-1, 2))

    def test_proposals_are_sound_and_those_of_each_place_alone(self, engine: ImageEngine, squares: Embedding) -> None:
        can, places = engine.capabilities.proposals, ((15.0, 15.0), (44.0, 48.0), (2.0, 70.0))
        if can is None:
            pytest.skip("proposes nothing")

        found = self.proposed(engine, squares, *places)
        alone = [self.proposed(engine, squares, one) for one in places if can.points]

        assert found.above(0)
        for answer in found.above(0):
            assert_sound(answer, (64, 72))
        if alone:
            np.testing.assert_allclose(found.scores, np.concatenate([one.scores for one in alone]), atol=1e-3)
            for one, other in zip(found.logits, (one for some in alone for one in some.logits), strict=True):
                assert np.mean((one > 0) == (other > 0)) > 0.99

    # -- errors -----------------------------------------------------------------------------------

    def test_no_prompt_is_an_error(self, engine: ImageEngine, squares: Embedding) -> None:
        with pytest.raises(PromptError):
            engine.segment(squares, Prompts())

    def test_point_outside_is_an_error(self, engine: ImageEngine, squares: Embedding) -> None:
        if not engine.capabilities.points:
            pytest.skip("takes no points")

        for place in ((-1, 5), (5, -1), (64, 5), (5, 72), (1e6, 1e6)):
            with pytest.raises(PromptError):
                engine.segment(squares, click(*place))
            if (asked := engine.capabilities.proposals) is not None and asked.points is not None:
                with pytest.raises(PromptError):
                    self.proposed(engine, squares, place)

    def test_box_or_exemplar_outside_is_an_error(self, engine: ImageEngine, squares: Embedding) -> None:
        outside = BoxPrompt(Box(100, 100, 120, 120))

        if engine.capabilities.boxes:
            with pytest.raises(PromptError):
                engine.segment(squares, Prompts(box=outside))
        if engine.capabilities.exemplars:
            with pytest.raises(PromptError):
                engine.find(squares, Query(exemplars=(outside,)))

    def test_kinds_that_are_not_taken_are_unsupported_and_say_what_to_do(
        self, engine: ImageEngine, squares: Embedding
    ) -> None:
        can, box = engine.capabilities, BoxPrompt(FIRST_SQUARE)
        mask = MaskPrompt(PlacedMask(np.ones((4, 4), bool), (10, 10)))
        asked: list[tuple[bool, Any, Prompts | Query]] = [
            (can.points, engine.segment, click(15, 15)),
            (can.boxes, engine.segment, Prompts(box=box)),
            (can.masks, engine.segment, Prompts(mask=mask)),
            (can.text, engine.find, Query(texts=(TextPrompt("square"),))),
            (can.exemplars, engine.find, Query(exemplars=(box,))),
            (can.crops, engine.find, Query(crop=CropExemplar(rgb(two_squares()), FIRST_SQUARE))),
        ]

        for taken, ask, what in asked:
            if not taken:
                with pytest.raises(Unsupported) as caught:
                    ask(squares, what)
                assert caught.value.hint

    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((8, 8), np.uint8),
            np.zeros((8, 8, 4), np.uint8),
            np.zeros((8, 8, 3), np.float32),
            np.zeros((8, 8, 3), np.uint16),
            np.zeros((0, 8, 3), np.uint8),
            np.zeros((8, 0, 3), np.uint8),
        ],
        ids=["grey", "rgba", "float", "16-bit", "no rows", "no columns"],
    )
    def test_what_is_no_image_is_an_error_of_ours(self, engine: ImageEngine, image: Any) -> None:
        with pytest.raises(EngineError):
            self.encode(engine, image)

    # -- progress, cancel, close ------------------------------------------------------------------

    def test_progress_rises_and_ends_at_one(self, engine: ImageEngine) -> None:
        seen: list[float] = []

        def progress(fraction: float | None, message: str = "") -> None:
            if fraction is not None:
                seen.append(fraction)

        engine.encode(blobs(), progress=progress, cancel=CancelToken())

        assert seen == sorted(seen)
        assert 0 <= seen[0] <= seen[-1] == 1

    def test_cancelled_before_or_during_encode_stops_it(self, engine: ImageEngine) -> None:
        before, during = CancelToken(), CancelToken()
        before.cancel()

        with pytest.raises(Cancelled):
            engine.encode(blobs(), progress=no_progress, cancel=before)
        with pytest.raises(Cancelled):
            engine.encode(blobs(), progress=lambda fraction, message="": during.cancel(), cancel=during)
        if engine.capabilities.points:
            assert_sound(engine.segment(self.encode(engine, blobs()), click(5, 5)), (128, 160))

    def test_closed_engine_refuses_until_it_is_loaded_again(self, engine: ImageEngine, squares: Embedding) -> None:
        engine.close()
        engine.close()

        with pytest.raises(EngineError):
            self.encode(engine, blobs())
        with pytest.raises(EngineError):
            engine.segment(squares, click(15, 15))

        engine.load(progress=no_progress, cancel=CancelToken())
        assert self.encode(engine, blobs()).shape == (128, 160)

    def test_engine_keeps_no_embedding(self, engine: ImageEngine) -> None:
        embedding = self.encode(engine, blobs())
        gone = weakref.ref(embedding)
        self.answers(engine, embedding)

        del embedding
        gc.collect()

        assert gone() is None

    def test_closed_engine_is_freed(self) -> None:
        engine = self.make_engine()
        engine.load(progress=no_progress, cancel=CancelToken())
        embedding = self.encode(engine, blobs())
        gone = weakref.ref(engine)

        engine.close()
        del engine
        gc.collect()

        assert gone() is None
        assert embedding.shape == (128, 160)

    # -- foreign things ---------------------------------------------------------------------------

    def test_all_errors_are_ours(self, engine: ImageEngine) -> None:
        class Foreign:
            nbytes, shape = 1, (64, 72)

        with pytest.raises(AssistantError):
            engine.segment(Foreign(), click(15, 15))
