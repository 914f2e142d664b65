import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.cli.main import main


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs the command in this process."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["napari-sam3-assistant", *map(str, arguments)])
        code = main()
        return Ended(code, *capsys.readouterr())

    return run


def run_apart(*arguments: object, cwd: Path, **more: str) -> Ended:
    """Run the command in a process of its own, in folder ``cwd``, with ``more`` in its environment."""
    command = [sys.executable, "-m", "napari_sam3_assistant", *map(str, arguments)]
    env = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"} | more
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=60)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Return a TIFF file, 100 x 120: a square of 20 pixels round 20,20 and one round 60,70."""
    image = np.full((100, 120), 400, np.uint16)
    image[10:30, 10:30] = 2000
    image[50:70, 60:80] = 1600
    path = tmp_path / "squares.tif"
    tifffile.imwrite(path, image)
    return path
