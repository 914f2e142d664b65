"""Every object of a view, on engines that propose, that read many points at once, and on any other."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, EmbeddingLost, EngineError, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.proposing import completed
from napari_sam3_assistant.engines.protocol import Capabilities, Proposals
from napari_sam3_assistant.tasks import everything
from napari_sam3_assistant.tasks.everything import Everything, EverythingOptions, find_everything, grid
from napari_sam3_assistant.tasks.suppression import Suppression
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.testing import FIRST_SQUARE, SECOND_SQUARE, iou, two_squares
from tests.tasks.doubles import view_at

GROUND = 30


@dataclass(frozen=True, eq=False)
class Levels:
    """An embedding: a picture of few grey levels."""

    grey: np.ndarray
    nbytes: int = 0

    @property
    def shape(self):
        return self.grey.shape

    def object_at(self, row: float, col: float) -> Segmentation:
        """What has the level of a pixel; its score is that level."""
        level = self.grey[round(row), round(col)]
        return Segmentation(PlacedMask(self.grey == level).trimmed(), float(level) / 255)


class Plain:
    """Answers a click with all that has its grey level."""

    name, weights = "plain", "none"
    capabilities = Capabilities(threshold=0.5)

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []
        self.counts: Counter[str] = Counter()
        self.fail: list[Exception] = []

    def load(self, *, progress, cancel) -> None: ...

    def encode(self, image, *, progress, cancel) -> Levels:
        self.counts["encode"] += 1
        return Levels(image[..., 0])

    def segment(self, embedding, prompts, previous=None) -> Segmentation:
        (point,) = prompts.points
        self.asked.append((point.row, point.col))
        if self.fail:
            raise self.fail.pop()
        return embedding.object_at(point.row, point.col)

    def close(self) -> None: ...


class Batched(Plain):
    """Reads four points in a call; the second square is less stable than the first."""

    capabilities = Capabilities(proposals=Proposals(points=4, least_score=0.5, least_stability=0.9))

    def propose(self, embedding, places) -> Candidates:
        self.counts["propose"] += 1
        assert len(places) <= 4
        found = [embedding.object_at(row, col) for row, col in places.tolist()]
        self.asked += [(row, col) for row, col in places.tolist()]
        boxes = np.array([one.mask.box.corners for one in found], np.float32)
        stable = np.array([0.95 if one.mask.value_at(15, 15) else 0.8 for one in found], np.float32)
        scores = np.array([one.score for one in found], np.float32)
        return Candidates(scores, boxes, tuple(one.mask.mask for one in found), boxes, embedding.shape, stable)


class Stepping(Plain):
    """Finds both squares by itself, in four steps that take no time, but where ``pace`` waits."""

    capabilities = Capabilities(proposals=Proposals(least_score=0.5, steps=True))
    pace = staticmethod(lambda: None)

    def propose(self, embedding, places) -> Candidates:
        return completed(self.propose_in_steps(embedding))

    def propose_in_steps(self, embedding):
        self.counts["begun"] += 1
        for done in (0.0, 0.3, 0.6, 1.0):
            self.counts["steps"] += 1
            self.pace()
            if self.fail:
                raise self.fail.pop()
            yield done
        found = [embedding.object_at(10, 10), embedding.object_at(40, 44)]
        boxes = np.array([one.mask.box.corners for one in found], np.float32)
        scores = np.array([one.score for one in found], np.float32)
        return Candidates(scores, boxes, tuple(one.mask.mask for one in found), boxes, embedding.shape)


def view(grey=None, window=None) -> View:
    return view_at(np.asarray(two_squares() if grey is None else grey)[None], window=window)


def run(engine, options=None, at=None):
    at = view() if at is None else at
    return find_everything(engine, EmbeddingCache(), at, options, progress=no_progress, cancel=CancelToken())


def step(work, engine, cache, **told):
    work.step(engine, cache, **{"progress": no_progress, "cancel": CancelToken(), **told})


def squares() -> np.ndarray:
    """Two squares of their own levels, small beside the ground; the second is brighter."""
    grey = np.pad(two_squares(), ((0, 64), (0, 56)), constant_values=GROUND)
    grey[36:52, 40:56] = 201
    return grey


def overlaps(found) -> list[float]:
    """How well the second square is found, and the first."""
    return [max(iou(one.mask, box) for one in found) for box in (SECOND_SQUARE, FIRST_SQUARE)]


@pytest.mark.parametrize("engine", [Plain, Batched, Stepping, BuiltinEngine])
def test_each_of_two_squares_is_found_once_and_the_ground_is_not(engine):
    found = run(engine(), EverythingOptions(8, least_stability=0), view(squares())).objects

    assert len(found) == 2
    assert min(overlaps(found)) > 0.9


def test_what_an_answer_covers_is_not_asked_about_again():
    engine, grey = Plain(), squares()

    found = run(engine, EverythingOptions(points_per_side=32), view(grey)).objects

    on_squares = [at for at in engine.asked if grey[round(at[0]), round(at[1])] > GROUND]
    assert overlaps(found) == [1, 1]
    assert len(on_squares) == 2
    assert len(engine.asked) == len(set(engine.asked)) < 32 * 32


def test_an_engine_of_batches_is_asked_so_many_at_once_and_its_stability_counts():
    usual, lax = Batched(), Batched()

    found = run(usual, EverythingOptions(8), view(squares())).objects
    more = run(lax, EverythingOptions(8, least_stability=0), view(squares())).objects

    assert [iou(one.mask, FIRST_SQUARE) for one in found] == [1]
    assert overlaps(more) == [1, 1]
    assert usual.counts["propose"] == -(-len(usual.asked) // 4)


def test_scores_below_the_least_are_left_out():
    assert run(Plain(), EverythingOptions(least_score=0.7)).objects
    assert not run(Plain(), EverythingOptions(least_score=0.9)).objects


def test_the_best_are_kept_where_there_are_too_many():
    (one,) = run(Plain(), EverythingOptions(most=1), view(squares())).objects

    assert iou(one.mask, SECOND_SQUARE) == 1


def test_objects_of_a_window_lie_in_pixels_of_the_plane():
    found = run(BuiltinEngine(), at=view(window=Window(30, 30, 64, 72))).objects

    assert len(found) == 1
    assert iou(found[0].mask, SECOND_SQUARE) > 0.9


def test_steps_tell_how_far_they_are_and_end():
    work, engine, cache, told = Everything(view(), EverythingOptions(8)), Batched(), EmbeddingCache(), []

    while not work.finished:
        step(work, engine, cache, progress=lambda done, message="": told.append(done))

    assert engine.counts["encode"] == 1
    assert engine.counts["propose"] > 1
    assert told == sorted(told)
    assert told[-1] == work.fraction == 1
    step(work, engine, cache)
    assert told[-1] == 1


@pytest.mark.parametrize("engine", [Plain, Batched])
def test_a_step_that_was_cancelled_is_gone_on_with(engine):
    work, usual, cache, stopped = Everything(view()), engine(), EmbeddingCache(), CancelToken()
    stopped.cancel()

    with pytest.raises(Cancelled):
        step(work, usual, cache, cancel=stopped)
    while not work.finished:
        step(work, usual, cache)

    whole = run(engine())
    assert len(usual.asked) == len(set(usual.asked))
    assert len(work.found()) == len(whole.objects) > 0


def test_an_engines_own_steps_are_as_many_calls_as_time_asks_for(monkeypatch):
    monkeypatch.setattr(everything, "STEP_S", 1e-9)
    work, engine, cache, told = Everything(view(squares())), Stepping(), EmbeddingCache(), []

    for _ in range(5):
        assert not work.finished
        step(work, engine, cache, progress=lambda done, message="": told.append(done))

    assert work.finished
    assert (engine.counts["begun"], engine.counts["encode"]) == (1, 1)
    assert told == sorted(told) and told[-2] < told[-1] == 1
    assert overlaps(work.found()) == [1, 1]


def test_cancel_takes_one_of_an_engines_own_steps_and_the_next_call_goes_on():
    work, engine, cache, stop = Everything(view(squares())), Stepping(), EmbeddingCache(), CancelToken()
    engine.pace = stop.cancel

    with pytest.raises(Cancelled):
        step(work, engine, cache, cancel=stop)
    asked = engine.counts["steps"]
    engine.pace = Stepping.pace
    while not work.finished:
        step(work, engine, cache)

    assert asked == 1
    assert (engine.counts["steps"], engine.counts["begun"]) == (4, 1)
    assert len(work.found()) == 2


def test_own_steps_that_fail_begin_anew():
    engine = Stepping()
    engine.fail = [EmbeddingLost("Gone.", hint="Encode again.")]

    found = run(engine, at=view(squares())).objects

    assert (engine.counts["begun"], engine.counts["encode"]) == (2, 2)
    assert len(found) == 2


def test_what_the_engine_has_lost_is_encoded_again():
    engine = Plain()
    engine.fail = [EmbeddingLost("Gone.", hint="Encode again.")]

    found = run(engine).objects

    assert engine.counts["encode"] == 2
    assert found


def test_a_foreign_error_becomes_one_of_ours():
    engine = Plain()
    engine.fail = [ZeroDivisionError("secret")]

    with pytest.raises(EngineError):
        run(engine)


@pytest.mark.parametrize("side", [1, 2, 5])
def test_tiny_views_are_looked_at(side):
    for engine in (Plain(), Batched(), BuiltinEngine()):
        run(engine, at=view(np.full((side, side), 200, np.uint8)))


@pytest.mark.parametrize(
    "options",
    [
        {"points_per_side": 0},
        {"points_per_side": 257},
        {"most": 0},
        {"least_score": 1.1},
        {"least_stability": -0.1},
        {"most_overlap": float("nan")},
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(PromptError) as caught:
        EverythingOptions(**options)
    assert caught.value.hint


# -- the grid -------------------------------------------------------------------------------------


def test_points_lie_in_the_middle_of_cells_the_coarse_ones_first():
    places = grid((64, 128), 8)

    assert len(np.unique(places, axis=0)) == 64
    assert sorted(set(places[:, 0].tolist())) == [3.5 + 8 * k for k in range(8)]
    assert sorted(set(places[:, 1].tolist())) == [7.5 + 16 * k for k in range(8)]
    assert {tuple(one) for one in places[:4].tolist()} == {(19.5, 39.5), (19.5, 103.5), (51.5, 39.5), (51.5, 103.5)}


def test_a_small_picture_has_no_more_points_than_pixels():
    assert len(grid((1, 3), 32)) == 3
    assert grid((1, 1), 32).tolist() == [[0, 0]]


# -- suppression ----------------------------------------------------------------------------------


def square(row, col, side=10, score=0.5):
    return Segmentation(PlacedMask(np.ones((side, side), bool), (row, col)), score)


def test_of_two_masks_of_one_object_the_better_stays_whichever_comes_first():
    for scores in ((0.6, 0.9), (0.9, 0.6)):
        kept = Suppression((100, 100), 0.7)
        answers = [kept.add(square(10, 10, score=scores[0])), kept.add(square(11, 10, score=scores[1]))]

        assert [one.score for one in kept.best(9)] == [0.9]
        assert answers == [True, scores[1] == 0.9]


def test_equal_scores_keep_the_first_and_neighbours_stay():
    kept = Suppression((100, 100), 0.7)

    assert kept.add(square(10, 10))
    assert not kept.add(square(10, 11))
    assert kept.add(square(10, 20))
    assert [one.mask.offset for one in kept.best(9)] == [(10, 10), (10, 20)]


def test_specks_empty_masks_and_the_whole_picture_are_left_out():
    kept = Suppression((40, 40), 0.7)

    assert not kept.add(square(3, 3, side=2))
    assert not kept.add(Segmentation(PlacedMask(np.zeros((5, 5), bool)), 1.0))
    assert not kept.add(square(0, 0, side=40))
    assert kept.best(9) == ()


def test_only_small_objects_cover_points():
    kept = Suppression((100, 100), 0.7)
    kept.add(square(0, 0, side=50))
    kept.add(square(60, 60))

    assert kept.covered(np.array([[10.0, 10.0], [65.0, 65.0], [59.0, 65.0], [90.0, 90.0]])).tolist() == [
        False,
        True,
        False,
        False,
    ]


def test_a_thousand_masks_of_a_hundred_objects_leave_a_hundred():
    random, kept = np.random.default_rng(0), Suppression((400, 400), 0.7)
    corners = [(40 * (k // 10), 40 * (k % 10)) for k in range(100)]

    for _ in range(10):
        for row, col in corners:
            dr, dc = random.integers(0, 2, 2)
            kept.add(square(row + int(dr), col + int(dc), side=30, score=float(random.random())))

    found = kept.best(1000)
    assert len(found) == 100
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
