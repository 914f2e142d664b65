"""Segment images in napari, in the shell and in Python: point at a thing, get its mask.

Nothing heavy is imported here. The public functions of :mod:`napari_sam3_assistant.api`
are loaded when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam3_assistant.api import Result, propagate, segment

try:
    __version__ = version("napari-sam3-assistant")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["Result", "__version__", "propagate", "segment"]


def __getattr__(name: str) -> Any:
    """Return ``name`` of the public interface, importing it on first use."""
    if name in ("Result", "propagate", "segment"):
        return getattr(import_module("napari_sam3_assistant.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
