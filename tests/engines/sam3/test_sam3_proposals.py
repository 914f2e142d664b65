"""Many points read in one call of the decoder: the same as one by one, with how stable each mask is."""

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import mask_iou
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.everything import EverythingOptions, find_everything, grid
from napari_sam3_assistant.testing import blobs, click
from tests.engines.sam3.asking import SHAPE, encode
from tests.engines.sam3.conftest import WHY
from tests.tasks.doubles import view_at

pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)


@pytest.fixture(scope="module")
def embedding(engine):
    return encode(engine, blobs())


@pytest.fixture
def all_readings(monkeypatch):
    """What the random weights make is kept, however bad they think it is."""
    from napari_sam3_assistant.engines.sam3 import prompting

    monkeypatch.setattr(prompting, "_LEAST_READ", 0.0)


@pytest.mark.usefixtures("all_readings")
def test_readings_of_a_batch_are_those_of_each_point_clicked_alone(engine, embedding):
    places = np.concatenate([grid(SHAPE, 3), [[0.0, 0.0], [127.0, 159.0]]])

    found = engine.propose(embedding, places)

    scores, masks = [], []
    for row, col in places.tolist():
        one = engine.segment(embedding, click(row, col))
        scores.append(one.score)
        masks += [one.mask, *one.alternatives]
    made = found.above(0)
    assert len(made) == len([mask for mask in masks if mask.area]) == 3 * len(places)
    for mask in masks:
        assert max(mask_iou(mask, other.mask) for other in made) > 0.99
    best = found.scores.reshape(-1, 3).max(axis=1)
    np.testing.assert_allclose(best, scores, atol=1e-4)


@pytest.mark.usefixtures("all_readings")
def test_stability_is_the_overlap_of_the_mask_cut_above_and_below_zero(engine, embedding):
    from napari_sam3_assistant.engines.sam3 import clicks

    place = np.array([[60.0, 80.0]])
    model = engine._loaded().model
    logits, _ = clicks.decoded(
        model, embedding, np.array([[[80 / SHAPE[1], 60 / SHAPE[0]]]], np.float32), np.array([[1]]), readings=True
    )

    found = engine.propose(embedding, place)

    values = logits[0].numpy()
    wanted = [(one > 1).sum() / max((one > -1).sum(), 1) for one in values]
    np.testing.assert_allclose(found.stability, wanted, atol=1e-5)
    assert len(set(found.stability.tolist())) > 1


def test_readings_that_can_hardly_be_objects_are_left_out(engine, embedding, monkeypatch):
    from napari_sam3_assistant.engines.sam3 import prompting

    monkeypatch.setattr(prompting, "_LEAST_READ", 0.0)
    every = engine.propose(embedding, grid(SHAPE, 3))
    middle = float(np.median(every.scores))
    monkeypatch.setattr(prompting, "_LEAST_READ", middle)

    some = engine.propose(embedding, grid(SHAPE, 3))

    wanted = every.kept(middle)
    np.testing.assert_allclose(some.scores, wanted.scores, atol=1e-5)
    np.testing.assert_allclose(some.stability, wanted.stability, atol=1e-5)
    assert 0 < len(some) < len(every)


def test_no_place_is_no_proposal_and_one_outside_an_error(engine, embedding):
    assert len(engine.propose(embedding, np.zeros((0, 2)))) == 0
    with pytest.raises(PromptError):
        engine.propose(embedding, np.array([[5.0, 5.0], [128.0, 5.0]]))


@pytest.mark.usefixtures("all_readings")
def test_every_object_of_a_view_comes_in_batches_and_is_distinct(engine):
    options = EverythingOptions(points_per_side=6, least_score=0.1, least_stability=0.0)

    found = find_everything(
        engine, EmbeddingCache(), view_at(blobs()[None, ..., 0]), options, progress=no_progress, cancel=CancelToken()
    ).objects

    assert found
    assert all(mask_iou(one.mask, other.mask) <= 0.7 for k, one in enumerate(found) for other in found[:k])
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_batches_are_larger_where_there_is_a_gpu():
    from napari_sam3_assistant.engines.sam3.proposals import limits_on

    assert limits_on("cpu").points < limits_on("mps").points < limits_on("cuda").points
    assert (limits_on("cpu").least_score, limits_on("cpu").least_stability) == (0.88, 0.95)
