"""What a server says of itself: as the guide's clients ask it, as a load balancer does, and to whoever reads."""

import json
import urllib.error
import urllib.request
from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant import __version__
from napari_sam3_assistant.server.settings import Limits, ServerSettings
from tests.server.conftest import until
from tests.server.pictures import SQUARES, data_url, file_of
from tests.server.stub import StubEngine

OTHER = data_url(file_of(np.full((20, 20, 3), 7, np.uint8)))


def get(server, path: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(server.url + path, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_root_and_health_are_the_guide_s(serving):
    engine = StubEngine(name="sam3")
    engine.capabilities = replace(engine.capabilities, devices=("cuda", "cpu"))
    with serving(engine) as server:
        root, health = get(server, "/"), get(server, "/health")

    assert (
        root[1].items()
        >= {
            "status": "running",
            "model": "SAM3",
            "model_loaded": True,
            "device": "cuda",
            "version": __version__,
        }.items()
    )
    assert health == (200, {"status": "healthy", "model_loaded": True, "device": "cuda"})


def test_while_the_model_loads_it_is_alive_and_not_ready(serving):
    with serving(StubEngine(load_s=60), ready=False) as server:
        assert get(server, "/")[1]["device"] == "N/A" and get(server, "/")[1]["model_loaded"] is False
        assert get(server, "/health") == (
            503,
            {"detail": "SAM3 model not loaded. Please check server logs and ensure SAM3 is properly installed."},
        )
        assert get(server, "/healthz") == (200, {"alive": True, "state": "loading"})
        assert get(server, "/readyz") == (503, {"ready": False, "why": ["loading"]})


def test_a_model_that_cannot_be_loaded_is_not_ready(serving):
    def fail(what):
        raise OSError("no such file")

    with serving(StubEngine(fail=fail), ready=False) as server:
        until(lambda: get(server, "/readyz")[1]["why"] == ["failed"])
        assert get(server, "/health")[0] == 503
        assert get(server, "/healthz")[0] == 200


def test_an_engine_that_hangs_turns_both_probes_red_and_back(serving):
    hangs = StubEngine(encode_s=2.5, looks=False)
    with serving(hangs, heartbeat_s=0.3, warm_up=False) as server, server.client() as client:
        assert client.ask("init", image=SQUARES)["code"] == "engine_stuck"
        assert get(server, "/healthz") == (503, {"alive": False, "state": "stuck"})
        assert get(server, "/readyz") == (503, {"ready": False, "why": ["stuck"]})
        assert get(server, "/health")[0] == 200, "the model is loaded"

        until(lambda: get(server, "/readyz")[0] == 200)


def test_who_has_much_to_do_sends_new_sessions_elsewhere(serving):
    slow = StubEngine(encode_s=1.0)
    with serving(slow, backlog=1, warm_up=False) as server, server.client() as one, server.client() as other:
        one.send("init", image=SQUARES)
        other.send("init", image=OTHER)

        until(lambda: get(server, "/readyz") == (503, {"ready": False, "why": ["busy"]}))
        until(lambda: get(server, "/readyz")[0] == 200)


def test_a_full_server_sends_new_sessions_elsewhere(serving):
    with serving(limits=Limits(sessions=1)) as server:
        with server.client():
            assert get(server, "/readyz") == (503, {"ready": False, "why": ["full"]})
        until(lambda: get(server, "/readyz")[0] == 200)


def test_the_interface_is_described_with_its_limits_and_no_page_loads_from_elsewhere(serving):
    limits = Limits(points_per_object=7)
    with serving(limits=limits) as server:
        document = get(server, "/openapi.json")[1]
        pages = [get(server, path)[0] for path in ("/docs", "/redoc")]

    assert document["x-limits"] == limits.model_dump()
    described = document["components"]["schemas"]["Limits"]["properties"]
    assert set(described) == set(Limits.model_fields)
    assert all(one["description"] for one in described.values())
    assert pages == [404, 404]


def test_sessions_are_told_the_limits(serving):
    limits = Limits(points_per_object=7)
    with serving(limits=limits) as server, server.client() as client:
        assert client.created["limits"] == limits.model_dump()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/app", "text/html; charset=utf-8"),
        ("/static/main.js", "text/javascript; charset=utf-8"),
        ("/static/app.css", "text/css; charset=utf-8"),
        ("/favicon.ico", "image/svg+xml"),
    ],
)
def test_the_page_and_its_files_are_served_as_what_they_are(serving, path, kind):
    with serving(tokens=("some-token",)) as server, urllib.request.urlopen(server.url + path, timeout=10) as answer:
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["ETag"] and answer.headers["Cache-Control"] == "no-cache"
        assert answer.read()


def test_every_setting_says_what_it_is_for():
    for field in (*ServerSettings.model_fields.items(), *Limits.model_fields.items()):
        assert field[0] == "limits" or field[1].description.endswith("."), field[0]


def test_who_asks_for_the_head_alone_gets_the_same_status(serving):
    with serving() as server:
        for path in ("/", "/health", "/healthz", "/readyz", "/app"):
            with urllib.request.urlopen(urllib.request.Request(server.url + path, method="HEAD"), timeout=10) as answer:
                assert (answer.status, answer.read()) == (200, b"")
