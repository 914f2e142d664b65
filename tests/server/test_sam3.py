"""SAM3 behind the server: a small one of random weights, so every path is walked and no mask means anything."""

from __future__ import annotations

import httpx2
import pytest

from tests.conftest import squares
from tests.engines.sam3.conftest import tiny_folder  # noqa: F401 - a fixture
from tests.server.conftest import running, until
from tests.server.extended import extended
from tests.server.pictures import SQUARES, file_of

FILES = {"image": ("squares.png", file_of(squares()), "image/png")}


@pytest.fixture(scope="module")
def server(tiny_folder, tmp_path_factory):  # noqa: F811
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with running(Sam3Engine(tiny_folder, device="cpu", precision="float32"), ready=False, warm_up=True) as it:
            until(lambda: it.app.state.inference.state == "ready", 60)
            yield it


def test_a_click_gives_a_mask_in_the_protocol_of_the_seed(server):
    with server.client() as client:
        client.ask("init", image=SQUARES)
        acknowledged = client.ask("click", x=20, y=20)
        result = client.receive()

    assert acknowledged["type"] == "point_added"
    assert result["type"] == "segmentation_result"
    assert 0 <= result["score"] <= 1


def test_words_are_answered_over_the_socket(server):
    with extended(server) as client:
        answer = client.ask("text", text="square; dark circle", threshold=0.0)

    assert (answer["type"], answer["prompt"]) == ("text_result", "square; dark circle")


def test_words_are_answered_over_http(server):
    answer = httpx2.post(f"{server.url}/segment/text", files=FILES, data={"text": "square"}, timeout=30)

    assert answer.status_code == 200, answer.text
    assert answer.json()["prompt"] == "square"


def test_everything_is_asked_of_a_grid_of_points(server):
    fields = {"points_per_side": "2", "pred_iou_thresh": "0", "stability_score_thresh": "0"}

    answer = httpx2.post(f"{server.url}/segment/auto", files=FILES, data=fields, timeout=30)

    assert answer.status_code == 200, answer.text
    assert server.app.state.inference.state == "ready"
