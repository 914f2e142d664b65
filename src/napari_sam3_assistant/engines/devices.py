"""Which device an engine can run on, and in plain words why not CUDA.

torch is imported only where that was asked for: engines with weights ask, opening a widget does not.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

CPU_ONLY = ("cpu",)


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
