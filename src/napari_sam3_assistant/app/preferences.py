"""What a user sets once, as opposed to the last state of a control."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.storing import StoreOptions
from napari_sam3_assistant.layers.stacks import MEMORY_BYTES


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is set in napari's preferences; as it is here where nothing is.

    Attributes
    ----------
    default_engine : str
        The engine of an assistant in which none was chosen.
    cache_bytes : int or None
        What all embeddings together may take, in bytes; None takes what is usual.
    stack_bytes : int
        The labels of a stack that take more than so many bytes are kept on the disk.
    embeddings : StoreOptions or None
        Where embeddings are kept on disk; None for nowhere.
    """

    default_engine: str = registry.AUTO
    cache_bytes: int | None = None
    stack_bytes: int = MEMORY_BYTES
    embeddings: StoreOptions | None = None
