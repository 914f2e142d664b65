"""What tells one file of weights from another: part of the key of everything that is kept of its answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.looks import CONFIG, INDEX

BLOCK, BLOCKS = 2**16, 16
"""Bytes of a block, and how many blocks of a file are read: weights that were trained anew differ in each."""


def signature_of(known: ModelFolder, weights: Path | None = None) -> str:
    """Return the same text for the same files of a folder, another one when one of them changes.

    It goes by the names, sizes, times of change and some of the contents: a file may be put in the place of another
    with its size and its time.

    Parameters
    ----------
    known : ModelFolder
    weights : Path or None
        The file, or the index of several; None for the one that the folder is known by.
    """
    chosen = weights or known.weights
    files = [chosen] if chosen else []
    if chosen is not None and chosen.name == INDEX:
        files += sorted(known.path.glob("*.safetensors"))
    files += [known.path / CONFIG, *([known.path / known.tokenizer] if known.tokenizer else [])]
    seen = hashlib.blake2b(digest_size=8)
    for one in files:
        if one.is_file():
            stat = one.stat()
            seen.update(f"{one.name} {stat.st_size} {stat.st_mtime_ns}\n".encode(errors="surrogateescape"))
            for block in _blocks(one, stat.st_size):
                seen.update(block)
    return seen.hexdigest()


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    """Yield blocks of a file from its beginning to its end, with equal gaps; all of a small one."""
    last = max(size - BLOCK, 0)
    with path.open("rb", buffering=0) as file:
        for start in sorted({last * number // (BLOCKS - 1) for number in range(BLOCKS)}):
            file.seek(start)
            yield file.read(BLOCK)
