"""Where the converted copy of one of Meta's files lies, and whether it still is that file's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

BESIDE = "sam3-converted"
"""The folder of a copy, in the folder of the file that it is made of."""
RECORD = "converted.json"
"""In the copy: what it was made of. Written last."""
WEIGHTS = "model.safetensors"

_FORM = 1
_PROGRAM = "napari-sam3-assistant"


def places_for(source: Path) -> Iterator[Path]:
    """Yield the folders in which a copy of ``source`` may lie: beside it, then in the user's cache."""
    yield source.parent / BESIDE
    if find_spec("platformdirs") is None:  # an engine's process in another environment: no cache is known there
        return
    name = hashlib.blake2b(str(source.resolve()).encode(errors="surrogateescape"), digest_size=8).hexdigest()
    yield cache_folder() / name


def cache_folder() -> Path:
    """Return the folder of the copies that do not lie beside their files. It need not be there."""
    import platformdirs  # here: an engine's process may run where it is not installed

    return platformdirs.user_cache_path(_PROGRAM, appauthor=False) / "converted"


def copy_of(source: Path) -> Path | None:
    """Return the folder with the copy of ``source``, if one is there that was made of this very file."""
    try:
        wanted = record_of(source)
    except OSError:
        return None
    for place in places_for(source):
        try:
            same = json.loads((place / RECORD).read_text(encoding="utf-8")) == wanted
            if same and (place / WEIGHTS).is_file():
                return place
        except (OSError, ValueError):
            continue
    return None


def record_of(source: Path) -> dict[str, object]:
    """Return what is remembered of the file that a copy is made of."""
    stat = source.stat()
    return {"form": _FORM, "source": source.name, "size": stat.st_size, "changed": stat.st_mtime_ns}
