"""``serve`` in a process of its own, as a user starts and ends it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

START_S = 60
"""A hang guard: it takes about a second where nothing else runs."""
START = "import sys; from napari_sam3_assistant.cli.main import main; code = main()"
LAST_LINE = "Ctrl+C ends it.\n"


@dataclass
class Serving:
    """A server that answers.

    Attributes
    ----------
    process : subprocess.Popen
    said : str
        What it has written to standard error.
    """

    process: subprocess.Popen
    said: str

    @property
    def port(self) -> int:
        return int(re.search(r"://[^/]*:(\d+)", self.said)[1])

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read()

    def end(self, *signals: int) -> tuple[int, str]:
        """Send signals and wait for the end; return the exit code, and all that was said."""
        for one in signals:
            self.process.send_signal(one)
        self.said += self.process.communicate(timeout=30)[1]
        return self.process.returncode, self.said


@contextmanager
def serve(
    *arguments: object, environment: dict[str, str] | None = None, code: str = f"{START}; sys.exit(code)"
) -> Iterator[Serving]:
    """Run ``serve`` on a free port, until it says how to end it."""
    command = [sys.executable, "-c", code, "serve", "--port", "0", *map(str, arguments)]
    env = os.environ | {"NO_COLOR": "1"} | (environment or {})
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    guard = threading.Timer(START_S, process.kill)
    guard.start()
    said = ""
    try:
        while not said.endswith(LAST_LINE):
            line = process.stderr.readline()
            assert line, f"it has ended: {said}"
            said += line
        guard.cancel()
        yield Serving(process, said)
    finally:
        guard.cancel()
        process.kill()
        process.communicate()
