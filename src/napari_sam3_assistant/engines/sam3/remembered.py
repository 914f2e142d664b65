"""What was measured on this machine, kept in small files of the user's cache."""

from __future__ import annotations

import json
import logging
import os
import platform
from pathlib import Path
from typing import Any

import platformdirs
import torch

_log = logging.getLogger(__name__)


def cache_file(name: str) -> Path:
    """Return where a file of measurements lies."""
    return platformdirs.user_cache_path("napari-sam3-assistant", appauthor=False) / name


def machine() -> str:
    """Return what a measurement on the CPU depends on: processor, version of torch and number of threads."""
    return f"{_processor()}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def read(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing if it is not there yet, or damaged: then it is measured anew."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write(path: Path, known: dict[str, Any]) -> None:
    """Replace a file. One that cannot be written is logged: the measurement is then made again."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known, indent=2), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        _log.warning("The measurement cannot be kept in %s (%s); it is made again next time.", path, error)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # Windows and macOS have no such file
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
