"""What tells one file of weights from another: part of the key of everything that is kept of its answers."""

from __future__ import annotations

import hashlib
from pathlib import Path

from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.looks import CONFIG, INDEX


def signature_of(known: ModelFolder, weights: Path | None = None) -> str:
    """Return the same text for the same files of a folder, another one when one of them changes.

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
    stats = [(one.name, one.stat()) for one in files if one.is_file()]
    seen = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
    return hashlib.blake2b(seen.encode(), digest_size=8).hexdigest()
