"""One file of weights and the ``config.json`` beside it: which model that is, and whether it fits together."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.engines.weights import kinds
from napari_sam3_assistant.engines.weights.files import Entry, entries_of, read_json
from napari_sam3_assistant.engines.weights.kinds import Kind
from napari_sam3_assistant.engines.weights.plan import plan

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
REPOSITORY = "facebook/sam3"
PARTS = ".get-model"
"""In a model folder: what has come of files that are still on their way."""
OTHER_WEIGHTS = f"Get {WEIGHTS} of {REPOSITORY} into this folder."

_NOT_RUN = {
    Kind.DETECTOR: "is SAM3's detector without its tracker, so it could not answer clicks",
    Kind.TRACKER: "is SAM3's tracker without its detector, so it could not find what words mean",
    Kind.SAM31: "is SAM 3.1 multiplex, which Meta's package alone runs",
    Kind.SAM2: "is SAM 2, not SAM3",
    Kind.SAM1: "is the first SAM, not SAM3",
    Kind.OTHER: "is another model, not SAM3",
    Kind.NOTHING: "has no weights in it",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of one file of weights.

    Attributes
    ----------
    weights : Path
        The file, or the index of several.
    kind : Kind
        Which model it is of.
    nbytes : int
        Size of the weights.
    missing : tuple of str
        Files that it cannot do without.
    problem, advice : str
        Why the engine cannot load it, and what to do; empty if it can.
    tokens : int
        How many the model knows.
    """

    weights: Path
    kind: Kind = Kind.NOTHING
    nbytes: int = 0
    missing: tuple[str, ...] = ()
    problem: str = ""
    advice: str = ""
    tokens: int = 0


def look_at(folder: Path, weights: Path) -> Look:
    """Return what the file ``weights`` of a model folder is. Never raises for what is in the files."""
    try:
        entries = _entries(folder, weights)
    except _Missing as error:
        return Look(weights, missing=error.names, problem=error.message, advice=error.hint)
    except ModelFolderError as error:
        return Look(weights, problem=error.message, advice=error.hint)
    kind = kinds.kind_of(entries)
    size = sum(entry.nbytes for entry in entries.values())
    try:
        if kind in _NOT_RUN:
            raise ModelFolderError(f"The file {weights.name} in {folder} {_NOT_RUN[kind]}.", hint=OTHER_WEIGHTS)
        made = _as_transformers(weights, entries) if kind is Kind.META else entries
        _check_parts(weights, made)
        _check_config(folder, weights, kind, made)
    except _Missing as error:
        return Look(weights, kind, size, error.names, error.message, error.hint)
    except ModelFolderError as error:
        return Look(weights, kind, size, (), error.message, error.hint)
    return Look(weights, kind, size, tokens=kinds.vocabulary(made) or 0)


def config_of(folder: Path) -> Mapping[str, Any] | None:
    """Return what ``config.json`` says if it is that of all of SAM3; None if it is another's, or is not there.

    Raises
    ------
    ModelFolderError
        If it is damaged.
    """
    path = folder / CONFIG
    if not path.is_file():
        return None
    said = read_json(path)
    return said if isinstance(said, dict) and said.get("model_type") == kinds.MODEL_TYPE else None


def get_command(folder: Path) -> str:
    """Return the command that makes a folder whole."""
    return f"napari-sam3-assistant get-model {shlex.quote(str(folder))}"


class _Missing(ModelFolderError):
    """Files are missing."""

    def __init__(self, message: str, *, hint: str, names: tuple[str, ...]) -> None:
        super().__init__(message, hint=hint)
        self.names = names


def _entries(folder: Path, weights: Path) -> Mapping[str, Entry]:
    """Return the tensors of a file, or of all the files that an index names."""
    if weights.name != INDEX:
        return entries_of(weights)
    said = read_json(weights)
    where = said.get("weight_map") if isinstance(said, dict) else None
    if not isinstance(where, dict) or not where:
        raise ModelFolderError(f"The file {INDEX} is damaged: it names no files.", hint="Get this file again.")
    parts = sorted({Path(str(part)).name for part in where.values()})
    gone = tuple(part for part in parts if not (folder / part).is_file())
    if gone:
        raise _Missing(
            f"The weights in {folder} are in {len(parts)} files, of which {', '.join(gone[:3])}"
            f"{' and others are' if len(gone) > 3 else ' is' if len(gone) == 1 else ' are'} missing.",
            hint=f"Run: {get_command(folder)}.",
            names=gone,
        )
    return {name: entry for part in parts for name, entry in entries_of(folder / part).items()}


def _as_transformers(weights: Path, entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    if weights.suffix == ".safetensors":
        raise ModelFolderError(
            f"The file {weights.name} is SAM3 in Meta's own form, which is converted from sam3.pt only.",
            hint=f"Get {WEIGHTS} or sam3.pt of {REPOSITORY} instead.",
        )
    try:
        return {piece.name: piece.entry for piece in plan(entries)}
    except (KeyError, ValueError) as error:
        raise ModelFolderError(
            f"The file {weights.name} has {error.args[0]!s:.100}, which is none of SAM3's.", hint=OTHER_WEIGHTS
        ) from error


def _check_parts(weights: Path, made: Mapping[str, Entry]) -> None:
    gone = kinds.lacking(made)
    if gone:
        more = f" and {len(gone) - 2} more of its parts" if len(gone) > 2 else ""
        raise ModelFolderError(
            f"The file {weights.name} lacks SAM3's {', '.join(gone[:2])}{more}: it is incomplete, or another model's.",
            hint=OTHER_WEIGHTS,
        )


def _check_config(folder: Path, weights: Path, kind: Kind, made: Mapping[str, Entry]) -> None:
    """Check that transformers will make the model that the weights are of."""
    if kind is Kind.SAM3 and not (folder / CONFIG).is_file():
        raise _Missing(f"There is no {CONFIG} in {folder}.", hint=f"Run: {get_command(folder)}.", names=(CONFIG,))
    config = config_of(folder)
    if kind is Kind.SAM3 and config is None:
        said = read_json(folder / CONFIG)
        what = said.get("model_type") if isinstance(said, dict) else None
        raise ModelFolderError(
            f"The file {CONFIG} in {folder} is of a model of type {what}, not {kinds.MODEL_TYPE}.",
            hint=f"Get {CONFIG} of {REPOSITORY}.",
        )
    differs = kinds.misfit(made, config or {})
    if differs and config is None:
        raise _Missing(
            f"The weights in {weights.name} are not of the size of the released model ({differs}).",
            hint=f"Put the {CONFIG} that belongs to them into {folder}.",
            names=(CONFIG,),
        )
    if differs:
        raise ModelFolderError(
            f"The files {CONFIG} and {weights.name} do not belong together ({differs}).",
            hint=f"Get both from the same place, such as {REPOSITORY}.",
        )
    if kind is Kind.SAM3 and weights.name not in (WEIGHTS, INDEX):
        raise ModelFolderError(
            f"The weights in {folder} are called {weights.name}, which is not looked for.",
            hint=f"Rename {weights.name} to {WEIGHTS}.",
        )
