"""One server of several: the process that :mod:`~napari_sam3_assistant.cli.several` starts for a device."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import typer

from napari_sam3_assistant.cli import serving
from napari_sam3_assistant.cli.streams import guarded
from napari_sam3_assistant.server.fleet import ANSWERS, STOP

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from napari_sam3_assistant.server.running import Server


def form() -> TypeAdapter[serving.Options]:
    """Return what writes and reads options as JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(serving.Options)


def main(device: str) -> int:
    """Serve on a device, as the first line of standard input says, until the others or the end of it say to end."""
    with open(0, "rb", buffering=0, closefd=False) as told:
        options = form().validate_json(told.readline())
    settings, _ = serving.settings_of(options)
    server, listening = serving.prepared(options, settings, _answer, device)
    threading.Thread(target=_obey, args=(server,), name="orders", daemon=True).start()
    server.run(sockets=listening)
    return 0


def _answer(_: serving.Ready) -> None:
    sys.stdout.write(f"{ANSWERS}\n")
    sys.stdout.flush()


def _obey(server: Server) -> None:
    """End the server when it is told to, or when whoever started it has gone; a signal may have come before."""
    # Not through sys.stdin: a thread that waits there holds up the end of the interpreter.
    word = os.read(0, 100)
    if server.stopped_by is None:
        server.handle_exit(signal.SIGINT if word.strip() == STOP.encode() else signal.SIGTERM, None)


if __name__ == "__main__":
    with guarded():
        try:
            code = main(sys.argv[1])
        except typer.Exit as ended:
            code = ended.exit_code
    sys.exit(code)
