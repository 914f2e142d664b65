"""Every limit that is documented is kept: one row for each, over a real socket or a real request."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from napari_sam3_assistant.server.settings import Limits
from tests.server.follower import Follower
from tests.server.pictures import SQUARES

ELSEWHERE = {"X-Forwarded-For": "203.0.113.5"}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "run-the-server.md"


def codes(server, *messages: tuple[str, dict], **options) -> str:
    """Send messages; return the code of the first error, or of the close frame, that is not the server's greeting."""
    with server.client(**options) as client:
        if client.created["type"] == "error":
            return client.created["code"]
        for type, fields in messages:
            client.send(type, **fields)
        try:
            while (answer := client.receive())["type"] != "error":
                pass
            return answer["code"]
        except ConnectionClosed as ended:
            return str(ended.rcvd.code)


def ended(server, *messages: str) -> str:
    """Send texts; return the code of the close frame."""
    with server.client() as client:
        try:
            for text in messages:
                client.socket.send(text)
            while True:
                client.receive()
        except ConnectionClosed as ended:
            return str(ended.rcvd.code)


def asked(server, path: str, headers: dict | None = None, **fields) -> str:
    """Send a request; return its status."""
    body = json.dumps({"image_base64": SQUARES, **fields}).encode()
    headers = {"Content-Type": "application/json"} | (headers or {})
    try:
        request = urllib.request.Request(f"{server.url}/segment/{path}", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)


def uploaded(server) -> str:
    """Send a form of 5,000 bytes; return its status."""
    part = (
        b'--edge\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + b"x" * 5000 + b"\r\n--edge--"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    try:
        urllib.request.urlopen(urllib.request.Request(f"{server.url}/segment/auto", part, headers), timeout=10).close()
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)
    return ""


def crowded(server, **options) -> str:
    """Return what the second client is told."""
    with server.client(**options):
        return codes(server, **options)


def previews(server) -> str:
    """Return what comes after a second hover and a ping."""
    with server.client() as client:
        client.ask("hello")
        client.ask("init", image=SQUARES)
        assert client.ask("hover", x=1, y=1)["type"] == "preview"
        client.send("hover", x=2, y=2)
        return client.ask("ping", t=1)["type"]


def many_pictures(server) -> str:
    """Return what the last one of many pictures is answered with that are named one after the other."""
    with server.client() as client:
        client.ask("hello")
        return [client.ask(ENCODE[0], **ENCODE[1]) for _ in range(61)][-1]["code"]


def unused_film(server) -> str:
    """Return what comes after a video was opened."""
    with server.client() as client:
        client.ask("hello")
        client.ask("video_open", **FILM[1])
        return client.receive()["type"]


def frame_that_does_not_come(server) -> str:
    """Return the code with which a prompt ends whose frame is not sent."""
    with server.client() as client:
        client.ask("hello")
        video_id = client.ask("video_open", **FILM[1])["video_id"]
        prompts = {"points": [{"x": 1, "y": 1}]}
        client.ask("video_prompt", video_id=video_id, index=0, object_id=1, prompts=prompts)
        return client.receive()["code"]


INIT, CLICK = ("init", {"image": SQUARES}), ("click", {"x": 1, "y": 1})
HELLO, TEXT = ("hello", {}), ("text", {"text": "cells"})
ENCODE, FILM = ("encode", {"image_id": "none"}), ("video_open", {"frames": 3, "shape": [8, 8]})
SLOW = {"encode_s": 0.5}
ROWS = {
    "message_bytes": (2000, lambda server: ended(server, "x" * 3000), "1009"),
    "image_bytes": (100, lambda server: codes(server, INIT), "image_too_large"),
    "body_bytes": (1000, uploaded, "413"),
    "json_body_bytes": (100, lambda server: asked(server, "auto/base64"), "413"),
    "image_pixels": (100, lambda server: codes(server, INIT), "image_too_large"),
    "image_side": (100, lambda server: codes(server, INIT), "image_too_large"),
    "points_per_object": (1, lambda server: codes(server, INIT, CLICK, CLICK), "limit_points"),
    "objects": (1, lambda server: codes(server, HELLO, INIT, CLICK, ("new_object", {})), "limit_objects"),
    "text_length": (4, lambda server: codes(server, HELLO, INIT, TEXT), "bad_message"),
    "waiting": (1, lambda server: codes(server, HELLO, INIT, CLICK, CLICK, CLICK), "busy"),
    "waiting_bytes": (200, lambda server: codes(server, INIT), "busy"),
    "refused": (2, lambda server: ended(server, *["{}"] * 200), "1008"),
    "messages_per_s": (1e-6, lambda server: codes(server, *[("reset", {})] * 81), "rate_limited"),
    "messages_burst": (2, lambda server: codes(server, *[("reset", {})] * 4), "rate_limited"),
    "inits_per_s": (1e-6, lambda server: codes(server, *[INIT] * 5), "rate_limited"),
    "inits_burst": (1, lambda server: codes(server, INIT, INIT), "rate_limited"),
    "encodes_per_s": (1e-6, many_pictures, "rate_limited"),
    "encodes_burst": (1, lambda server: codes(server, HELLO, ENCODE, ENCODE), "rate_limited"),
    "hovers_per_s": (1e-6, previews, "pong"),
    "invalid_in_a_row": (2, lambda server: ended(server, "no JSON", "no JSON"), "1008"),
    "sessions": (1, crowded, "server_full"),
    "sessions_per_address": (1, lambda server: crowded(server, additional_headers=ELSEWHERE), "server_full"),
    "requests": (0, lambda server: asked(server, "auto/base64"), "503"),
    "requests_per_address": (0, lambda server: asked(server, "auto/base64", ELSEWHERE), "429"),
    "points_per_side": (2, lambda server: asked(server, "auto/base64", points_per_side=3), "400"),
    "videos": (1, lambda server: codes(server, HELLO, FILM, FILM), "limit_videos"),
    "video_frames": (2, lambda server: codes(server, HELLO, FILM), "bad_message"),
    "video_idle_s": (0.1, unused_film, "video_closed"),
    "frame_s": (0.1, frame_that_does_not_come, "frame_missing"),
    "everything_s": (0.1, lambda server: asked(server, "auto/base64", points_per_side=8), "504"),
}
"""By limit: a value, what goes beyond it, and what comes of that."""
ENGINES = {"waiting": SLOW, "everything_s": {"decode_s": 0.3}, "text_length": {"reads": True}}


def test_there_is_a_row_for_every_limit():
    assert set(ROWS) == set(Limits.model_fields)


@pytest.mark.parametrize("limit", ROWS)
def test_a_limit_is_kept(serving, limit):
    value, beyond, outcome = ROWS[limit]
    options = dict(ENGINES.get(limit, {}))
    reads = options.pop("reads", False)
    engine = Follower(**options)
    engine.capabilities = replace(engine.capabilities, text=reads)

    with serving(engine, limits=Limits(**{limit: value}), forwarded_allow_ips="127.0.0.1", warm_up=False) as server:
        assert beyond(server) == outcome


def test_the_page_on_the_server_lists_them_as_they_are():
    listed = re.findall(r"^\| `(\w+)` \| ([\d,.]+) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert listed == [
        (name, f"{field.default:,g}" if isinstance(field.default, float) else f"{field.default:,}", field.description)
        for name, field in Limits.model_fields.items()
    ]
