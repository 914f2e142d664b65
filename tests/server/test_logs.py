"""What is logged, and what is not: pictures, tokens, phrases, and what stands behind a question mark."""

import io
import json
import logging
import re
import signal
import urllib.error
import urllib.request

import pytest
from websockets.sync.client import connect

from napari_sam3_assistant.server import logs
from tests.server.conftest import Client, until
from tests.server.pictures import SQUARES
from tests.server.process import process

TOKEN, PHRASE = "token-that-nobody-sees", "a phrase that nobody sees"


@pytest.fixture
def written():
    """Return a function that logs to a stream of its own, and what was written."""
    root, ours = logging.getLogger(), logging.getLogger(logs.OURS)
    before = root.handlers[:], root.level, ours.level

    def write(as_json: bool, log) -> str:
        stream = io.StringIO()
        logs.configure(as_json=as_json, tokens=(TOKEN,), stream=stream)
        log(logging.getLogger(f"{logs.OURS}.server.x"))
        return stream.getvalue()

    yield write
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def test_a_line_of_json_names_session_message_and_reference(written):
    def log(logger):
        with logs.in_session("s-1"), logs.about_message("m-1"):
            logger.error("It failed.", extra={"ref": "3f2a"})

    lines = [json.loads(line) for line in written(True, log).splitlines()]

    assert [line["event"] for line in lines] == ["session opened", "It failed.", "session closed"]
    assert lines[1].items() >= {"level": "ERROR", "session": "s-1", "message": "m-1", "ref": "3f2a"}.items()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines[1]["time"])
    assert "message" not in lines[2] and "ref" not in lines[2]


def test_a_line_to_read_stays_one_line(written):
    def log(logger):
        with logs.about_message("forged\n2026-01-01 ERROR \x1b[31m"):
            logger.info("one\r\ntwo")

    text = written(False, log)

    assert len(text.splitlines()) == 1
    assert "\x1b" not in text and "one two  message=forged 2026" in text


def test_what_a_client_has_sent_looks_like_no_other_field_or_line(written):
    def log(logger):
        with logs.about_message("m  ref=ffff \x1b  session=other\u202e"):
            try:
                raise ValueError("bad\n2026-01-01T00:00:00.000Z INFO    forged\r\x1b[2K")
            except ValueError:
                logger.exception("It failed.")

    first, *below = written(False, log).splitlines()

    assert first.endswith("It failed.  message=m ref=ffff session=other ")
    assert below[-1].startswith("    2026-01-01")
    assert all(line.startswith("    ") and "\x1b" not in line for line in below)


def test_a_traceback_is_in_the_line_of_json(written):
    def log(logger):
        try:
            raise ValueError(f"with {TOKEN} and {'A' * 300}")
        except ValueError:
            logger.exception("It failed.", extra={"ref": "3f2a"})

    line = json.loads(written(True, log))

    assert line["trace"].splitlines()[-1] == "ValueError: with [token] and [300 characters]"


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    ("said", "written_as"),
    [
        (f"Bearer {TOKEN}", "Bearer [token]"),
        (f"picture {SQUARES}", "characters]"),
        ("GET /app?token=abc HTTP/1.1", "GET /app?[query] HTTP/1.1"),
        ('"WebSocket /ws/realtime?secret" [accepted]', "/ws/realtime?[query]"),
    ],
)
def test_what_must_not_be_written_is_cut_out(written, as_json, said, written_as):
    text = written(as_json, lambda logger: logger.warning("%s", said))

    assert written_as in text
    assert said not in text and SQUARES[50:100] not in text


def test_uvicorn_warns_in_the_same_lines_and_is_silent_otherwise(written):
    def log(logger):
        logging.getLogger("uvicorn.error").info('127.0.0.1 - "WebSocket /ws/realtime?token=x" [accepted]')
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    (line,) = written(True, log).splitlines()

    assert json.loads(line).items() >= {"event": "Invalid HTTP request received.", "logger": "uvicorn.error"}.items()


def test_a_real_run_tells_of_sessions_refusals_and_failures_and_of_nothing_else():
    with process({"fails": "segment"}, tokens=(TOKEN,), warm_up=False) as server:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics?token={TOKEN}")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=10)
        address = f"ws://127.0.0.1:{server.port}/ws/realtime?token={TOKEN}"
        with connect(address, additional_headers={"Authorization": f"Bearer {TOKEN}"}, max_size=None) as socket:
            client = Client(socket)
            client.ask("init", image=SQUARES)
            assert client.ask("text", text=PHRASE)["type"] == "error"
            client.ask("click", x=30, y=40, id="m-7")
            failed = client.receive()
        until(lambda: "session closed" in read_on(server))
        code, said = server.end(signal.SIGTERM)

    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    events = [line["event"] for line in lines]
    (failure,) = [line for line in lines if line["level"] == "ERROR"]
    assert code == 0
    assert events[:2] == ["refused: token", "session opened"] and "session closed" in events
    assert failure["session"] == client.created["session_id"] and failure["message"] == "m-7"
    assert failure["ref"] in failed["message"], "what the client is told leads to the line"
    assert TOKEN not in said and PHRASE not in said and SQUARES[50:100] not in said and "?" not in said


def read_on(server) -> str:
    """Return what was said up to the next line."""
    server.said += server.process.stderr.readline()
    return server.said
