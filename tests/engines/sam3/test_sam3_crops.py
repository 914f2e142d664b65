"""SAM3 and an example in a picture of its own: both are shown to it as one picture, as its users do by hand."""

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, CropExemplar, Query
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.crops import CropPlace
from napari_sam3_assistant.tasks.find import find_plane
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.testing import blobs
from tests.engines.sam3.asking import encode
from tests.engines.sam3.conftest import WHY

pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

TARGET, CROP = blobs((90, 150), seed=4), blobs((40, 36), seed=9)
BOX, AGAINST = Box(5, 8, 30, 28), Box(20, 60, 50, 100)
LEFT = 36 + 8
"""The first column of the target in the one picture."""
PLANE = Plane(0, 1)


def composed():
    """The one picture, made by hand."""
    one = np.zeros((90, LEFT + 150, 3), np.uint8)
    one[:40, :36], one[:, LEFT:] = CROP, TARGET
    return one


@pytest.fixture
def ask(engine, monkeypatch):
    """Return a function that finds what is like the crop, and the pictures that were encoded."""
    seen, usual, embeddings = [], engine.encode, EmbeddingCache()
    monkeypatch.setattr(engine, "encode", lambda image, **told: (seen.append(image), usual(image, **told))[1])
    view = View(array_source(TARGET, identity="target"), PLANE, whole(TARGET.shape[:2]))
    crop = CropPlace(array_source(CROP, identity="crop"), PLANE)

    def ask(box=None, against=()):
        place = CropPlace(crop.source, PLANE, box)
        query = Query(exemplars=tuple(BoxPrompt(one, False) for one in against), crop=place)
        return find_plane(engine, embeddings, view, query, progress=no_progress, cancel=CancelToken())

    return ask, seen


def test_the_picture_that_sam3_reads_is_crop_gap_and_target(ask):
    find, seen = ask

    find()
    find(BOX, [AGAINST])
    find(BOX)

    assert len(seen) == 1, "one encoding, whatever the box and the counter-examples"
    np.testing.assert_array_equal(seen[0], composed())


@pytest.mark.parametrize("against", [(), (AGAINST,)], ids=["alone", "with a counter-example"])
def test_answers_are_those_of_transformers_on_the_one_picture(ask, tiny_folder, against):
    from tests.engines.sam3.reference import Words
    from tests.engines.sam3.tiny import tokenizer

    find, _ = ask
    moved = [(one.top, one.left + LEFT, one.bottom, one.right + LEFT) for one in against]
    reference = Words(tiny_folder, composed(), tokenizer())
    scores, _, masks = reference.ask("visual", [BOX.corners, *moved], [True] + [False] * len(moved))

    found = find(BOX, against).above(0)

    rows = {round(float(one.score), 5): one.mask.within(Box(0, 0, 90, 150)) for one in found}
    assert len(rows) >= 6
    for score, mask in rows.items():
        index = int(np.abs(scores - score).argmin())
        assert abs(scores[index] - score) < 1e-4
        expected = masks[index][:, LEFT:]
        assert (mask & expected).sum() / max((mask | expected).sum(), 1) >= 0.99
    inside = [index for index, mask in enumerate(masks) if mask[:, LEFT:].sum() > 2 * mask[:, :LEFT].sum() > 0]
    assert len(found) >= len(inside)


def test_nothing_that_is_found_lies_outside_the_target(ask):
    find, _ = ask

    found = find(BOX)

    assert found.candidates.shape == (90, 150)
    boxes = found.candidates.boxes
    assert len(boxes) and (boxes[:, :2] >= 0).all() and (boxes[:, 2] <= 90).all() and (boxes[:, 3] <= 150).all()
    assert all(one.mask.box.right <= 150 and one.mask.box.bottom <= 90 for one in found.above(0))


def test_a_crop_that_is_not_shown_beside_is_refused(engine):
    assert engine.capabilities.exemplars and not engine.capabilities.crops

    with pytest.raises(Unsupported) as caught:
        engine.find(encode(engine, TARGET), Query(crop=CropExemplar(CROP, BOX)))

    assert caught.value.hint
