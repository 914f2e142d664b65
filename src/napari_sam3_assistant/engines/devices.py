"""Which device an engine can run on, and in plain words why not CUDA.

torch is imported only where that was asked for: engines with weights ask, opening a widget does not.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
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

    Parameters
    ----------
    wanted : str
        As :func:`is_name` takes it; ``"cuda:1"`` is the second GPU.

    Raises
    ------
    DeviceError
        If it is not there; the hint says why.
    """
    found = report(probe=True)
    if wanted == AUTO:
        return found.best
    kind, _, number = wanted.partition(":")
    if kind not in found.devices:
        there = ", ".join(device.upper() for device in found.devices)
        raise DeviceError(f"This machine has no {wanted.upper()} to compute on, only {there}.", hint=found.reason)
    if number and int(number) >= (count := importlib.import_module("torch").cuda.device_count()):
        there = "0" if count == 1 else f"0 to {count - 1}"
        raise DeviceError(f"This machine has no {wanted.upper()} to compute on.", hint=f"Its GPUs are {there}.")
    return wanted


def is_name(text: str) -> bool:
    """Whether a text names a device: ``"auto"``, ``"cpu"``, ``"mps"``, ``"cuda"``, or ``"cuda:1"`` of several."""
    return re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", text) is not None


def kind_of(device: str) -> str:
    """Return what kind of device it is: ``"cuda"`` of ``"cuda:1"``."""
    return device.partition(":")[0]


def seen_alone(device: str, around: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return how a process of its own names a device, and the environment in which it sees no other GPU.

    Parameters
    ----------
    device : str
        As :func:`is_name` takes it. GPUs are numbered as ``nvidia-smi`` has them, or as ``CUDA_VISIBLE_DEVICES``.
    around : mapping of str to str
        The environment.

    Raises
    ------
    DeviceError
        If ``CUDA_VISIBLE_DEVICES`` lists fewer.
    """
    kind, _, number = device.partition(":")
    if not number:
        return kind, dict(around)
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    listed = around.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return kind, order | dict(around) | {"CUDA_VISIBLE_DEVICES": str(int(number))}
    there = [one.strip() for one in listed.split(",") if one.strip()]
    if int(number) >= len(there):
        raise DeviceError(
            f"There is no {device.upper()} to compute on.",
            hint=f"CUDA_VISIBLE_DEVICES={listed!r} shows {len(there)} to programs. Unset it, or name fewer.",
        )
    return kind, order | dict(around) | {"CUDA_VISIBLE_DEVICES": there[int(number)]}


def precision_on(device: str, wanted: str = AUTO) -> str:
    """Return in which precision a model's towers run on a GPU: ``"float32"`` or ``"bfloat16"``.

    Parameters
    ----------
    device : str
        One of :func:`pick`.
    wanted : str
        One of these, or ``"auto"`` for bfloat16 where the GPU has units for it.
    """
    if wanted != AUTO:
        return wanted
    if kind_of(device) == "cuda" and importlib.import_module("torch").cuda.is_bf16_supported(including_emulation=False):
        return "bfloat16"
    return "float32"


def release(device: str) -> None:
    """Give memory that torch keeps in reserve back to a GPU."""
    if device != "cpu":
        getattr(importlib.import_module("torch"), kind_of(device)).empty_cache()


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
    """Return what torch says; why there is no CUDA goes with whatever is used instead."""
    index, why_not = _usable_gpu(torch)
    if index is not None:
        return DeviceReport(("cuda", "cpu"), f"CUDA: {_gpu(torch, index)}.", probed=True)
    if torch.backends.mps.is_available():
        return DeviceReport(("mps", "cpu"), "MPS: the GPU of this Mac. CUDA needs an NVIDIA GPU.", probed=True)
    return DeviceReport(CPU_ONLY, f"CPU: {why_not}", probed=True)


def _usable_gpu(torch: Any) -> tuple[int | None, str]:
    """Return the GPU that torch computes on, or None and why not."""
    if getattr(torch.version, "hip", None):
        return (
            (0, "") if torch.cuda.is_available() else (None, "torch finds no AMD GPU. Check the driver with rocminfo.")
        )
    if torch.version.cuda is None:
        return None, _without_cuda()
    if not torch.cuda.is_available():
        return None, _out_of_reach(torch)
    if _runs_on(torch.cuda.get_device_capability(0), torch.cuda.get_arch_list()):
        return 0, ""
    major, minor = torch.cuda.get_device_capability(0)
    built = ", ".join(torch.cuda.get_arch_list())
    return None, (
        f"this build of torch runs on {built}, and {_gpu(torch, 0)} is sm_{major}{minor}. "
        "Install a build for it from pytorch.org."
    )


def _runs_on(capability: tuple[int, int], built: Sequence[str]) -> bool:
    """Return whether a GPU can run a build of torch.

    Parameters
    ----------
    capability : tuple of int
        Of the GPU: major and minor.
    built : sequence of str
        What the build holds, such as ``"sm_86"`` and ``"compute_90"``.

    Notes
    -----
    CUDA's rules: code for a GPU (``sm_``) runs on the same major with the same or a higher minor;
    code for a kind of GPU (``compute_``, PTX) on all later ones; with a letter behind (``sm_90a``) on that one only,
    or, with an ``f``, as without.
    """
    for entry in built:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", entry)
        if found is None:
            continue
        kind, letter, there = found[1], found[4], (int(found[2]), int(found[3]))
        if there == capability:
            return True
        newer = there <= capability and (kind == "compute" or there[0] == capability[0])
        if newer and letter != "a" and not (letter == "f" and there[0] != capability[0]):
            return True
    return not built  # a build that does not tell is tried


def _without_cuda() -> str:
    if platform.system() == "Darwin":
        return "this Mac has no GPU that torch can use."
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "this build of torch for ARM has no CUDA. Where there is an NVIDIA GPU, install one from pytorch.org."
    return "this build of torch has no CUDA. Where there is an NVIDIA GPU, install one with CUDA from pytorch.org."


def _out_of_reach(torch: Any) -> str:
    """Return why a build with CUDA finds no GPU."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1", "none", "NoDevFiles"):
        return f"CUDA_VISIBLE_DEVICES={hidden!r} hides the GPU from torch. Unset it, and start again."
    said = _first_use(torch)
    if "driver" in said and "too old" in said:
        return f"the NVIDIA driver is too old for CUDA {torch.version.cuda}. Update it, or install an older torch."
    if "no nvidia driver" in said:
        return "there is no NVIDIA driver. With an NVIDIA GPU, install its driver; without one, this is all there is."
    return "torch finds no NVIDIA GPU. If there is one, check its driver with nvidia-smi."


def _first_use(torch: Any) -> str:
    """Return what torch says when CUDA is asked for, in small letters: it tells what is wrong with the driver."""
    try:
        torch.cuda.init()
    except Exception as error:  # RuntimeError, or AssertionError; torch has no kind of its own for them
        return str(error).lower()
    return ""


def _gpu(torch: Any, index: int) -> str:
    """Return the name of a GPU, and its memory."""
    memory = torch.cuda.get_device_properties(index).total_memory / 1024**3
    return f"{torch.cuda.get_device_name(index)}, {memory:.0f} GB"
