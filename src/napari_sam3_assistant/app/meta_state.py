"""The state of the Python that has Meta's package, and of the dialog that chooses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.meta.installed import Installed

META, MULTIPLEX = registry.META.name, registry.MULTIPLEX.name
"""The engines of Meta's package, as in the registry: SAM3.0, and SAM3.1."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking into a Python has shown: whether it goes on, a line for each thing; or why it could not be done.

    ``unusable`` tells that the lines begin with why Meta's package cannot be used with it.
    """

    running: bool = False
    lines: tuple[str, ...] = ()
    unusable: bool = False
    problem: str = ""
    hint: str = ""


@dataclass(eq=False)
class MetaState:
    """Which Python has Meta's package, and what is known of it.

    The user's: ``python`` (as it was chosen; empty for none), ``asking`` (whether the dialog is open),
    ``diagnostics`` (whether SAM3.1 says what it does).

    Facts: ``interpreter`` (the Python that is used, empty for this one); ``missing`` (what this one lacks, where it is
    used); ``problem`` and ``hint`` (why the one that was chosen cannot be used, and what to do); ``found`` (what is in
    the one that is used; None before it was looked into); and what the dialog has ``looked`` at.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    python: str = ""
    asking: bool = False
    diagnostics: bool = False
    interpreter: str = ""
    missing: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""
    found: Installed | None = None
    looked: Looked = Looked()

    @property
    def there(self) -> bool:
        """Whether there is a Python with the package, as far as is known without starting it."""
        return not self.missing and not self.problem
