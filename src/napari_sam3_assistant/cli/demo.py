"""``demo``: napari with three samples, pointed at as a user would, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.core.errors import AssistantError

QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
MODULE = "napari_sam3_assistant.demo"


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where masks and screenshots go.")] = Path("demo-output"),
    keep_open: Annotated[
        bool | None,
        typer.Option(
            "--keep-open/--no-keep-open",
            help="Whether napari stays open at the end.",
            show_default="as the demo sees fit",
        ),
    ] = None,
) -> None:
    """Open napari with three samples, point at objects in six ways, and compare the masks with the truth."""
    problem = why_no_window()
    if problem is not None:
        screen.stop(problem)
    command = [sys.executable, "-m", MODULE, "--out", str(out)]
    if keep_open is not None:
        command.append("--keep-open" if keep_open else "--no-keep-open")
    raise typer.Exit(_run(command))


def why_no_window() -> AssistantError | None:
    """Return why no napari window can be opened here, as far as can be seen without trying."""
    if find_spec("napari") is None:
        return AssistantError("napari is not installed.", hint='Install it: pip install "napari-sam3-assistant[gui]".')
    if not any(find_spec(binding) for binding in QT_BINDINGS):
        return AssistantError(
            "napari has no Qt binding, so it cannot open a window.",
            hint='Install one: pip install "napari-sam3-assistant[gui]".',
        )
    if not has_display():
        return AssistantError(
            "There is no display to open a window on.",
            hint="Log in with a desktop, or use a virtual one: xvfb-run -a napari-sam3-assistant demo.",
        )
    return None


def has_display() -> bool:
    """Return whether windows can be shown; on Windows and macOS that is taken for granted."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _run(command: list[str]) -> int:
    """Return the exit code of a process; Ctrl+C reaches it too, and it is waited for."""
    process = subprocess.Popen(command)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the process got it as well, and ends by itself
            continue
        return screen.STOPPED if code in (-2, screen.STOPPED) else min(abs(code), 255)
