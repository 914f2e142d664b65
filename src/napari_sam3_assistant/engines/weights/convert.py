"""Meta's ``sam3.pt`` in the form that transformers reads: made once, and kept.

The values stay as they are, bit for bit; their names change, and a few are cut or put together. Tensor after
tensor is mapped from the one file and written to the other, so that it takes a disk and hardly any memory.
The copy is made beside the file, or in the user's cache where that folder is read-only or its disk is full; it
gets its name when it is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_sam3_assistant.core.errors import AssistantError, ModelFolderError, SaveError
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.engines.weights import copies, kinds, tokenizer
from napari_sam3_assistant.engines.weights.amounts import check_free
from napari_sam3_assistant.engines.weights.archives import Archive
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind
from napari_sam3_assistant.engines.weights.looks import CONFIG, config_of
from napari_sam3_assistant.engines.weights.plan import Piece, plan

_STEP = 1 << 24
_UNFINISHED = ".part"
_A_DAY = 86_400


def prepare(folder: str | Path, *, progress: Progress = no_progress, cancel: CancelToken | None = None) -> Path:
    """Return the folder that the engine loads from: the one given, or the converted copy of what it holds.

    Takes a minute where a copy has to be made, and no time otherwise.

    Raises
    ------
    ModelFolderError
        If the engine cannot load what the folder holds.
    SaveError
        If there is no room for the copy.
    Cancelled
        If ``cancel`` was raised; then nothing is left behind.
    """
    known = ModelFolder.inspect(folder)
    known.check()
    if known.loads_from is not None:
        return known.loads_from
    return convert(known, progress=progress, cancel=cancel or CancelToken())


def convert(known: ModelFolder, *, progress: Progress, cancel: CancelToken) -> Path:
    """Make the converted copy of Meta's file in a folder, and return the folder of the copy.

    Raises
    ------
    ModelFolderError
        If the folder holds no such file, or that is damaged.
    SaveError
        If there is no place where it can be written.
    Cancelled
        If ``cancel`` was raised; then nothing is left behind.
    """
    known.check()
    if known.kind is not Kind.META or known.weights is None:
        raise ModelFolderError(f"There is nothing to convert in {known.path}.", hint="It can be used as it is.")
    problem: AssistantError | None = None
    for place in copies.places_for(known.weights):
        try:
            check_free(place, known.nbytes, "The converted model")
            with _draft(place) as draft:
                _write(known, known.weights, draft, progress, cancel)
                _give_name(draft, place)
            progress(1.0, f"Converted in {place}")
            return place
        except SaveError as error:  # read-only, or full: the next place may do
            problem = problem or error
    raise problem or SaveError("There is no place for the converted model.")


@contextlib.contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """Make a folder beside ``place`` to write in, and remove what is left of it."""
    draft = place.with_name(f".{place.name}-{secrets.token_hex(4)}{_UNFINISHED}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for rest in place.parent.glob(f".{place.name}-*{_UNFINISHED}*"):  # of a process that was killed
            if time.time() - rest.stat().st_mtime > _A_DAY:
                shutil.rmtree(rest, ignore_errors=True)
        draft.mkdir()
    except OSError as error:
        raise _cannot(place, error) from error
    try:
        yield draft
    except OSError as error:
        raise _cannot(place, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _cannot(place: Path, error: OSError) -> SaveError:
    return SaveError(
        f"The converted model cannot be written to {place}: {error.strerror or type(error).__name__}.",
        hint="Put sam3.pt into a folder of your own with enough room, or get model.safetensors.",
    )


def _give_name(draft: Path, place: Path) -> None:
    """Put the finished copy where it belongs, in place of an older one."""
    old = draft.with_name(draft.name + ".old")
    with contextlib.suppress(FileNotFoundError):
        os.rename(place, old)
    try:
        os.rename(draft, place)
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _write(known: ModelFolder, source: Path, draft: Path, progress: Progress, cancel: CancelToken) -> None:
    record = copies.record_of(source)
    progress(0.0, f"Converting {source.name}")
    with Archive(source) as archive:
        pieces = plan({name: one.entry for name, one in archive.tensors.items()})
        _write_weights(archive, pieces, draft / copies.WEIGHTS, progress, cancel)
    tokens = next(piece.entry.shape[0] for piece in pieces if piece.name == kinds.TOKENS)
    config = config_of(known.path) or {"model_type": kinds.MODEL_TYPE, "architectures": ["Sam3VideoModel"]}
    (draft / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
    for name, content in tokenizer.files_for(known.path, tokens):
        (draft / name).write_bytes(content)
    if record != copies.record_of(source):
        raise ModelFolderError(f"The file {source.name} has changed meanwhile.", hint="Try it again.")
    (draft / copies.RECORD).write_text(json.dumps(record), encoding="utf-8")


def _write_weights(archive: Archive, pieces: list[Piece], path: Path, progress: Progress, cancel: CancelToken) -> None:
    """Write a safetensors file: the length of its header, the header, then all tensors one after another."""
    ends = np.cumsum([piece.entry.nbytes for piece in pieces]).tolist()
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for piece, end in zip(pieces, ends, strict=True):
        start = end - piece.entry.nbytes
        header[piece.name] = {"dtype": piece.entry.dtype, "shape": piece.entry.shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    checked: set[str] = set()
    with open(path, "xb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for piece, end in zip(pieces, ends, strict=True):
            for source in set(piece.sources) - checked:
                for _ in archive.check(source):
                    cancel.raise_if_cancelled()
                checked.add(source)
            array = piece.made(archive.array(source) for source in piece.sources)
            content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            for start in range(0, content.size, _STEP):
                cancel.raise_if_cancelled()
                file.write(content[start : start + _STEP].data)
            progress(end / ends[-1], f"Converting {piece.name.split('.')[0].replace('_', ' ')}")
        file.flush()
        os.fsync(file.fileno())
