"""The state of the engine in use, and of the model that SAM3 needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.engines import devices, registry
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.weights.inspect import ModelFolder


class ModelType(StrEnum):
    """Which release of the model is meant. The value is what settings remember."""

    SAM3 = "sam3"
    SAM31 = "sam3.1"


class DeviceName(StrEnum):
    """Where SAM3 can be told to run. The value is what settings remember."""

    AUTO = devices.AUTO
    CUDA = "cuda"
    MPS = "mps"
    CPU = "cpu"


DEVICES: Mapping[str, str] = {
    DeviceName.AUTO: "Automatic",
    DeviceName.CUDA: "GPU / CUDA",
    DeviceName.MPS: "GPU / MPS",
    DeviceName.CPU: "CPU",
}
"""How they are called."""
WITH_WEIGHTS = (registry.SAM3.name, registry.META.name)
"""The engines that load SAM3.0 here, in a process of their own."""


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
    panel ``Get SAM3`` is open), ``model_type`` (which release is meant), ``device_wanted`` (a
    :class:`DeviceName`; it may be gone, see ``computes_on``), ``load_on_run`` (whether a question loads SAM3; see
    :attr:`AppState.loads_when_running`).

    Facts: which engine answers (``in_use``), why (``reason``), and what to do to have the one that is meant
    (``todo``, where that is Meta's package); the engine whose model is meant, or was last (``weights``); what the
    folder holds (``known``; None where none is chosen, or it has not been looked into: ``looking``); packages that
    SAM3 lacks (``missing``), or has in too old a version (``outdated``); a sentence on what it runs or would run
    (``device``); whether it is in
    memory (``loaded``), and then on what (``runs_on``: ``"CUDA"``, ``"CPU"``); its ``download``; the devices there
    are (``devices``, the best first; what torch has said, or else what can be seen without it); and what the engine
    on a server can do (``can``; None where it was not asked yet, or another engine is in use).
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    engine: str = "auto"
    folder: str = ""
    asking: bool = False
    in_use: str = "builtin"
    reason: str = ""
    todo: str = ""
    weights: str = registry.SAM3.name
    known: ModelFolder | None = None
    looking: bool = False
    missing: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    device: str = ""
    loaded: bool = False
    runs_on: str = ""
    download: Download = Download()
    model_type: ModelType = ModelType.SAM3
    device_wanted: str = devices.AUTO
    load_on_run: bool = True
    devices: tuple[str, ...] = devices.CPU_ONLY
    can: Capabilities | None = None

    @property
    def computes_on(self) -> str:
        """The device that SAM3 is told to run on: the one wanted while it is there, else ``"auto"``."""
        return str(self.device_wanted) if self.device_wanted in self.devices else devices.AUTO

    @property
    def multiplex(self) -> bool:
        """Whether SAM3.1 is meant: it follows objects in 3D and video, and does nothing else."""
        return self.model_type is ModelType.SAM31

    @property
    def whole(self) -> bool:
        """Whether the folder holds all that a model of the type meant needs."""
        known = self.known
        if known is None:
            return False
        if self.multiplex:
            return known.multiplex is not None
        return known.original is not None if self.engine == registry.META.name else known.ready

    @property
    def lacks(self) -> tuple[str, ...]:
        """Packages that have to be installed before SAM3 can be loaded."""
        return self.missing + self.outdated

    @property
    def reads(self) -> bool:
        """Whether the engine that answers reads words, as far as is known before it is loaded."""
        without = self.in_use in WITH_WEIGHTS and self.known is not None and "text" not in self.known.tasks
        return self._can.text and not without

    @property
    def finds_on_frames(self) -> bool:
        """Whether it finds by words on every frame of a stack, as far as is known before it is loaded."""
        limits = self._can.video
        return self.reads and limits is not None and limits.text

    @property
    def _can(self) -> Capabilities:
        return self.can or registry.capabilities_of(self.in_use)
