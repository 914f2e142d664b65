"""The engine that a user of Python or the shell has named."""

from __future__ import annotations

import os
from pathlib import Path

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.protocol import ImageEngine


def engine_given(
    engine: str, model: str | Path | None, device: str | None = None
) -> tuple[registry.Choice, ImageEngine]:
    """Return which engine is used and why, and the engine, not loaded yet.

    Parameters
    ----------
    engine : str
        Its name; ``"auto"`` takes the best one that can run here.
    model : str, Path or None
        Folder of the model, for engines that have one.
    device : str or None
        Where SAM3 runs; the built-in engine runs on the CPU whatever it is.

    Raises
    ------
    Unsupported
        If there is no such engine, or something that it needs is not installed.
    ModelFolderError
        If there is no folder ``model``.
    EngineError
        If the engine cannot be made.
    """
    choice, folder = choice_given(engine, model)
    options: dict[str, object] = {}
    if folder is not None and choice.name != registry.BUILTIN.name:
        options["folder"] = folder
    if device is not None and choice.name == registry.SAM3.name:
        options["device"] = device
    return choice, registry.create(choice.name, **options)


def choice_given(engine: str, model: str | Path | None) -> tuple[registry.Choice, Path | None]:
    """Return which engine is used and why, and the model's folder; nothing of the engine is imported.

    Raises
    ------
    Unsupported
        If there is no such engine, or something that it needs is not installed.
    ModelFolderError
        If there is no folder ``model``.
    """
    if model is not None and not isinstance(model, str | os.PathLike):
        raise ModelFolderError(f"{model!r} is no folder.", hint="Name the folder that holds the model's files.")
    folder = None if model is None else Path(model).expanduser()
    if folder is not None and not folder.is_dir():
        raise ModelFolderError(f"There is no folder {folder}.", hint="Name the folder that holds the model's files.")
    return registry.choose(engine, folder), folder
