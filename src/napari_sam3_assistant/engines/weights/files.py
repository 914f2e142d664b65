"""What files of weights hold, by name, type and shape: nothing of the weights is read.

Whoever opens one that is damaged, or something else, is told what it is.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.engines.weights.amounts import gigabytes

GET_AGAIN = "Get this file again: press Get SAM3, run get-model, or copy it anew."
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1, "C64": 8}
"""Bytes a value, by safetensors' names of types."""

_LONGEST_HEADER = 100_000_000  # safetensors' own limit
_LONGEST_JSON = 50_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a file.

    Attributes
    ----------
    dtype : str
        As safetensors says it: ``"F32"``.
    shape : tuple of int
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Its size; 0 for a type whose size is not known."""
        count = SIZES.get(self.dtype, 0)
        for length in self.shape:
            count *= length
        return count


def entries_of(path: Path) -> Mapping[str, Entry]:
    """Return the tensors of a safetensors file, or of the ``.pt`` file of a model, by name.

    Asked again for the same file, it answers from memory.

    Raises
    ------
    ModelFolderError
        If it cannot be read, is half there, or is something else; nothing in it is run.
    """
    try:
        stat = path.stat()
        return _entries(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise unreadable(path, error) from error


def read_json(path: Path) -> object:
    """Return what a JSON file holds.

    Raises
    ------
    ModelFolderError
        If it cannot be read, or is no JSON.
    """
    try:
        if path.stat().st_size > _LONGEST_JSON:
            raise ModelFolderError(f"The file {path.name} is too large to be what its name says.", hint=GET_AGAIN)
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"The file {path.name} is damaged: it is no JSON.", hint=GET_AGAIN) from error


def unreadable(path: Path, error: OSError) -> ModelFolderError:
    """Return ``error``, met while ``path`` was read, as one that says what to do."""
    reason = error.strerror or type(error).__name__
    return ModelFolderError(f"The file {path.name} cannot be read: {reason}.", hint="Check its permissions.")


def read_header(file: BinaryIO, name: str) -> tuple[dict[str, Entry], int]:
    """Return the tensors of an open safetensors file, and where their bytes start.

    Raises
    ------
    ModelFolderError
        If it is damaged, or ends too soon.
    """
    size = os.fstat(file.fileno()).st_size
    kind = "safetensors file" if name.endswith(".safetensors") else "file of weights"
    damaged = ModelFolderError(f"The file {name} is damaged: it is no {kind}.", hint=GET_AGAIN)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > _LONGEST_HEADER:
        raise damaged
    if size < 8 + length:
        raise half(name, size, None)
    try:
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        found = {key: Entry(str(one["dtype"]), tuple(map(int, one["shape"]))) for key, one in header.items()}
        ends = [int(one["data_offsets"][1]) for one in header.values()]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise damaged from error
    whole = 8 + length + max(ends, default=0)
    if size < whole:
        raise half(name, size, whole)
    return found, 8 + length


def half(name: str, size: int, whole: int | None) -> ModelFolderError:
    """Return the error of a file that ends too soon."""
    of = f": {gigabytes(size)} of {gigabytes(whole)} are there" if whole else ""
    return ModelFolderError(f"The file {name} is half downloaded{of}.", hint=GET_AGAIN)


@functools.lru_cache(maxsize=32)
def _entries(path: Path, size: int, changed: int) -> Mapping[str, Entry]:
    with open(path, "rb") as file:
        start = file.read(64)
        _check_start(path.name, start)
        if not start.startswith(b"PK"):
            file.seek(0)
            return read_header(file, path.name)[0]
    from napari_sam3_assistant.engines.weights.archives import Archive  # which needs this module

    with Archive(path) as archive:
        return {name: one.entry for name, one in archive.tensors.items()}


def _check_start(name: str, start: bytes) -> None:
    """Tell what is no weights by its first bytes."""
    text = start.lstrip().lower()
    if not start:
        raise ModelFolderError(f"The file {name} is empty.", hint=GET_AGAIN)
    if text.startswith(b"version https://git-lfs"):
        raise ModelFolderError(
            f"The file {name} is a placeholder of Git, not the weights.", hint="Run: git lfs pull; or get it again."
        )
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ModelFolderError(
            f"The file {name} is a web page, not the weights.",
            hint="Sign in where you get it, accept the licence, and get it again.",
        )
    if start[0] == 0x80 and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise ModelFolderError(
            f"The file {name} is in a form that may hold programs, and was not opened.",
            hint="Get model.safetensors or sam3.pt of facebook/sam3 instead.",
        )
