"""The engine that a user of Python or the shell has named."""

from __future__ import annotations

import os
from pathlib import Path

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.protocol import ImageEngine


def engine_given(engine: str, model: str | Path | None) -> tuple[registry.Choice, ImageEngine]:
    """Return which engine is used and why, and the engine, not loaded yet.

    Parameters
    ----------
    engine : str
        Its name; ``"auto"`` takes the best one that can run here.
    model : str, Path or None
        Folder of the model, for engines that have one.

    Raises
    ------
    Unsupported
        If there is no such engine, or something that it needs is not installed.
    ModelFolderError
        If there is no folder ``model``.
    EngineError
        If the engine cannot be made.
    """
    if model is not None and not isinstance(model, str | os.PathLike):
        raise ModelFolderError(f"{model!r} is no folder.", hint="Name the folder that holds the model's files.")
    folder = None if model is None else Path(model).expanduser()
    if folder is not None and not folder.is_dir():
        raise ModelFolderError(f"There is no folder {folder}.", hint="Name the folder that holds the model's files.")
    choice = registry.choose(engine, folder)
    options = {} if folder is None or choice.name == registry.BUILTIN.name else {"folder": folder}
    return choice, registry.create(choice.name, **options)
