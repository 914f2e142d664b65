"""What an engine does, good and bad, as a client of the seed's protocol sees it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.engines.protocol import Capabilities
from tests.server.pictures import SQUARES, data_url, file_of, mask_in
from tests.server.stub import StubEngine


def failing_once(what: str, error: Exception):
    """Return a ``fail`` that raises an error the first time that ``what`` is done."""
    left = [error]

    def fail(done: str) -> None:
        if done == what and left:
            raise left.pop()

    return fail


def test_a_point_stays_when_the_engine_fails_and_the_next_click_tries_again(serving):
    engine = StubEngine(fail=failing_once("segment", EngineError("/secret/model.pt is broken", hint="Look.")))
    with serving(engine) as server, server.client() as client:
        client.ask("init", image=SQUARES)
        first = client.ask("click", x=60, y=50)
        failed = client.receive()
        second = client.ask("click", x=61, y=50)
        result = client.receive()

    assert (first["total_points"], second["total_points"], result["num_points"]) == (1, 2, 2)
    assert failed["message"].startswith("Segmentation failed: internal error (ref ")
    assert "secret" not in str(failed)
    assert failed["code"] == "inference_failed"
    assert len(engine.asked[-1].points) == 2


@pytest.mark.parametrize(("said", "score"), [(1.5, 1.0), (-0.5, 0.0), (math.nan, 0.0), (math.inf, 0.0), (0.25, 0.25)])
def test_a_score_is_a_number_from_0_to_1(serving, said, score):
    with serving(StubEngine(score=said)) as server, server.client() as client:
        client.ask("init", image=SQUARES)
        client.ask("click", x=60, y=50)
        result = client.receive()

    assert result["score"] == score


class Blind(StubEngine):
    """Finds nothing."""

    def _disc(self, shape, prompts):
        return super()._disc((0, 0), prompts)


def test_an_engine_that_finds_nothing_is_answered_with_an_empty_mask(serving):
    with serving(Blind()) as server, server.client() as client:
        client.ask("init", image=SQUARES)
        client.ask("click", x=60, y=50)
        result = client.receive()

    assert not mask_in(result).any()
    assert mask_in(result).shape == (128, 128)
    assert (result["score"], result["area"]) == (0.0, 0)


def test_the_same_picture_is_encoded_once(serving):
    engine = StubEngine()
    with serving(engine) as server, server.client() as client:
        first = client.ask("init", image=SQUARES)
        second = client.ask("init", image=SQUARES)
        for x in (60, 61, 62):
            client.ask("click", x=x, y=50)
            client.receive()

    assert (first["cached"], second["cached"]) == (False, True)
    assert (engine.encodes, engine.decodes) == (1, 3)


def test_a_picture_that_cannot_be_encoded_leaves_the_last_one(serving):
    engine = StubEngine()
    other = data_url(file_of(np.full((40, 30), 7, np.uint8)))
    with serving(engine) as server, server.client() as client:
        client.ask("init", image=SQUARES)
        client.ask("click", x=60, y=50)
        client.receive()
        engine.fail = failing_once("encode", EngineError("no", hint=""))
        failed = client.ask("init", image=other)
        point = client.ask("click", x=61, y=50)
        result = client.receive()

    assert failed["type"] == "error"
    assert point["total_points"] == 2
    assert mask_in(result).shape == (128, 128)


def test_a_picture_sent_while_the_model_loads_is_refused_until_it_is_there(serving):
    with serving(StubEngine(load_s=20), ready=False) as server, server.client() as client:
        refused = client.ask("init", image=SQUARES)

    assert (refused["message"], refused["retryable"]) == ("Model not loaded yet. Please wait.", True)


def test_a_model_that_cannot_be_loaded_is_named_so(serving):
    def fail(what: str) -> None:
        raise EngineError("no weights", hint="")

    with serving(StubEngine(fail=fail), ready=False) as server, server.client() as client:
        while (refused := client.ask("init", image=SQUARES))["code"] == "model_loading":
            pass

    assert refused["message"] == "Model failed to load. See the server log."


def test_an_answer_depends_on_what_was_said_and_not_on_the_answer_before(serving):
    engine = StubEngine(capabilities=Capabilities(refines=True))
    with serving(engine) as server, server.client() as client:
        client.ask("init", image=SQUARES)
        for x in (60, 70):
            client.ask("click", x=x, y=50)
            client.receive()

    assert engine.previous == [None, None]
    assert [len(prompts.points) for prompts in engine.asked] == [1, 2]


def test_points_are_limited(serving):
    with serving(limits={"points_per_object": 2}) as server, server.client() as client:
        client.ask("init", image=SQUARES)
        for x in (60, 61):
            client.ask("click", x=x, y=50)
            client.receive()
        refused = client.ask("click", x=62, y=50)
        again = client.ask("segment")

    assert (refused["message"], refused["code"]) == ("Max points per object (2) reached", "limit_points")
    assert again["num_points"] == 2


def test_an_engine_that_takes_fewer_points_has_the_lower_limit(serving):
    with serving(StubEngine(capabilities=Capabilities(max_points=1))) as server, server.client() as client:
        client.ask("init", image=SQUARES)
        client.ask("click", x=60, y=50)
        client.receive()
        refused = client.ask("click", x=61, y=50)

    assert refused["message"] == "Max points per object (1) reached"
