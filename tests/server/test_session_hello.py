"""What ``hello`` and ``set`` agree on, pictures by name, bytes, progress and hovering."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.wire.frames import packed
from napari_sam3_assistant.wire.masks import decode
from napari_sam3_assistant.wire.messages import Init
from napari_sam3_assistant.wire.parsing import parse_server
from tests.conftest import squares
from tests.server.conftest import running
from tests.server.extended import both, extended
from tests.server.pictures import SQUARES, file_of, mask_in
from tests.server.stub import StubEngine


@pytest.fixture(scope="module")
def server():
    with running(StubEngine()) as server:
        yield server


@pytest.mark.parametrize(
    ("wanted", "agreed"),
    [(["webp", "rle", "png"], "rle"), (["bits", "rle"], "bits"), ([], "png"), (["webp"], "png"), (["png1"], "png1")],
)
def test_the_first_format_that_both_know_is_agreed_on(server, wanted, agreed):
    with server.client() as client:
        welcome = client.ask("hello", mask_formats=wanted, id="h")

    assert (welcome["type"], welcome["mask_format"], welcome["id"]) == ("welcome", agreed, "h")
    assert (welcome["protocol"], welcome["binary"], welcome["coalesce"]) == (1, False, False)


def test_the_welcome_says_what_the_engine_takes_and_the_limits(serving):
    with serving(StubEngine(capabilities=Capabilities(text=True, max_points=7))) as server, server.client() as client:
        welcome = client.ask("hello", protocol=9)

    takes = welcome["capabilities"]
    assert (takes["engine"], takes["text"], takes["boxes"], takes["max_points"]) == ("stub", True, True, 7)
    assert welcome["limits"]["points_per_object"] == 100
    assert welcome["protocol"] == 1


def test_the_name_of_a_client_is_for_the_log(server, caplog):
    with caplog.at_level("INFO"), server.client() as client:
        client.ask("hello", client="a page")

    assert "hello from a page" in caplog.messages


@pytest.mark.parametrize("reads", [True, False])
def test_a_session_says_which_extensions_there_are(serving, reads):
    with serving(StubEngine(capabilities=Capabilities(text=reads))) as server, server.client() as client:
        features = client.created["features"]

    assert ("text" in features) is reads
    assert {"undo", "box", "mask_prompt", "restore", "predict", "find"} <= set(features)


def test_hello_comes_before_the_first_picture(server):
    with server.client() as client:
        client.ask("init", image=SQUARES)
        late = client.ask("hello")
        undo = client.ask("undo")

    assert (late["code"], late["message"]) == ("bad_message", "Say hello before the first init")
    assert undo["message"] == "Unknown message type: undo"


@pytest.mark.parametrize("format", ["png", "png1", "rle", "bits", "polygon"])
@pytest.mark.parametrize("binary", [False, True])
def test_every_format_holds_the_same_mask(server, format, binary):
    with extended(server) as client:
        reference = mask_in(both(client, "click", x=60, y=50)[1]) > 0
    with server.client() as client:
        client.ask("hello", mask_formats=[format], binary=binary)
        client.ask("init", image=SQUARES)
        client.ask("click", x=60, y=50)
        data = client.socket.recv(10)
        result = parse_server(data)

    assert isinstance(data, bytes) == (binary and format == "bits")
    assert result.mask_format == format
    mask = decode(result.mask, format, (128, 128), result.bbox)
    assert np.array_equal(mask.within(Box(0, 0, 128, 128)), reference)


def test_a_picture_goes_up_as_bytes(server):
    with server.client() as client:
        client.ask("hello", binary=True)
        client.socket.send(packed(Init(image=file_of(squares()), id="b"), binary=True))
        loaded = client.receive()

    assert (loaded["type"], loaded["width"], loaded["id"]) == ("image_loaded", 128, "b")


def test_the_format_may_change_later(server):
    with extended(server) as client:
        options = client.ask("set", mask_format="rle")
        _, result = both(client, "click", x=60, y=50)

    assert options["mask_format"] == result["mask_format"] == "rle"
    assert result["mask"]["size"] == [128, 128]


def test_a_picture_that_is_known_needs_no_upload(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        loaded = client.ask("init", image_id=client.image_id)
        point, _ = both(client, "click", x=60, y=50)
        needed = client.ask("init", image_id="f" * 64, id="n")
        still, _ = both(client, "click", x=61, y=50)
        sent = client.ask("init", image_id="f" * 64, image=SQUARES)

    assert (loaded["cached"], loaded["image_id"]) == (True, client.image_id)
    assert point["total_points"] == 1
    assert needed == {"type": "image_needed", "image_id": "f" * 64, "id": "n"}
    assert still["total_points"] == 2
    assert sent["image_id"] == client.image_id


def test_progress_comes_to_those_who_asked_for_it(server):
    with server.client() as client:
        client.ask("hello", progress=True)
        client.send("init", image=SQUARES, id="i")
        told = [client.receive() for _ in range(3)]

    assert [one["type"] for one in told] == ["progress", "progress", "image_loaded"]
    assert [one.get("stage") for one in told] == ["decoding", "encoding", None]
    assert {one["id"] for one in told} == {"i"}


def test_a_hover_shows_what_a_click_would_find_and_changes_nothing(server):
    with extended(server) as client:
        both(client, "click", x=30, y=30)
        preview = client.ask("hover", x=60, y=50)
        state = client.ask("list")
        _, result = both(client, "click", x=60, y=50)

    assert preview["type"] == "preview"
    assert (preview["x"], preview["y"], preview["score"]) == (60, 50, 0.9)
    assert (preview["mask"], preview["bbox"]) == (result["mask"], result["bbox"])
    assert len(state["objects"][0]["points"]) == 1


def test_a_hover_beside_the_picture_shows_nothing(server):
    with extended(server) as client:
        client.send("hover", x=500, y=50)
        state = client.ask("list")

    assert state["type"] == "state"
