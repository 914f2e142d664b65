"""Words in a film: Meta's own predictor on the same frames finds the same objects, under the same numbers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, ImageError, Unsupported
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.testing_film import SHAPE, frame_of_squares

pytest.importorskip("sam3", reason="Meta's package is in .venv-meta")

LEAST = 0.1
"""Random weights are never sure."""
FRAMES = 4


@pytest.fixture
def net(model, monkeypatch):
    monkeypatch.setattr(model.video, "score_threshold_detection", LEAST)
    monkeypatch.setattr(model.video, "new_det_thresh", LEAST)
    return model


@pytest.fixture(scope="module")
def frames(model):
    """The film as Meta's predictor reads it, and each frame encoded once."""
    from PIL import Image

    pictures = [Image.fromarray(frame_of_squares(min(index, FRAMES))) for index in range(16)]
    state = model.video.init_state(resource_path=pictures)
    return SimpleNamespace(pictures=pictures, encoded=[encoded(model, state, index) for index in range(FRAMES)])


def encoded(model, state, index):
    """Return what the engine keeps of a frame, of the very pixels that Meta's predictor sees."""
    from napari_sam3_assistant.engines.meta.embedding import MetaEmbedding

    decoder = model.tracker.sam_mask_decoder
    with model.computing():
        image = state["input_batch"].img_batch[index : index + 1].float()
        said = model.video.detector.backbone.forward_image(image)
        maps = said["sam2_backbone_out"]["backbone_fpn"]
        finest, finer, last = (one.bfloat16().float() for one in maps)  # as Meta's detector hands them to its tracker
        clicks = (decoder.conv_s0(finest), decoder.conv_s1(finer), last)
    return MetaEmbedding(SHAPE, tuple(said["backbone_fpn"]), clicks, "", model.weights)


@pytest.fixture
def words(net):
    """Return sessions for phrases, and close them."""
    from napari_sam3_assistant.engines.meta.words import WordsSession

    made = []

    def start(*phrases):
        made.append(WordsSession(lambda embedding: (net, embedding), phrases))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def bare(net, monkeypatch):
    """Meta's own predictor, with the model that is in memory."""
    from sam3.model.sam3_video_predictor import Sam3VideoPredictor

    monkeypatch.setattr("sam3.model_builder.build_sam3_video_model", lambda **_: net.video)
    return Sam3VideoPredictor()


def propagated(bare, net, pictures, phrase):
    """Return what Meta's predictor says of the first frames: by frame, by number, a mask."""
    with net.computing():
        session = bare.handle_request({"type": "start_session", "resource_path": pictures})["session_id"]
        asked = {"type": "add_prompt", "session_id": session, "frame_index": 0, "text": phrase}
        bare.handle_request(asked)
        request = {
            "type": "propagate_in_video",
            "session_id": session,
            "propagation_direction": "forward",
            "start_frame_index": 0,
            "max_frame_num_to_track": FRAMES - 1,
        }
        said = {one["frame_index"]: one["outputs"] for one in bare.handle_stream_request(request)}
        bare.handle_request({"type": "close_session", "session_id": session})
    return [
        dict(zip(said[frame]["out_obj_ids"].tolist(), said[frame]["out_binary_masks"], strict=True))
        for frame in range(FRAMES)
    ]


def whole(mask):
    """Return a mask at the size of the frame."""
    from napari_sam3_assistant.core.geometry import Box

    return mask.within(Box(0, 0, *SHAPE))


@pytest.mark.timeout(400)  # two models at work, on a busy machine
def test_objects_numbers_and_masks_are_those_of_metas_predictor(net, bare, words, frames):
    said = propagated(bare, net, frames.pictures, "nucleus")
    session = words("nucleus")

    found = [session.step(frame, one) for frame, one in enumerate(frames.encoded)]

    assert max(map(len, said)) > 1
    for theirs, ours in zip(said, found, strict=True):
        assert sorted(ours.objects) == [number + 1 for number in theirs]
        for number, mask in theirs.items():
            np.testing.assert_array_equal(whole(ours.objects[number + 1].mask), mask)


def test_phrases_share_the_numbers_and_each_object_has_its_phrase(words, frames):
    session = words("cell", "a bright square", "cell")

    first, second = (session.step(frame, frames.encoded[frame]) for frame in (0, 1))

    assert set(first.names.values()) == {"cell", "a bright square"}
    assert min(first.objects) == 1 and set(first.objects) == set(first.names)
    assert all(first.names[number] == second.names[number] for number in set(first.names) & set(second.names))
    assert all(0 <= one.score <= 1 for one in first.objects.values())


def test_a_step_that_was_stopped_is_taken_again_with_the_same_answer(net, words, frames):
    calm, stopped = words("cell", "nucleus"), words("cell", "nucleus")
    for session in (calm, stopped):
        session.step(0, frames.encoded[0])
    expected = calm.step(1, frames.encoded[1])

    for looks in (0, 3):
        with pytest.raises(Cancelled):
            stopped.step(1, frames.encoded[1], cancel=After(looks))
    found = stopped.step(1, frames.encoded[1])

    assert found.objects and set(found.objects) == set(expected.objects)
    for number, one in found.objects.items():
        np.testing.assert_array_equal(whole(one.mask), whole(expected.objects[number].mask))


class After(CancelToken):
    """Stops what looks at it for so many times."""

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    def raise_if_cancelled(self):
        self.looks -= 1
        if self.looks < 0:
            self.cancel()
        super().raise_if_cancelled()


def test_a_drawn_object_is_followed_beside_those_that_are_found(net, words, frames, monkeypatch):
    monkeypatch.setattr(net.video, "score_threshold_detection", 2.0)  # no more are found
    session = words("cell", "nucleus")
    drawn = PlacedMask(np.ones((16, 16), bool), (10, 10))

    session.begin(1, frames.encoded[1], {7: drawn})
    found = session.step(2, frames.encoded[2])
    back = session.step(1, frames.encoded[1])

    assert set(found.objects) <= {7} and found.names == dict.fromkeys(found.objects, "cell")
    assert set(back.objects) == {7}
    session.remove(7)
    assert not session.step(0, frames.encoded[0]).objects


def test_numbers_of_drawn_objects_are_not_given_again(words, frames):
    session = words("cell")

    session.begin(0, frames.encoded[0], {5: PlacedMask(np.ones((3, 3), bool), (60, 68))})
    found = session.step(1, frames.encoded[1])

    assert found.objects and min(found.objects) >= 5


def test_what_it_does_not_take_is_said(words, frames):
    session = words("cell")
    session.step(0, frames.encoded[0])
    small = replace(frames.encoded[0], shape=(8, 8))

    with pytest.raises(Unsupported, match="words") as caught:
        session.prompt(0, frames.encoded[0], 1, Prompts((PointPrompt(1, 1),)))
    with pytest.raises(ImageError):
        session.step(1, small)

    assert caught.value.hint


def test_no_more_is_kept_of_a_long_film_than_is_looked_at():
    from napari_sam3_assistant.engines.meta import forgetting

    def seen(score):
        return {"eff_iou_score": score, "maskmem_features": object()}

    outputs = {
        "cond_frame_outputs": {frame: seen(1.0) for frame in (0, 32, 64, 96, 128, 160)},
        "non_cond_frame_outputs": {frame: seen(float(frame % 3 == 0)) for frame in range(1, 160) if frame % 32},
    }
    mine = {kind: dict(frames) for kind, frames in outputs.items()}
    state = {
        "output_dict": outputs,
        "output_dict_per_obj": {0: mine},
        "consolidated_frame_inds": {kind: set(frames) for kind, frames in outputs.items()},
        "frames_already_tracked": dict.fromkeys(range(161)),
        "mask_inputs_per_obj": {0: dict.fromkeys(outputs["cond_frame_outputs"])},
        "point_inputs_per_obj": {0: {}},
    }

    forgetting.prune(state, 160, 0.5)

    told, followed = (sorted(outputs[kind]) for kind in ("cond_frame_outputs", "non_cond_frame_outputs"))
    assert told == [0, 96, 128, 160] == sorted(state["mask_inputs_per_obj"][0])
    assert [frame for frame in followed if frame >= 144] == list(range(144, 160))
    good = [frame for frame in followed if frame % 3 == 0]
    assert len(good) == forgetting.LOOKS_BACK and min(followed) == min(good)
    assert sorted(mine["non_cond_frame_outputs"]) == followed
