"""The engine that a user of Python or the shell has named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from napari_sam3_assistant.core.errors import EngineError, ModelFolderError, Unsupported
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.interpreters import check_meta, meta_python
from napari_sam3_assistant.engines.protocol import ImageEngine


def engine_given(
    engine: str,
    model: str | Path | None,
    server: str | None = None,
    token: str | None = None,
    *,
    device: str | None = None,
    python: str | Path | None = None,
) -> tuple[registry.Choice, ImageEngine]:
    """Return which engine is used and why, and the engine, not loaded yet.

    Parameters
    ----------
    engine : str
        Its name; ``"auto"`` takes the best one that can run here.
    model : str, Path or None
        Folder of the model, for engines that have one.
    server, token : str or None
        Address of a server of ours, and what it asks for: its engine answers, wherever it is.
    device : str or None
        Where SAM3 runs; the built-in engine runs on the CPU whatever it is.
    python : str, Path or None
        The Python, or its environment's folder, that has Meta's package, for that engine: it then runs in a process
        of its own. None takes what the environment variable ``NAPARI_SAM3_META_PYTHON`` names, or this one.

    Raises
    ------
    Unsupported
        If there is no such engine, something that it needs is not installed, or ``python`` is not for it.
    ModelFolderError
        If there is no folder ``model``.
    EngineError
        If the engine cannot be made, there is no server named for it, or no Python where one is named.
    """
    if server is not None or engine == registry.REMOTE.name:
        _check_python(engine, python)
        return _elsewhere(engine, server, token)
    interpreter = interpreter_given(engine, python)
    choice, folder = choice_given(engine, model, interpreter)
    options: dict[str, Any] = {}
    if folder is not None and choice.name != registry.BUILTIN.name:
        options["folder"] = folder
    if device is not None and choice.name in (registry.SAM3.name, registry.META.name):
        options["device"] = device
    if interpreter:
        check_meta(interpreter)
        return choice, cast(ImageEngine, registry.host(choice.name, interpreter=interpreter, **options))
    return choice, registry.create(choice.name, **options)


def interpreter_given(engine: str, python: str | Path | None) -> str:
    """Return the Python that is to run an engine; empty for this one.

    Raises
    ------
    Unsupported
        If one is named for an engine that runs here.
    EngineError
        If there is none where one is named.
    """
    _check_python(engine, python)
    return meta_python(python) if engine == registry.META.name else ""


def choice_given(engine: str, model: str | Path | None, interpreter: str = "") -> tuple[registry.Choice, Path | None]:
    """Return which engine is used and why, and the model's folder; nothing of the engine is imported.

    Parameters
    ----------
    engine : str
    model : str, Path or None
    interpreter : str
        The Python that is to run it; empty for this one.

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
    return registry.choose(engine, folder, interpreter=interpreter), folder


def check_server_reads(engine: ImageEngine, reason: str) -> None:
    """Check that the engine of a server reads words; connects to it, since before nobody knows.

    Raises
    ------
    Unsupported
        If it does not; ``reason`` says which server.
    EngineError
        If it cannot be reached.
    """
    engine.load(progress=no_progress, cancel=CancelToken())
    if engine.capabilities.text:
        return
    raise Unsupported(
        f"The server's engine does not read words ({reason}).",
        hint="Name a server that was started with a model that does, such as SAM3, or show what you mean otherwise.",
        in_shell="Name a server that was started with a model that does, such as SAM3, or leave --text out.",
    )


def _check_python(engine: str, python: str | Path | None) -> None:
    if python is not None and engine != registry.META.name:
        meta = registry.META.name
        raise Unsupported(
            f"A Python is named for the engine {engine}, which runs in this one.",
            hint=f'Pass engine="{meta}" too, or leave python= out.',
            in_shell=f"Give --engine {meta} too, or leave --python out.",
        )


def _elsewhere(engine: str, server: str | None, token: str | None) -> tuple[registry.Choice, ImageEngine]:
    if engine not in (registry.AUTO, registry.REMOTE.name):
        raise Unsupported(
            f"The engine {engine} is on this machine, and a server is elsewhere.",
            hint="Leave out the one or the other.",
        )
    if server is None:
        raise EngineError(
            "No server is named.",
            hint="Pass server=, such as gpu-box:8000.",
            in_shell="Give --server ADDRESS, such as gpu-box:8000.",
        )
    made = registry.create(registry.REMOTE.name, address=server, token=token)
    title = registry.title_of(registry.REMOTE.name)
    return registry.Choice(registry.REMOTE.name, registry.REMOTE.title, f"{title}: {server.partition('#')[0]}"), made
