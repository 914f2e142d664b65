"""Go through docs/tutorials/your-napari-their-gpu.md in a real napari, with a real server, and make its pictures.

scripts/on-screen .venv/bin/python scripts/remote_pictures.py [FOLDER]
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from pictures import Tour, run
from qtpy.QtTest import QTest

from napari_sam3_assistant.app.server_state import Link
from napari_sam3_assistant.cli.serve import TOKEN_VARIABLE

PLACES = ((147, 212), (200, 152))


@contextmanager
def serving(token: str, port: int = 0) -> Iterator[int]:
    """Run a server in a process of its own, and give its port."""
    command = [sys.executable, "-m", "napari_sam3_assistant", "serve", "--engine", "builtin", "--drain-seconds", "0"]
    command += ["--port", str(port)]
    told = {**os.environ, TOKEN_VARIABLE: token}
    with subprocess.Popen(command, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            for line in process.stdout or ():
                print(f"           $ {line.rstrip()}", flush=True)
                found = re.search(r"http://127\.0\.0\.1:(\d+)/app", line)
                if found:
                    yield int(found[1])
                    break
        finally:
            process.terminate()


def ready(port: int) -> bool:
    """Whether the server's model is loaded."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def choose(tour: Tour, address: str, token: str) -> None:
    """Choose the server in its dialog, after a test."""
    widget = tour.driver.widget
    tour.pick(widget.top.engine, "Server...")
    dialog = widget.server
    dialog.address.setEditText(address)
    QTest.keyClicks(dialog.token, token)
    dialog.test.click()
    tour.driver.wait(lambda: not tour.driver.state.server.trial.running, "The test")
    tour.driver.pump(0.3)
    print(f"           | {dialog.text.text()}", flush=True)
    tour.part(dialog, "remote-dialog.png")
    dialog.ok.click()
    tour.driver.wait(lambda: tour.driver.state.server.link is Link.CONNECTED, "The server")


def rest(tour: Tour) -> None:
    """Wait until the server has answered, too."""
    tour.driver.wait(lambda: not tour.driver.widget.controller.standby.at_work, "The server's answer")
    tour.driver.wait_until_idle()
    print(f"           | {tour.driver.state.model.reason}", flush=True)


def main(folder: Path) -> None:
    token, tour = secrets.token_urlsafe(24), Tour(folder)
    tour.open("nuclei", "Nuclei")
    with serving(token) as port:
        tour.driver.wait(lambda: ready(port), "The model")
        choose(tour, f"127.0.0.1:{port}", token)
        rest(tour)
        tour.click(*PLACES[0])
        rest(tour)
        tour.driver.pump(2.5)
        tour.picture("remote-window.png", whole=True)
    tour.key("N")
    tour.click(*PLACES[1])
    tour.driver.wait(lambda: tour.driver.state.server.link is Link.OFFLINE, "Its absence")
    rest(tour)
    tour.part(tour.driver.widget.top, "remote-away.png")
    with serving(token, port):
        tour.driver.wait(lambda: tour.driver.state.server.link is Link.CONNECTED, "The server")
        rest(tour)
        tour.say("back")
    tour.close()


if __name__ == "__main__":
    run(main)
