"""SAM3.1 multiplex by the calls that are reported of it: a double takes those alone, in their order, and notes them."""

import json
import logging
from contextlib import contextmanager

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, DeviceError, EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.engines import diagnosing
from napari_sam3_assistant.testing_film import SHAPE, frame_of_squares

pytest.importorskip("sam3", reason="Meta's package is in .venv-meta")

BUILT = {"checkpoint_path", "bpe_path", "use_fa3", "use_rope_real", "async_loading_frames", "compile"}
REQUESTS = {
    "start_session": {"resource_path"},
    "add_prompt": {"session_id", "frame_index", "points", "point_labels", "obj_id"},
    "close_session": {"session_id"},
    "propagate_in_video": {"session_id", "propagation_direction", "start_frame_index"},
}


class Model:
    def init_state(self, resource_path, offload_video_to_cpu=False, async_loading_frames=False):
        return {"num_frames": len(resource_path), "size": resource_path[0].size, "cached_frame_outputs": {}}


class Double:
    """Takes what is reported, and nothing else. An object is the box round its points, on every frame."""

    def __init__(self):
        self.model, self.asked, self._all_inference_states = Model(), [], {}
        self.left_early = 0

    def _check(self, request):
        asked = dict(request)
        kind = asked.pop("type")
        assert set(asked) == REQUESTS[kind], request
        self.asked.append((kind, asked))
        return kind, asked

    def handle_request(self, request):
        kind, asked = self._check(request)
        if kind == "start_session":
            state = self.model.init_state(resource_path=asked["resource_path"], offload_state_to_cpu=False)
            self._all_inference_states["one"] = {"state": state | {"objects": {}}}
            return {"session_id": "one"}
        if kind == "close_session":
            self._all_inference_states.pop(asked["session_id"], None)
            return {"is_success": True}
        assert kind == "add_prompt", kind
        return self._add(self._state(asked), asked)

    def _state(self, asked):
        if asked["session_id"] not in self._all_inference_states:
            raise RuntimeError("Cannot find session one; it might have expired")
        return self._all_inference_states[asked["session_id"]]["state"]

    def _add(self, state, asked):
        assert 0 <= asked["frame_index"] < state["num_frames"] and len(asked["points"]) == len(asked["point_labels"])
        assert all(0 <= value <= 1 for point in asked["points"] for value in point)
        assert set(asked["point_labels"]) <= {0, 1, 2, 3} and asked["obj_id"] >= 1
        assert asked["frame_index"] in state["cached_frame_outputs"]  # or the real one fails
        state["objects"][asked["obj_id"]] = np.array(asked["points"])
        return {"frame_index": asked["frame_index"], "outputs": self._outputs(state)}

    def _outputs(self, state):
        width, height = state["size"]
        masks = np.zeros((len(state["objects"]), height, width), bool)
        for mask, points in zip(masks, state["objects"].values(), strict=True):
            (left, top), (right, bottom) = points.min(0) * (width, height), points.max(0) * (width, height)
            mask[int(top) : int(np.ceil(bottom)) + 1, int(left) : int(np.ceil(right)) + 1] = True
        scores = np.full(len(masks), 0.9, np.float32)
        return {"out_obj_ids": np.array(list(state["objects"])), "out_binary_masks": masks, "out_probs": scores}

    def handle_stream_request(self, request):
        kind, asked = self._check(request)
        assert kind == "propagate_in_video"
        state = self._state(asked)
        assert state["objects"]
        start, way = asked["start_frame_index"], asked["propagation_direction"]
        order = {"forward": range(start, state["num_frames"]), "backward": range(start - 1, -1, -1)}[way]
        try:
            for frame in order:
                yield {"frame_index": frame, "outputs": self._outputs(state)}
        except GeneratorExit:
            self.left_early += 1
            raise


@pytest.fixture
def folder(tmp_path):
    """A folder with a file whose tensors are named as those of SAM3.1."""
    import torch

    tensors = {"tracker.model.interactive_convs.0.weight": torch.zeros(1), "detector.x": torch.zeros(1)}
    torch.save(tensors, tmp_path / "sam3.1_multiplex.pt")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam3_video"}))
    return tmp_path


@pytest.fixture
def gpu(monkeypatch):
    """Have it think that there is one."""
    import torch

    from napari_sam3_assistant.engines import devices

    monkeypatch.setattr(devices, "pick", lambda wanted: "cuda")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)


@pytest.fixture
def double(monkeypatch):
    from napari_sam3_assistant.engines.meta import compat

    made = Double()

    def build(**asked):
        assert set(asked) <= BUILT and asked["checkpoint_path"].endswith("sam3.1_multiplex.pt")
        assert asked["use_fa3"] is False and asked["use_rope_real"] is True
        return made

    compat.prepare("cpu")
    monkeypatch.setattr("sam3.model_builder.build_sam3_multiplex_video_predictor", build, raising=False)
    monkeypatch.setattr(compat, "prepare", lambda device: ())
    return made


def engine_for(folder, **options):
    from napari_sam3_assistant.engines.meta.choice import engine_for

    return engine_for(folder, **options)


@pytest.fixture
def engine(folder, gpu, double):
    made = engine_for(folder)
    made.load(progress=no_progress, cancel=CancelToken())
    yield made
    made.close()


@pytest.fixture
def frames(engine):
    return [engine.encode(frame_of_squares(one), progress=no_progress, cancel=CancelToken()) for one in range(5)]


def boxed(*corners):
    return Prompts(box=BoxPrompt(Box(*corners)))


def test_many_boxes_are_followed_each_under_its_number_and_no_session_is_left(engine, double, frames):
    session = engine.start()

    first = session.prompt(1, frames[1], 1, boxed(10, 8, 26, 24))
    session.prompt(1, frames[1], 2, boxed(40, 40, 56, 60))
    found = session.step(2, frames[2])
    back = [session.begin(1, frames[1], {1: first.mask, 2: first.mask}), session.step(0, frames[0])][1]

    assert set(found.objects) == {1, 2} == set(back.objects)
    assert found.objects[1].mask.offset == (10, 8)
    added = [asked for kind, asked in double.asked if kind == "add_prompt"]
    assert all(asked["point_labels"] == [2, 3] for asked in added)
    np.testing.assert_allclose(added[0]["points"], [(8 / SHAPE[1], 10 / SHAPE[0]), (24 / SHAPE[1], 26 / SHAPE[0])])
    kinds = [kind for kind, _ in double.asked]
    assert kinds.count("start_session") == kinds.count("close_session") == 4
    assert not double._all_inference_states


def test_frames_reach_the_predictor_as_they_are_in_their_order(engine, double, frames):
    session = engine.start()
    session.prompt(3, frames[3], 1, boxed(10, 8, 26, 24))

    session.step(2, frames[2])
    session.step(1, frames[1])

    (_, last) = [one for one in double.asked if one[0] == "start_session"][-1]
    for shown, frame in zip(last["resource_path"], (1, 2, 3), strict=True):
        np.testing.assert_array_equal(np.asarray(shown), frame_of_squares(frame))
    (_, asked) = [one for one in double.asked if one[0] == "propagate_in_video"][-1]
    assert (asked["propagation_direction"], asked["start_frame_index"]) == ("backward", 2)


def test_limits_are_said_before_anything_is_asked(engine, double, frames):
    session, point = engine.start(), PointPrompt(5, 5)
    asked = [
        (Prompts(tuple(PointPrompt(5, 5 + one) for one in range(17))), PromptError, "up to 16 points"),
        (Prompts((point,), BoxPrompt(Box(1, 1, 9, 9))), Unsupported, "cannot be combined"),
        (Prompts(mask=MaskPrompt(PlacedMask(np.ones((3, 3), bool)))), Unsupported, "Labels-mask prompts"),
        (Prompts(box=BoxPrompt(Box(1, 1, 9, 9), positive=False)), Unsupported, "positive tracking boxes"),
        (Prompts(), PromptError, "no prompt"),
    ]

    for prompts, error, said in asked:
        with pytest.raises(error, match=said) as caught:
            session.prompt(0, frames[0], 1, prompts)
        assert caught.value.hint
    with pytest.raises(Unsupported, match="3D/video propagation"):
        engine.segment(frames[0], Prompts((point,)))

    assert not double.asked


def test_a_run_that_is_stopped_is_left_and_closed(engine, double, frames):
    session, cancel = engine.start(), CancelToken()
    session.prompt(0, frames[0], 1, Prompts((PointPrompt(12, 12), PointPrompt(20, 20))))
    session.step(1, frames[1])
    stream, left = double.handle_stream_request, double.left_early

    def stopped(request):
        cancel.cancel()
        return stream(request)

    double.handle_stream_request = stopped
    with pytest.raises(Cancelled):
        session.step(2, frames[2], cancel=cancel)
    double.handle_stream_request = stream

    assert double.left_early == left + 1 and not double._all_inference_states
    assert session.step(2, frames[2]).objects


def test_what_the_package_raises_is_told_with_advice(engine, double, frames, monkeypatch):
    session = engine.start()

    def expired(asked):
        raise RuntimeError("Cannot find session one; it might have expired")

    monkeypatch.setattr(double, "_state", expired)

    with pytest.raises(EngineError, match="expired or was cancelled") as caught:
        session.prompt(0, frames[0], 1, boxed(1, 1, 9, 9))
    assert "new 3D/video preview" in caught.value.hint


@pytest.mark.parametrize("wrong", ["another shape", "no number", "no masks", "no frame", "a frame of no run", "None"])
def test_an_answer_that_cannot_be_right_is_an_error_and_leaves_no_session(engine, double, frames, wrong):
    session, stream = engine.start(), double.handle_stream_request
    session.prompt(1, frames[1], 1, boxed(10, 8, 26, 24))

    def wrongly(request):
        for one in () if wrong == "no frame" else stream(request):
            outputs = one["outputs"]
            if wrong == "another shape":
                outputs["out_binary_masks"] = outputs["out_binary_masks"][:, :9, :9]
            if wrong == "no number":
                outputs["out_probs"][:] = np.nan
            if wrong == "no masks":
                del outputs["out_binary_masks"]
            if wrong == "a frame of no run":
                one["frame_index"] -= 1
            yield None if wrong == "None" else one

    double.handle_stream_request = wrongly

    with pytest.raises(EngineError, match="has failed in Meta's package") as caught:
        session.step(2, frames[2])
    assert "unverified" in caught.value.hint and not double._all_inference_states


@pytest.mark.parametrize("inside", [None, {"one": {"state": None}}, {"one": {"state": object()}}])
def test_what_the_predictor_keeps_to_itself_need_not_be_as_it_was(engine, double, frames, inside):
    session, asked = engine.start(), double.handle_request
    states = double._all_inference_states

    def hidden(request):
        double._all_inference_states = states
        if request["type"] == "add_prompt":
            states["one"]["state"]["cached_frame_outputs"] = {0: {}}  # as if it needed nobody's help
        answer = asked(request)
        double._all_inference_states = inside
        return answer

    double.handle_request = hidden

    assert session.prompt(0, frames[0], 1, boxed(10, 8, 26, 24)).mask.offset == (10, 8)


def test_without_a_gpu_or_without_its_code_it_says_what_is_missing(folder, monkeypatch):
    from napari_sam3_assistant.engines import devices

    engine = engine_for(folder)

    with pytest.raises(DeviceError, match="requires CUDA"):
        engine.load(progress=no_progress, cancel=CancelToken())
    monkeypatch.setattr(devices, "pick", lambda wanted: "cuda")
    monkeypatch.setattr("napari_sam3_assistant.engines.meta.compat.prepare", lambda device: ())
    with pytest.raises(EngineError, match="has no code for SAM3") as caught:
        engine.load(progress=no_progress, cancel=CancelToken())

    assert "GitHub" in caught.value.hint


@contextmanager
def told():
    lines = []
    with diagnosing.listening(lines.append):
        yield lines
    logging.getLogger(diagnosing.LOG).setLevel(logging.NOTSET)


@pytest.mark.parametrize("wanted", [True, False])
def test_diagnostics_are_told_where_they_were_asked_for(folder, gpu, double, wanted):
    with told() as lines:
        engine = engine_for(folder, diagnostics=wanted)
        engine.load(progress=no_progress, cancel=CancelToken())
        shown = [engine.encode(frame_of_squares(one), progress=no_progress, cancel=CancelToken()) for one in range(2)]
        session = engine.start()
        session.prompt(0, shown[0], 1, boxed(10, 8, 26, 24))
        session.step(1, shown[1])
        engine.close()

    starts = ("CUDA diagnostics (", "runtime diagnostics (", "session diagnostics (", "session start finished in ")
    starts += ("prompt diagnostics: frame=0", "prompt insertion finished in ", "propagation yield: index=0, frame=0")
    starts += ("propagation finished in ",)
    for start in starts:
        assert any(line.startswith(f"SAM3.1 {start}") for line in lines) is wanted, (start, lines)


def test_the_line_about_the_picture_reads_nothing_of_it():
    class Lazy:
        shape, dtype, chunks = (9, 5, 5), "uint8", ((9,), (5,), (5,))

    line = diagnosing.image_source(Lazy(), "film.zarr")

    assert line.startswith("SAM3.1 image source: type=") and "source=film.zarr" in line and "chunks=((9,)" in line
