"""What the seed's server answered, message by message; each row is the same, or a deviation that is documented.

A row is told over a socket of its own; a message of an unknown type after it marks its end, so that nothing may come
besides what the row expects. Fields that the seed's server did not send are left out of the comparison.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from napari_sam3_assistant.wire.replies import SERVER_MESSAGES
from tests.server.conftest import Client, running
from tests.server.pictures import SQUARES, data_url, file_of, mask_in
from tests.server.stub import StubEngine

SEED_FIELDS = {
    "session_created": {"session_id": str},
    "image_loaded": {"width": int, "height": int},
    "point_added": {"x": int, "y": int, "label": int, "total_points": int},
    "segmentation_result": {"mask": str, "score": float, "num_points": int},
    "points_cleared": {},
    "error": {"message": str},
}
END = "end of row"
INIT = {"type": "init", "image": SQUARES}
LOADED = {"type": "image_loaded", "width": 128, "height": 128}
CLEARED = {"type": "points_cleared"}
DISC = sum(row * row + col * col <= 400 for row in range(-20, 21) for col in range(-20, 21))


def click(x, y, **more):
    return {"type": "click", "x": x, "y": y, **more}


def added(x, y, label=1, total=1):
    return {"type": "point_added", "x": x, "y": y, "label": label, "total_points": total}


def result(pixels=DISC, score=0.9, num=1):
    return {"type": "segmentation_result", "mask": pixels, "score": score, "num_points": num}


def error(message):
    return {"type": "error", "message": message}


@dataclass(frozen=True)
class Row:
    """Messages and their replies. ``reason`` says why they are not the seed's; without one they are the same."""

    name: str
    said: tuple
    replies: tuple
    reason: str = ""


NO_POINT = "a click that cannot be used is refused, not passed to the model"
GOES_ON = "malformed input continues"
ROWS = (
    Row("init", (INIT,), (LOADED,)),
    Row("init with bare base64", ({**INIT, "image": SQUARES.partition(",")[2]},), (LOADED,)),
    Row("click", (INIT, click(60, 50, label=1)), (LOADED, added(60, 50), result())),
    Row("click without label", (INIT, click(60, 50)), (LOADED, added(60, 50), result())),
    Row("floats are truncated", (INIT, click(60.7, 50.2)), (LOADED, added(60, 50), result())),
    Row(
        "both labels count",
        (INIT, click(60, 50), click(90, 50, label=0)),
        (LOADED, added(60, 50), result(), added(90, 50, 0, 2), result(num=2)),
    ),
    Row(
        "the same point twice counts twice",
        (INIT, click(60, 50), click(60, 50)),
        (LOADED, added(60, 50), result(), added(60, 50, total=2), result(num=2)),
    ),
    Row(
        "reset",
        (INIT, click(60, 50), {"type": "reset"}, click(60, 50)),
        (LOADED, added(60, 50), result(), CLEARED, added(60, 50), result()),
    ),
    Row("reset right after init", (INIT, {"type": "reset"}), (LOADED, CLEARED)),
    Row("reset before init", ({"type": "reset"},), (CLEARED,)),
    Row(
        "a second picture clears the points",
        (INIT, click(60, 50), INIT, click(60, 50)),
        (LOADED, added(60, 50), result(), LOADED, added(60, 50), result()),
    ),
    Row("init without picture", ({"type": "init"},), (error("No image provided"),)),
    Row("init with an empty picture", ({"type": "init", "image": ""},), (error("No image provided"),)),
    Row(
        "init with what is no picture",
        ({"type": "init", "image": "data:image/png;base64,AAAA"},),
        (error("Failed to load image: not a supported image"),),
        "curated error texts",
    ),
    Row(
        "a picture that fails leaves the last one and its points",
        (INIT, click(60, 50), {"type": "init", "image": "AAAA"}, click(60, 60)),
        (
            LOADED,
            added(60, 50),
            result(),
            error("Failed to load image: not a supported image"),
            added(60, 60, total=2),
            result(num=2),
        ),
        "curated error texts",
    ),
    Row("x is missing", (INIT, {"type": "click", "y": 5}), (LOADED, error("Invalid click coordinates"))),
    Row("y is null", (INIT, click(5, None)), (LOADED, error("Invalid click coordinates"))),
    Row("NaN", (INIT, '{"type": "click", "x": NaN, "y": 5}'), (LOADED, error("Invalid click coordinates")), NO_POINT),
    Row("a text for x", (INIT, click("5", 5)), (LOADED, error("Invalid click coordinates")), NO_POINT),
    Row("a boolean for x", (INIT, click(True, 5)), (LOADED, error("Invalid click coordinates")), NO_POINT),
    Row(
        "the edge that the seed's page rounds to",
        (INIT, click(128, 128)),
        (LOADED, added(127, 127), result(sum(r * r + c * c <= 400 for r in range(21) for c in range(21)))),
        "what lies on the far edge is the last pixel",
    ),
    Row(
        "outside",
        (INIT, click(129, 5), click(-5, 5), click(5, 99999), click(60, 50)),
        (
            LOADED,
            error("Point (129, 5) outside image bounds (128x128)"),
            error("Point (-5, 5) outside image bounds (128x128)"),
            error("Point (5, 99999) outside image bounds (128x128)"),
            added(60, 50),
            result(),
        ),
        NO_POINT,
    ),
    Row(
        "a label that is none",
        (INIT, click(5, 5, label=2), click(5, 5, label=True), click(5, 5, label="1")),
        (LOADED, *[error("Failed to add point: label must be 0 (background) or 1 (foreground)")] * 3),
        NO_POINT,
    ),
    Row("click before init", (click(5, 5),), (error("No image loaded"),), "an error in place of silence"),
    Row(
        "background first",
        (INIT, click(60, 50, label=0), click(60, 50)),
        (LOADED, added(60, 50, 0), result(0, 0.0), added(60, 50, total=2), result(num=2)),
        "an empty mask in place of silence",
    ),
    Row(
        "segment again",
        ({"type": "segment"}, INIT, {"type": "segment"}, click(60, 50), {"type": "segment"}),
        (error("No image loaded"), LOADED, error("No points to segment"), added(60, 50), result(), result()),
        "the seed's handler documented it and did not do it",
    ),
    Row("unknown type", ({"type": "jump"},), (error("Unknown message type: jump"),)),
    Row("no type", ({"x": 1},), (error("Unknown message type: None"),)),
    Row(
        "an extension without hello",
        tuple({"type": kind} for kind in ("undo", "list", "new_object", "ping")),
        tuple(error(f"Unknown message type: {kind}") for kind in ("undo", "list", "new_object", "ping")),
    ),
    Row(
        "an extension without hello, and without what it needs",
        tuple({"type": kind} for kind in ("box", "text", "predict", "cancel", "restore")),
        tuple(error(f"Unknown message type: {kind}") for kind in ("box", "text", "predict", "cancel", "restore")),
    ),
    Row(
        "extended fields mean nothing without hello",
        (INIT, click(60, 50, object_id=7), {"type": "reset", "object_id": 7}),
        (LOADED, added(60, 50), result(), CLEARED),
    ),
    Row("a picture by name without hello", ({"type": "init", "image_id": "0" * 64},), (error("No image provided"),)),
    Row("no JSON", ("{", INIT), (error("Invalid JSON"), LOADED), GOES_ON),
    Row("no object", ("[1]", INIT), (error("Message must be a JSON object"), LOADED), GOES_ON),
    Row("bytes", (b"\x00", INIT), (error("Binary messages need hello"), LOADED), GOES_ON),
)


@pytest.fixture(scope="module")
def server():
    with running(StubEngine(), limits={"inits_burst": 100, "messages_burst": 1000}) as server:
        yield server


def told(client: Client, said) -> list[dict]:
    """Say all of a row, and return the replies."""
    for one in (*said, {"type": END}):
        client.socket.send(one if isinstance(one, str | bytes) else json.dumps(one))
    replies = []
    while (reply := client.receive()).get("message") != f"Unknown message type: {END}":
        replies.append(reply)
    return replies


def as_seed(reply: dict) -> dict:
    """Return a reply without what the seed's server did not send, and the number of pixels for the mask."""
    cut = {name: reply[name] for name in ("type", *SEED_FIELDS[reply["type"]])}
    if "mask" in cut:
        mask = mask_in(reply)
        assert mask.shape == (128, 128)
        assert set(np.unique(mask)) <= {0, 255}
        cut["mask"] = np.count_nonzero(mask)
    return cut


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{'deviation' if row.reason else 'same'}: {row.name}")
def test_the_row_is_answered_as_told(server, row):
    with server.client() as client:
        replies = told(client, row.said)

    assert [as_seed(reply) for reply in replies] == list(row.replies)


def test_without_hello_nothing_is_sent_that_the_seed_did_not_send(server):
    seen = []
    with server.client() as client:
        seen.append(client.created)
        for row in ROWS:
            seen += told(client, row.said)

    assert {reply["type"] for reply in seen} == set(SEED_FIELDS)
    assert set(SERVER_MESSAGES) > set(SEED_FIELDS)
    for reply in seen:
        for name, kind in SEED_FIELDS[reply["type"]].items():
            assert type(reply[name]) is kind, (reply["type"], name)


def test_errors_say_what_a_program_may_do(server):
    with server.client() as client:
        refused = client.ask("click", x=5, y=5, id="a click")

    assert (refused["code"], refused["retryable"], refused["id"]) == ("no_image", False, "a click")


def test_an_id_comes_back_in_every_reply(server):
    with server.client() as client:
        replies = told(
            client,
            (
                {**INIT, "id": "1"},
                {**click(60, 50), "id": "2"},
                {"type": "segment", "id": "3"},
                {"type": "reset", "id": "4"},
                {"type": "jump", "id": "5"},
            ),
        )

    assert [reply["id"] for reply in replies] == ["1", "2", "2", "3", "4", "5"]


def test_without_hello_there_is_one_object_whatever_a_message_says(server):
    with server.client() as client:
        replies = told(
            client,
            (
                INIT,
                {**click(60, 50), "object_id": 7},
                {"type": "segment", "object_id": 7},
                {"type": "reset", "object_id": 7},
            ),
        )

    assert [reply["type"] for reply in replies[1:]] == [
        "point_added",
        "segmentation_result",
        "segmentation_result",
        "points_cleared",
    ]
    assert {reply["object_id"] for reply in replies[1:4]} == {1}


def test_additive_fields_of_the_seeds_messages(server):
    with server.client() as client:
        loaded, _, _ = told(client, ({**INIT}, click(60, 50)))
        again, point, first, _, second = told(client, ({**INIT}, click(60, 50), click(61, 50)))

    assert loaded["image_id"] == again["image_id"]
    assert again["cached"] is True
    assert (point["object_id"], point["point_index"]) == (1, 0)
    assert (first["bbox"], first["area"]) == ([40, 30, 81, 71], DISC)
    assert (first["mask_format"], first["object_id"]) == ("png", 1)
    assert first["timing_ms"].keys() == {"queue", "encode", "decode", "mask"}
    assert second["seq"] > first["seq"]


def test_a_background_point_alone_is_warned_of(server):
    with server.client() as client:
        *_, empty = told(client, (INIT, click(5, 5, label=0)))

    assert empty["warning"] == "no_foreground_point"
    assert (empty["area"], empty["bbox"]) == (0, [0, 0, 0, 0])


def test_close_is_not_answered_and_closes(server):
    with server.client() as client:
        client.send("close")
        with pytest.raises(Exception, match="1000") as closed:
            client.receive()

    assert closed.value.rcvd.code == 1000


def test_sessions_have_names_that_nobody_can_guess(server):
    with server.client() as one, server.client() as other:
        names = {one.created["session_id"], other.created["session_id"]}

    assert len(names) == 2
    assert all(len(name) == 36 and name[14] == "4" for name in names)


def test_a_picture_of_one_pixel_works(server):
    with server.client() as client:
        loaded = client.ask("init", image=data_url(file_of(np.full((1, 1), 9, np.uint8))))
        client.send("click", x=0, y=0)
        client.receive()
        mask = mask_in(client.receive())

    assert (loaded["width"], loaded["height"]) == (1, 1)
    assert mask.tolist() == [[255]]
