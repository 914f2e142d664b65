"""A server with the engine of tests in a process of its own, for signals that are real ones."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager

from napari_sam3_assistant.cli.serving import listen
from napari_sam3_assistant.server import logs
from napari_sam3_assistant.server.running import server_of
from napari_sam3_assistant.server.settings import ServerSettings
from tests.cli.serving import LAST_LINE, Serving, serve
from tests.server.stub import StubEngine


def process(engine: dict | None = None, **settings) -> AbstractContextManager[Serving]:
    """Run a server until it answers; the arguments are those of the engine and of the settings.

    The engine's ``fails`` is what it cannot do: "encode" or "segment".
    """
    return serve(code=f"from tests.server.process import run; run({engine or {}!r}, {settings!r})")


def run(engine: dict, settings: dict) -> None:
    """Run it here until a signal ends it; the last line says by which one, and whether the engine was closed."""
    logs.configure(as_json=True, tokens=settings.get("tokens", ()))
    fails = engine.pop("fails", None)
    stub = StubEngine(**engine, fail=functools.partial(_fail, fails))
    listening = listen("127.0.0.1", 0)
    port = listening[0].getsockname()[1]
    say = sys.stderr.write
    server = server_of(stub, ServerSettings(**settings), lambda: say(f"http://127.0.0.1:{port}/\n{LAST_LINE}"))
    server.run(sockets=listening)
    say(f"ended by {server.stopped_by}, closed {stub.closed}\n")


def _fail(fails: str | None, what: str) -> None:
    if what == fails:
        raise ValueError("broken")
