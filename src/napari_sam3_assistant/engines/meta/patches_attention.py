"""Attention by one kernel alone: newer versions of Meta's decoder forbid torch all but Flash Attention.

torch for Windows was reported to be built without that one, so nothing is left: "No available kernel. Aborting
execution." (facebookresearch/sam3, issue 523). ``sam3`` 0.1.4 has no such code, and is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from torch.nn.attention import SDPBackend

from napari_sam3_assistant.engines.meta.compat import Patch

_ALL = (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)
_Chooser = Callable[..., AbstractContextManager[Any]]


def widened(choose: _Chooser) -> _Chooser:
    """Return ``torch.nn.attention.sdpa_kernel`` as one that tries what it is given first, and then the others."""

    def any_of(backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False) -> AbstractContextManager[Any]:
        asked = [backends] if isinstance(backends, SDPBackend) else list(backends)
        return choose([*asked, *(one for one in _ALL if one not in asked)], set_priority=True)

    return any_of


def _decoder() -> Any:
    return import_module("sam3.model.decoder")


def _widen() -> None:
    _decoder().sdpa_kernel = widened(_decoder().sdpa_kernel)


PATCHES: tuple[tuple[Patch, Callable[[], bool], Callable[[], None]], ...] = (
    (
        Patch("sdpa_kernel of the decoder", "it allows Flash Attention alone, which torch on Windows may not have"),
        lambda: hasattr(_decoder(), "sdpa_kernel"),
        _widen,
    ),
)
"""As in :mod:`~napari_sam3_assistant.engines.meta.patches_sam3`, after which it comes."""
