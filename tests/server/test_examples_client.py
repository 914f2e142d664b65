"""The Python client that comes back: as it is, in a process, with its connection cut in the middle."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from websockets.sync.server import serve

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from tests.server.client import EXAMPLE, example
from tests.server.conftest import running
from tests.server.pictures import file_of

SQUARES = [(slice(20, 60), slice(30, 80)), (slice(90, 150), slice(40, 90)), (slice(30, 100), slice(130, 180))]
CLICKS = [(55, 40), (65, 120), (155, 60)]


def scene() -> np.ndarray:
    pixels = np.full((180, 220, 3), 30, np.uint8)
    for place, value in zip(SQUARES, (210, 160, 240), strict=True):
        pixels[place] = value
    return pixels


PICTURE = file_of(scene())


@pytest.fixture(scope="module")
def server():
    with running(BuiltinEngine()) as server:
        yield server


@pytest.fixture
def client(server):
    with example.RealtimeClient(f"ws://127.0.0.1:{server.port}/ws/realtime", patience_s=20) as client:
        yield client


def cut(client) -> None:
    """Cut the connection as a network does: nobody says goodbye."""
    client._socket.socket.shutdown(socket.SHUT_RDWR)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "error", EXAMPLE, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_the_example_saves_each_object_by_its_number(server, tmp_path):
    (tmp_path / "picture.png").write_bytes(PICTURE)
    objects = ["--object", "55,40", "60,45", "5,5,0", "--object", "36,86,94,154", "--object", "155,60"]

    done = run(tmp_path, "picture.png", "labels.png", "--server", f"ws://127.0.0.1:{server.port}/ws/realtime", *objects)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "saved labels.png"
    with Image.open(tmp_path / "labels.png") as image:
        labels = np.asarray(image)
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    for number, place in enumerate(SQUARES, 1):
        truth = np.zeros(labels.shape, bool)
        truth[place] = True
        found = labels == number
        assert np.count_nonzero(found & truth) / np.count_nonzero(found | truth) > 0.9


def test_after_a_cut_the_same_prompts_give_the_same_masks_without_another_upload(server, client):
    client.open(PICTURE)
    for number, (x, y) in enumerate(CLICKS, 1):
        client.click(x, y, object_id=number if number == 1 else client.new_object())
    before = {number: result.mask for number, result in client.results.items()}
    uploads = server.app.state.metrics.text().decode().count("image_needed")
    client.results.clear()

    cut(client)
    refined = client.click(5, 5, 0, object_id=2)

    assert client.connections == 2
    assert refined is client.results[2]
    for number in (1, 3):
        assert np.array_equal(client.results[number].mask, before[number])
    assert client.objects[2].points == ((*CLICKS[1], 1), (5, 5, 0))
    with example.RealtimeClient(client._address) as straight:
        straight.open(PICTURE)
        straight.click(*CLICKS[1])
        assert np.array_equal(straight.click(5, 5, 0).mask, refined.mask)
    assert server.app.state.metrics.text().decode().count("image_needed") == uploads


def test_a_server_that_has_lost_the_picture_is_sent_it_again(client):
    client.open(PICTURE)
    before = client.click(*CLICKS[0])
    cut(client)
    with running(BuiltinEngine()) as other:
        client._address = f"ws://127.0.0.1:{other.port}/ws/realtime"

        after = client.click(*CLICKS[0])

        assert np.array_equal(before.mask, after.mask)
        client.close()


def test_what_is_refused_is_raised_and_not_kept(client):
    client.open(PICTURE)

    with pytest.raises(example.Refused, match="outside image bounds") as refused:
        client.click(5000, 5)

    assert refused.value.code == "out_of_bounds"
    assert client.objects[1].points == ()
    assert client.click(*CLICKS[0]).mask.any()
    assert client.connections == 1


def test_what_is_no_picture_is_refused_and_no_other_connection_is_tried(client):
    with pytest.raises(example.Refused, match="not a supported image"):
        client.open(b"no picture")

    assert client.connections == 1


def test_a_wrong_token_is_refused_at_once():
    with (
        running(BuiltinEngine(), tokens=("right-token",)) as server,
        example.RealtimeClient(f"ws://127.0.0.1:{server.port}/ws/realtime", "wrong-token") as client,
        pytest.raises(example.Refused, match="look at the token"),
    ):
        client.open(PICTURE)


def test_a_server_of_the_first_protocol_says_that_it_does_not_know_hello():
    def seed(socket):
        socket.send('{"type": "session_created", "session_id": "one-of-them"}')
        socket.recv()
        socket.send('{"type": "error", "message": "Unknown message type: hello"}')

    import threading

    with serve(seed, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        with pytest.raises(example.Refused, match="hello"):
            example.RealtimeClient(f"ws://127.0.0.1:{port}").open(PICTURE)
        server.shutdown()


def test_nobody_there_is_given_up_after_the_patience_and_said_in_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = example.RealtimeClient(f"ws://127.0.0.1:{port}/ws/realtime", patience_s=0.2)

    with pytest.raises(ConnectionError, match="has not answered for 0 s"):
        client.open(PICTURE)


def test_what_is_typed_wrongly_is_said_in_a_sentence():
    for text in ("45", "45,x", "1,2,3,4,5", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="x1,y1,x2,y2"):
            example.prompt(text)
    with pytest.raises(argparse.ArgumentTypeError, match="ws://"):
        example.address("gpu-box:8000")

    assert example.prompt("60,80") == (60, 80) and example.prompt("-1, 5,0") == (-1, 5, 0)
