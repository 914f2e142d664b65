"""``predict`` and ``find``: questions that touch no object of the session."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.tasks.view import LEAST_SIDE
from tests.server.conftest import running
from tests.server.extended import both, extended
from tests.server.pictures import data_url, file_of, mask_in
from tests.server.stub import StubEngine
from tests.server.test_session_words import FOUND

POINT = {"points": [{"x": 60, "y": 50}]}


def engine_of(**more) -> StubEngine:
    return StubEngine(capabilities=Capabilities(text=True, refines=True), found=FOUND, **more)


@pytest.fixture(scope="module")
def server():
    with running(engine_of()) as server:
        yield server


def test_a_prediction_touches_no_object(server):
    with extended(server) as client:
        predicted = client.ask("predict", image_id=client.image_id, prompts=POINT, id="p")
        state = client.ask("list")
        _, result = both(client, "click", x=60, y=50)

    assert (predicted["type"], predicted["id"]) == ("prediction", "p")
    (found,) = predicted["objects"]
    assert (found["mask"], found["bbox"], found["score"]) == (result["mask"], result["bbox"], 0.9)
    assert state["objects"][0]["points"] == []


def test_a_refinement_goes_back_to_the_engine(serving):
    engine = engine_of()
    with serving(engine) as server, extended(server) as client:
        first = client.ask("predict", image_id=client.image_id, prompts=POINT)
        token = first["objects"][0]["refinement"]
        client.ask("predict", image_id=client.image_id, prompts=POINT, previous=token)
        refused = client.ask("predict", image_id=client.image_id, prompts=POINT, previous="no such")

    assert len(token) < 64
    assert engine.previous[1].state == "state 1"
    assert (refused["code"], refused["retryable"]) == ("not_found", False)


def test_a_refinement_of_another_picture_is_none(serving):
    engine = engine_of()
    with serving(engine) as server, extended(server) as client:
        first = client.ask("predict", image_id=client.image_id, prompts=POINT)
        other = client.ask("init", image=data_url(file_of(np.full((80, 80), 9, np.uint8))))["image_id"]
        token = first["objects"][0]["refinement"]
        refused = client.ask("predict", image_id=other, prompts=POINT, previous=token)

    assert refused["code"] == "not_found"
    assert engine.decodes == 1


def test_refinements_are_kept_for_the_newest_answers_only(server):
    with extended(server) as client:
        tokens = [
            client.ask("predict", image_id=client.image_id, prompts=POINT)["objects"][0]["refinement"]
            for _ in range(65)
        ]
        kept = client.ask("predict", image_id=client.image_id, prompts=POINT, previous=tokens[-1])
        gone = client.ask("predict", image_id=client.image_id, prompts=POINT, previous=tokens[0])

    assert kept["type"] == "prediction"
    assert gone["code"] == "not_found"


def test_other_readings_come_if_they_are_wanted(serving):
    with serving(engine_of(alternatives=2)) as server, extended(server) as client:
        without = client.ask("predict", image_id=client.image_id, prompts=POINT)
        wanted = client.ask("predict", image_id=client.image_id, prompts=POINT, multimask=True)
        client.ask("set", multimask=True)
        _, result = both(client, "click", x=60, y=50)

    assert without["alternatives"] == []
    assert [one["area"] for one in wanted["alternatives"]] == [2, 2]
    assert [one["area"] for one in result["candidates"]] == [2, 2]
    assert "score" not in result["candidates"][0]


@pytest.mark.parametrize(
    ("prompts", "code"),
    [
        ({}, "no_points"),
        ({"points": [{"x": 400, "y": 1}]}, "out_of_bounds"),
        ({"box": {"x1": 5, "y1": 5, "x2": 5, "y2": 9}}, "bad_box"),
        ({"mask": {"mask": "AAAA"}}, "bad_mask"),
        ({"points": [{"x": 1, "y": 1}] * 101}, "limit_points"),
    ],
)
def test_prompts_that_cannot_be_used_are_refused(server, prompts, code):
    with extended(server) as client:
        refused = client.ask("predict", image_id=client.image_id, prompts=prompts)

    assert refused["code"] == code


def test_background_points_alone_give_an_empty_mask(server):
    with extended(server) as client:
        predicted = client.ask("predict", image_id=client.image_id, prompts={"points": [{"x": 1, "y": 1, "label": 0}]})

    assert (predicted["objects"][0]["area"], predicted["objects"][0]["score"]) == (0, 0.0)


@pytest.mark.parametrize("message", [{"type": "predict", "prompts": POINT}, {"type": "find", "text": "square"}])
def test_a_picture_that_is_not_known_is_asked_for(server, message):
    with extended(server) as client:
        needed = client.ask(**message, image_id="f" * 64, id="n")

    assert needed == {"type": "image_needed", "image_id": "f" * 64, "id": "n"}


def test_another_threshold_needs_no_look_at_the_picture(serving):
    engine = engine_of()
    with serving(engine) as server, extended(server) as client:
        first = client.ask("find", image_id=client.image_id, text="square", threshold=0.5, keep=True)
        fewer = client.ask("find", find_id=first["find_id"], threshold=0.7)
        more = client.ask("find", find_id=first["find_id"], threshold=0.1)

    assert [len(one["objects"]) for one in (first, fewer, more)] == [2, 1, 3]
    assert (engine.finds, engine.encodes) == (1, 1)
    assert fewer["find_id"] == first["find_id"]
    assert first["objects"][0]["name"] == "square"
    assert mask_in(first["objects"][0]).sum() == 900 * 255


def test_several_phrases_are_several_finds_on_one_embedding(serving):
    engine = engine_of()
    with serving(engine) as server, extended(server) as client:
        for phrase in ("square", "cell"):
            client.ask("find", image_id=client.image_id, text=phrase)

    assert (engine.finds, engine.encodes) == (2, 1)


def test_finds_are_kept_for_the_newest_answers_only_and_if_wanted(server):
    example = {"x1": 20, "y1": 20, "x2": 50, "y2": 50}
    with extended(server) as client:
        unkept = client.ask("find", image_id=client.image_id, exemplars=[example])
        ids = [client.ask("find", exemplars=[example], keep=True)["find_id"] for _ in range(9)]
        kept, gone = client.ask("find", find_id=ids[-1]), client.ask("find", find_id=ids[0])

    assert "find_id" not in unkept
    assert unkept["threshold"] == 0.5
    assert len(kept["objects"]) == 2
    assert gone["code"] == "not_found"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "bad_prompt"),
        ({"exemplars": [{"x1": 1, "y1": 1, "x2": 9, "y2": 9, "label": 0}]}, "bad_prompt"),
        ({"exemplars": [{"x1": 500, "y1": 1, "x2": 900, "y2": 9}]}, "out_of_bounds"),
    ],
)
def test_a_find_that_asks_for_nothing_is_refused(server, fields, code):
    with extended(server) as client:
        refused = client.ask("find", image_id=client.image_id, **fields)

    assert refused["code"] == code


@pytest.mark.parametrize("question", [{"text": "square"}, {"exemplars": [{"x1": 10, "y1": 10, "x2": 40, "y2": 40}]}])
def test_what_is_kept_for_another_threshold_does_not_hold_the_pixels(serving, question):
    large = np.full((2 * LEAST_SIDE + 10, 60), 9, np.uint8)  # looked at as a smaller copy
    with serving(engine_of(), picture_bytes=1) as server, extended(server) as client:
        image_id = client.ask("init", image=data_url(file_of(large)))["image_id"]
        pixels = weakref.ref(server.app.state.inference.picture(image_id).source.levels[0])
        first = client.ask("find", keep=True, **question)
        client.ask("init", image=data_url(file_of(np.full((80, 80), 9, np.uint8))))
        gc.collect()
        again = client.ask("find", find_id=first["find_id"], threshold=first["threshold"])

    assert pixels() is None
    assert [one["mask"] for one in again["objects"]] == [one["mask"] for one in first["objects"]] != []


# -- what the engine has, as it has it ------------------------------------------------------------


@pytest.fixture(scope="module")
def builtin():
    with running(BuiltinEngine()) as server:
        yield server


def test_proposals_come_good_and_bad(builtin):
    with extended(builtin) as client:
        proposed = client.ask("propose", image_id=client.image_id, id="p")

    assert (proposed["type"], proposed["id"], proposed["threshold"]) == ("candidates", "p", 0.0)
    assert proposed["objects"]
    assert all(0 <= one["score"] <= 1 for one in proposed["objects"])


def test_proposals_of_an_engine_that_has_none_are_refused(server):
    with extended(server) as client:
        refused = client.ask("propose", image_id=client.image_id)
        needed = client.ask("predict", image_id="0" * 64, prompts=POINT)

    assert refused["code"] == "unsupported"
    assert needed["type"] == "image_needed"


def test_every_find_comes_below_the_threshold_too(server):
    with extended(server) as client:
        usual = client.ask("find", image_id=client.image_id, text="square")
        every = client.ask("find", image_id=client.image_id, text="square", every=True)

    assert len(every["objects"]) > len(usual["objects"])
    assert every["threshold"] < usual["threshold"]


def test_an_example_is_shown_in_a_picture_of_its_own(builtin):
    crop = {"x1": 10, "y1": 10, "x2": 30, "y2": 30}
    with extended(builtin) as client:
        found = client.ask("find", image_id=client.image_id, crop=crop | {"image_id": client.image_id})
        needed = client.ask("find", image_id=client.image_id, crop=crop | {"image_id": "0" * 64})
        refused = client.ask("find", image_id=client.image_id, crop=crop | {"image_id": client.image_id, "x2": 10})

    assert found["type"] == "candidates"
    assert (needed["type"], needed["image_id"]) == ("image_needed", "0" * 64)
    assert refused["code"] == "bad_box"
