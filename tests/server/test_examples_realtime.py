"""The guide's Python client, and ours, which has the loop that the guide's lacks: as they are, in a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from tests.server.conftest import running

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OURS, FOLLOWING = EXAMPLES / "realtime_click.py", EXAMPLES / "realtime_follow.py"
# The published client of the seed's guide. It must run unchanged, but for the port.
GUIDE = """
import websockets
import asyncio
import json
import base64

async def realtime_segmentation():
    uri = "ws://localhost:8000/ws/realtime"

    async with websockets.connect(uri) as websocket:
        # Wait for session creation
        response = await websocket.recv()
        data = json.loads(response)
        print(f"Session ID: {data['session_id']}")

        # Load image
        with open("image.jpg", "rb") as f:
            image_data = base64.b64encode(f.read()).decode()

        await websocket.send(json.dumps({
            "type": "init",
            "image": f"data:image/jpeg;base64,{image_data}"
        }))

        response = await websocket.recv()
        print(json.loads(response))

        # Add a click point
        await websocket.send(json.dumps({
            "type": "click",
            "x": 100,
            "y": 200,
            "label": 1
        }))

        # Receive results
        response = await websocket.recv()
        result = json.loads(response)

        if result["type"] == "segmentation_result":
            # Save mask
            mask_data = base64.b64decode(result["mask"])
            with open("mask.png", "wb") as f:
                f.write(mask_data)

        # Close connection
        await websocket.send(json.dumps({"type": "close"}))

asyncio.run(realtime_segmentation())
"""


@pytest.fixture(scope="module")
def server():
    with running(BuiltinEngine()) as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a picture of one bright rectangle that holds its middle, 300 wide and 240 high."""
    pixels = np.full((240, 300, 3), 30, np.uint8)
    pixels[80:170, 60:220] = 210
    Image.fromarray(pixels).save(tmp_path / "image.jpg", quality=95)
    return tmp_path


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "error", *command], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_guides_client_runs_without_an_exception_and_saves_no_mask(server, folder):
    client = folder / "client.py"
    client.write_text(GUIDE.replace(":8000/", f":{server.port}/"))

    done = run(folder, client)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Session ID: " in done.stdout
    assert "'type': 'image_loaded', 'width': 300, 'height': 240" in done.stdout
    # Its one recv() after the click gets "point_added"; the seed's server left it without a mask as well.
    assert not (folder / "mask.png").exists()


def test_our_client_saves_the_mask_of_what_was_clicked(server, folder):
    done = run(folder, OURS, "image.jpg", "mask.png", f"ws://127.0.0.1:{server.port}/ws/realtime")

    assert (done.returncode, done.stderr) == (0, "")
    assert "300 x 240 pixels are encoded" in done.stdout
    with Image.open(folder / "mask.png") as image:
        assert (image.format, image.size) == ("PNG", (300, 240))
        mask = np.asarray(image.convert("L"))
    assert set(np.unique(mask)) == {0, 255}
    truth = np.zeros((240, 300), bool)
    truth[80:170, 60:220] = True
    assert np.count_nonzero((mask > 0) & truth) / np.count_nonzero((mask > 0) | truth) > 0.95


def test_our_client_says_why_there_is_no_mask(server, folder):
    (folder / "image.jpg").write_bytes(b"no picture")

    done = run(folder, OURS, "image.jpg", "mask.png", f"ws://127.0.0.1:{server.port}/ws/realtime")

    assert done.returncode == 1
    assert "Failed to load image: not a supported image" in done.stderr
    assert not (folder / "mask.png").exists()


def test_our_client_saves_the_masks_of_what_is_followed(server, tmp_path):
    names = [f"{index}.png" for index in range(3)]
    for index, name in enumerate(names):
        pixels = np.full((60, 80, 3), 30, np.uint8)
        pixels[20 : 40 + index, 30 + index : 50 + index] = 210
        Image.fromarray(pixels).save(tmp_path / name)

    done = run(tmp_path, FOLLOWING, f"ws://127.0.0.1:{server.port}/ws/realtime", *names)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3
    for index, name in enumerate(names):
        with Image.open(tmp_path / name) as picture, Image.open((tmp_path / name).with_suffix(".mask.png")) as image:
            bright, mask = np.asarray(picture)[..., 0] > 100, np.asarray(image.convert("L")) > 0
        assert np.count_nonzero(bright & mask) / np.count_nonzero(bright | mask) > 0.9, index
