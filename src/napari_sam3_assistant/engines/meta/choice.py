"""Which engine of Meta's package a folder is for: SAM3.0 for pictures and films, SAM3.1 multiplex for films alone."""

from __future__ import annotations

from pathlib import Path

from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.meta.image import MetaEngine
from napari_sam3_assistant.engines.meta.multiplex import MultiplexEngine
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind

SAM31 = "sam3.1"


def engine_for(
    folder: str | Path | None = None, *, model: str = "", device: str = devices.AUTO, diagnostics: bool = False
) -> MetaEngine | MultiplexEngine:
    """Return a new engine of Meta's package, not loaded.

    Parameters
    ----------
    folder : str, Path or None
        With ``sam3.pt`` or ``sam3.1_multiplex.pt``.
    model : str
        ``"sam3.1"`` for SAM3.1 where the folder holds both; empty for SAM3.0 where it can be had.
    device : str
    diagnostics : bool
        Whether to write what :mod:`~napari_sam3_assistant.engines.meta.diagnostics` tells.

    Raises
    ------
    ModelFolderError
        If the folder holds neither.
    """
    known = ModelFolder.inspect(folder) if folder else None
    if known is not None and (model == SAM31 or known.kind is Kind.SAM31):
        return MultiplexEngine(known, device=device, diagnostics=diagnostics)
    return MetaEngine(folder, device=device)
