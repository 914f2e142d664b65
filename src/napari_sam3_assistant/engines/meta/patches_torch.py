"""Changes to torch for Meta's code alone, which says "cuda" wherever it means the model's device."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from napari_sam3_assistant.engines.meta.compat import Patch, called_by_sam3, here


def _moves_here(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def cuda(self: Any, *args: Any, **kwargs: Any) -> Any:
        if here.cuda or not called_by_sam3():
            return original(self, *args, **kwargs)
        return self.to(here.device)

    return cuda


def _cuda_methods() -> None:
    torch.Tensor.cuda = _moves_here(torch.Tensor.cuda)
    torch.nn.Module.cuda = _moves_here(torch.nn.Module.cuda)


def _pin_memory() -> None:
    original = torch.Tensor.pin_memory

    @functools.wraps(original)
    def pin_memory(self: Any, *args: Any, **kwargs: Any) -> Any:
        if here.cuda or not called_by_sam3():
            return original(self, *args, **kwargs)
        return self

    torch.Tensor.pin_memory = pin_memory


def _current_device() -> None:
    original = torch.cuda.current_device

    @functools.wraps(original)
    def current_device() -> int:
        return original() if here.cuda or not called_by_sam3() else 0

    torch.cuda.current_device = current_device


def _autocast() -> None:
    kind = torch.amp.autocast_mode.autocast
    original = kind.__init__

    @functools.wraps(original)
    def init(self: Any, device_type: str, *args: Any, **kwargs: Any) -> None:
        if device_type != "cuda" or here.cuda or not called_by_sam3():
            original(self, device_type, *args, **kwargs)
        else:
            original(self, "cpu", dtype=torch.bfloat16, enabled=False)

    kind.__init__ = init


PATCHES: tuple[tuple[Patch, Callable[[], bool], Callable[[], None]], ...] = (
    (
        Patch("Tensor.cuda and Module.cuda", "loaders and the tracker call .cuda(), whatever the model's device is"),
        lambda: not here.cuda,
        _cuda_methods,
    ),
    (
        Patch("Tensor.pin_memory", "examples are put into pinned memory, which raises without a driver"),
        lambda: not here.cuda,
        _pin_memory,
    ),
    (
        Patch("cuda.current_device", "the video predictor asks for the number of the GPU"),
        lambda: not here.cuda,
        _current_device,
    ),
    (
        Patch("autocast", "bfloat16 is asked for on CUDA everywhere, which warns where there is none"),
        lambda: not here.cuda,
        _autocast,
    ),
)
"""What may be changed, when it has to be, and how. Each of them looks again at every call."""
