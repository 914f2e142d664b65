"""The state of the engine in use, and of the model that SAM3 needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.weights.inspect import ModelFolder


@dataclass(frozen=True, slots=True)
class Download:
    """A download of SAM3: whether it runs, how far it is (None where it is not known), and what is said of it.

    ``problem`` is why it did not go on, and ``hint`` what to do now.
    """

    running: bool = False
    fraction: float | None = None
    text: str = ""
    problem: str = ""
    hint: str = ""


@dataclass(eq=False)
class ModelState:
    """Which engine answers and why, and the model that SAM3 needs.

    The user's: ``engine`` (the one wanted), ``folder`` (of the model; empty for none), ``asking`` (whether the
    panel ``Get SAM3`` is open).

    Facts: which engine answers (``in_use``), and why (``reason``); what the folder holds (``known``; None where
    none is chosen, or it has not been looked into yet: ``looking``); packages that SAM3 lacks (``missing``), or has
    in too old a version (``outdated``); a sentence on what it runs or would run (``device``); whether it is in
    memory (``loaded``), and then on what (``runs_on``: ``"CUDA"``, ``"CPU"``); and its ``download``.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    engine: str = "auto"
    folder: str = ""
    asking: bool = False
    in_use: str = "builtin"
    reason: str = ""
    known: ModelFolder | None = None
    looking: bool = False
    missing: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    device: str = ""
    loaded: bool = False
    runs_on: str = ""
    download: Download = Download()

    @property
    def lacks(self) -> tuple[str, ...]:
        """Packages that have to be installed before SAM3 can be loaded."""
        return self.missing + self.outdated

    @property
    def reads(self) -> bool:
        """Whether the engine that answers reads words, as far as is known before it is loaded."""
        without = self.in_use == registry.SAM3.name and self.known is not None and "text" not in self.known.tasks
        return registry.capabilities_of(self.in_use).text and not without
