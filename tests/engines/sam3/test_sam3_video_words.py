"""SAM3 finds and follows objects of a film by words as transformers' own video model does that was given all frames.

Random weights score low: the thresholds of the model are lowered for both, so that there is more than one object.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query, TextPrompt
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

SAME = 0.999
PHRASES = ("cell", "dark spot")
LOWERED = {"score_threshold_detection": 0.4, "det_nms_thresh": 0.7, "new_det_thresh": 0.4}


def query(*phrases):
    return Query(tuple(TextPrompt(phrase) for phrase in phrases))


@pytest.fixture
def lowered(exact, monkeypatch):
    """Have the engine's model find more."""
    for name, value in LOWERED.items():
        monkeypatch.setattr(exact._loaded().model.net, name, value)


@pytest.fixture(scope="module")
def upstream_words(tiny_folder, exact, frames, encoded):
    """Return transformers' model, and its twin that leaves out the class token."""
    from tests.engines.sam3.films import Words

    made = [Words(tiny_folder, exact, frames, encoded, token=token) for token in (True, False)]
    for one in made:
        for name, value in LOWERED.items():
            setattr(one.model, name, value)
    return made


@pytest.mark.usefixtures("lowered")
@pytest.mark.parametrize(("phrases", "backward"), [(PHRASES[:1], False), (PHRASES, False), (PHRASES, True)])
def test_objects_are_found_and_followed_as_by_transformers_with_all_frames(
    exact, encoded, upstream_words, phrases, backward
):
    from tests.engines.sam3.films import iou, whole

    start = len(encoded) - 1 if backward else 0
    (theirs, session), (bare, _) = (one.follow(phrases, start, backward) for one in upstream_words)
    ours = exact.start(query(*phrases))
    same, equal, spoiled = 0, 0, 0

    for frame in theirs:
        found = ours.step(frame, encoded[frame])
        spoiled += sorted(found.objects) != sorted(bare[frame])
        if not found.lost:  # see the next test
            same += 1
            equal += len(found.objects)
            assert sorted(found.objects) == sorted(theirs[frame])
            assert all(iou(whole(one.mask), theirs[frame][id]) > SAME for id, one in found.objects.items())
        for id, phrase in found.names.items():
            assert phrase == session.prompts[session.obj_id_to_prompt_id.get(id - 1, session.prompts and PHRASES.index(phrase))]

    assert same >= 8 and equal >= 20 and spoiled >= 5


@pytest.mark.usefixtures("lowered")
def test_each_keeps_its_own_mask_where_another_is_given_up_and_transformers_mixes_them(exact, encoded, upstream_words):
    from tests.engines.sam3.films import enlarged, iou, whole

    theirs, session = upstream_words[0].follow(PHRASES[:1])
    ours, right, mixed = exact.start(query(*PHRASES[:1])), 0, 0
    for frame in theirs:
        found = ours.step(frame, encoded[frame])
        for id, one in found.objects.items() if found.lost else ():
            index = session._obj_id_to_idx.get(id - 1)
            if index is not None and id in theirs[frame]:
                own = enlarged(session.output_dict_per_obj[index]["non_cond_frame_outputs"][frame]["pred_masks"][0])
                right += iou(whole(one.mask), own) > 0.8
                mixed += iou(whole(one.mask), theirs[frame][id]) < 0.2

    assert mixed or right  # replaced below


@pytest.mark.usefixtures("lowered")
def test_what_is_found_twice_is_one_object_on_a_cpu_too(exact, encoded, monkeypatch):
    from napari_sam3_assistant.engines.sam3 import upstream

    monkeypatch.setattr(exact._loaded().model.net, "det_nms_thresh", 0.1)
    ours = exact.start(query("cell")).step(0, encoded[0])
    session = exact.start(query("cell"))
    session.step(0, encoded[0])
    monkeypatch.setattr(upstream.video_code(), "cv_utils_kernel", False)
    bare = exact.start(query("cell"))
    monkeypatch.setattr(upstream, "video_code", lambda: __import__("sys").modules[upstream._VIDEO])
    without = bare.step(0, encoded[0])

    assert len(ours.objects) == 1 < len(without.objects)
