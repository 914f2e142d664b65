"""Which device an engine can run on, and in plain words why not CUDA.

torch is imported only where that was asked for: engines with weights ask, opening a widget does not.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from napari_sam3_assistant.core.errors import DeviceError

CPU_ONLY = ("cpu",)
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """What this machine can compute on.

    Attributes
    ----------
    devices : tuple of str
        The best first: ``"cuda"``, ``"mps"``, ``"cpu"``.
    reason : str
        Why that is so, in one sentence for the user.
    probed : bool
        Whether torch was asked; else only what is installed was looked at.
    """

    devices: tuple[str, ...]
    reason: str
    probed: bool = False

    @property
    def best(self) -> str:
        """The device that ``Automatic`` takes."""
        return self.devices[0]


def report(*, probe: bool = False) -> DeviceReport:
    """Return which devices there are.

    Parameters
    ----------
    probe : bool
        Whether to import torch, if it is installed, and ask it. That takes seconds.
    """
    if find_spec("torch") is None:
        return DeviceReport(CPU_ONLY, "CPU: torch is not installed; the built-in engine does not need it.")
    if not probe:
        return DeviceReport(CPU_ONLY, f"CPU: torch {_torch_version()} is installed and has not been asked yet.")
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # a broken installation raises anything from OSError to RuntimeError
        return DeviceReport(CPU_ONLY, f"CPU: torch cannot be imported ({error}). Install it again.", probed=True)
    return _asked(torch)


def pick(wanted: str = AUTO) -> str:
    """Return the device to compute on: ``wanted``, or for ``"auto"`` the best one there is. Imports torch.

    Raises
    ------
    DeviceError
        If it is not there; the hint says why.
    """
    found = report(probe=True)
    if wanted == AUTO:
        return found.best
    if wanted not in found.devices:
        there = ", ".join(device.upper() for device in found.devices)
        raise DeviceError(f"This machine has no {wanted.upper()} to compute on, only {there}.", hint=found.reason)
    return wanted


def precision_on(device: str, on_cpu: Callable[[], str]) -> str:
    """Return in which precision a model's towers run on a device: ``"float32"`` or ``"bfloat16"``.

    Parameters
    ----------
    device : str
        One of :func:`pick`.
    on_cpu : callable
        Says it for the CPU, where it has to be measured.
    """
    if device == "cpu":
        return on_cpu()
    if device == "cuda" and importlib.import_module("torch").cuda.is_bf16_supported(including_emulation=False):
        return "bfloat16"
    return "float32"


def release(device: str) -> None:
    """Give memory that torch keeps in reserve back to a GPU."""
    if device != "cpu":
        getattr(importlib.import_module("torch"), device).empty_cache()


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn what torch raises when memory runs out, on any device, into MemoryError."""
    try:
        yield
    except RuntimeError as error:
        kind = importlib.import_module("torch").OutOfMemoryError
        # On the CPU it is a plain RuntimeError: its text is all there is to go by.
        if isinstance(error, kind) or "DefaultCPUAllocator" in str(error):
            raise MemoryError(str(error)) from error
        raise


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return "of unknown version"


def _asked(torch: Any) -> DeviceReport:
    if torch.cuda.is_available():
        return DeviceReport(("cuda", "cpu"), f"CUDA: {torch.cuda.get_device_name(0)}.", probed=True)
    if torch.backends.mps.is_available():
        return DeviceReport(("mps", "cpu"), "MPS: the GPU of this Mac. CUDA needs an NVIDIA GPU.", probed=True)
    if torch.version.cuda is None:
        reason = "CPU: this build of torch has no CUDA. Install one with CUDA from pytorch.org to use a GPU."
    else:
        reason = "CPU: torch finds no NVIDIA GPU. Check the driver with nvidia-smi."
    return DeviceReport(CPU_ONLY, reason, probed=True)
