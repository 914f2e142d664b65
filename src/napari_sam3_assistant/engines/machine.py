"""What this machine has, as far as it can be seen without importing torch: for SAM3's packages and its device.

Nothing here is asked of torch or of a driver; what is only likely is said so.
"""

from __future__ import annotations

import platform
import re
import shlex
import shutil
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.registry import EngineSpec

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where Linux gets torch without CUDA: the usual one brings 4 GB for NVIDIA's GPUs."""
EXTRA = "sam3"
DOWNLOADS = "huggingface_hub"
"""What gets SAM3 from the hub; transformers needs it too."""

_CONDA_NAMES = {"torch": "pytorch", "huggingface-hub": "huggingface_hub"}
_CONDA_TOOLS = ("conda", "mamba", "micromamba")
_CUDA = re.compile(r"^(cuda|hip)\b[^=]*= *'", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Machine:
    """What was seen.

    Attributes
    ----------
    system : str
        ``"Linux"``, ``"Windows"`` or ``"Darwin"``.
    arm : bool
        Whether its processor is an ARM one.
    nvidia : bool
        Whether an NVIDIA driver is there.
    torch : str
        How the installed torch was built: ``"cuda"`` or ``"cpu"``; empty if there is none.
    python, prefix : str
        The interpreter that runs, and its environment.
    pip : bool
        Whether that environment has pip.
    conda, uv : str
        The tool that manages the environment, where it is one of conda's or uv's; else empty.
    """

    system: str
    arm: bool = False
    nvidia: bool = False
    torch: str = ""
    python: str = "python"
    prefix: str = ""
    pip: bool = True
    conda: str = ""
    uv: str = ""


def look() -> Machine:
    """Return what this machine has. Takes milliseconds."""
    system, prefix = platform.system(), Path(sys.prefix)
    of_conda = (prefix / "conda-meta").is_dir()
    return Machine(
        system,
        platform.machine().lower() in ("arm64", "aarch64"),
        _has_nvidia(system),
        _build_of_torch(),
        sys.executable,
        str(prefix),
        find_spec("pip") is not None,
        next(filter(shutil.which, _CONDA_TOOLS), "") if of_conda else "",
        "uv" if _is_of_uv(prefix) and shutil.which("uv") else "",
    )


def install_command(machine: Machine, modules: Collection[str]) -> str:
    """Return the one line for a terminal that installs ``modules`` where the program runs.

    Parameters
    ----------
    machine : Machine
    modules : collection of str
        Such as ``("torch", "transformers")``.
    """
    wanted = {module: requirement_of(module) for module in modules}
    if machine.conda:
        names = [_conda_name(one) for one in wanted.values()]
        start = [machine.conda, "install", "--prefix", machine.prefix, "--channel", "conda-forge"]
        return _line(machine, [*start, *names])
    pip = [machine.python, "-m", "pip", "install"]
    if not machine.pip and machine.uv:
        pip = [machine.uv, "pip", "install", "--python", machine.python]
    lines = [] if machine.pip or machine.uv else [[machine.python, "-m", "ensurepip"]]
    if "torch" in wanted and machine.system == "Linux" and not machine.nvidia and not machine.arm:
        lines.append([*pip, wanted.pop("torch"), "--index-url", CPU_INDEX])
    if wanted:
        lines.append([*pip, *wanted.values()])
    return " && ".join(_line(machine, line) for line in lines)


def install_size(machine: Machine, modules: Collection[str]) -> str:
    """Return about how much the installation takes on the disk, where that is much: ``"about 5 GB"``."""
    much = "torch" in modules and machine.system == "Linux" and machine.nvidia and not machine.conda
    return "about 5 GB" if much else ""


def requirement_of(module: str) -> str:
    """Return what pip is asked for to get a module: ``"torch>=2.6"``."""
    try:
        said = requires("napari-sam3-assistant") or []
    except PackageNotFoundError:  # run from a folder, not installed
        return module
    wanted = module.replace("_", "-")
    for line in said:
        requirement, _, when = line.partition(";")
        name = re.split(r"[<>=!~\[ ]", requirement.strip(), maxsplit=1)[0]
        if name.replace("_", "-") == wanted and EXTRA in re.findall(r"extra == ['\"](.*?)['\"]", when):
            return requirement.strip()
    return module


def expected_device(machine: Machine) -> str:
    """Return the device that SAM3 would try first: ``"cuda"``, ``"mps"`` or ``"cpu"``."""
    if machine.system == "Darwin":
        return "mps" if machine.arm else "cpu"
    return "cuda" if machine.nvidia and machine.torch != "cpu" else "cpu"


def expected_devices(machine: Machine) -> tuple[str, ...]:
    """Return the devices that SAM3 may be run on, as far as can be seen without torch; the best first."""
    best = expected_device(machine)
    return (best,) if best == "cpu" else (best, "cpu")


def device_words(machine: Machine) -> str:
    """Return on what SAM3 would run and why not on CUDA, in one sentence; torch is asked only when SAM3 is loaded."""
    expected = expected_device(machine)
    if expected == "mps":
        return "The GPU of this Mac (MPS), if torch finds it; CUDA needs an NVIDIA GPU."
    if machine.system == "Darwin":
        return "CPU: CUDA needs an NVIDIA GPU."
    if expected == "cuda" and machine.torch:
        return "CUDA, if torch finds the GPU; it is asked when SAM3 is loaded."
    if expected == "cuda":
        return "An NVIDIA driver is there; whether CUDA can be used shows when torch is installed."
    if not machine.nvidia:
        return "CPU: no NVIDIA driver is seen."
    return "CPU: this torch was built without CUDA, though an NVIDIA driver is there. Get one with CUDA at pytorch.org."


def loaded_words(machine: Machine, devices: Sequence[str]) -> str:
    """Return on what SAM3 runs and why not on CUDA, in one sentence.

    Parameters
    ----------
    machine : Machine
    devices : sequence of str
        What torch has found, the one in use first.
    """
    if devices[0] != "cpu":
        return f"SAM3 runs on {devices[0].upper()}."
    if len(devices) > 1:
        return "SAM3 runs on the CPU, as chosen."
    if expected_device(machine) == "cuda":
        return "SAM3 runs on the CPU: torch finds no GPU that it can use. Check the driver with nvidia-smi."
    return f"SAM3 runs on the {device_words(machine)}"


def missing_packages() -> tuple[str, ...]:
    """Return the modules that SAM3 needs and that are not installed, the one that downloads it among them."""
    missing = _spec().missing
    return (*missing, *(name for name in (DOWNLOADS,) if missing and find_spec(name) is None))


def old_packages() -> tuple[str, ...]:
    """Return the modules that SAM3 needs and that are installed in too old a version."""
    return tuple(name for name in (*_spec().needs, DOWNLOADS) if _is_too_old(name))


def _spec() -> EngineSpec:
    return next(one for one in registry.available() if one.name == registry.SAM3.name)


def _is_too_old(module: str) -> bool:
    least = re.search(r">= *([0-9.]+)", requirement_of(module))
    try:
        there = version(module)
    except PackageNotFoundError:
        return False
    return least is not None and _numbers(there) < _numbers(least[1])


def _numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, without what is local to a build."""
    return tuple(int(one) for one in re.findall(r"[0-9]+", text.partition("+")[0])[:3])


def _has_nvidia(system: str) -> bool:
    if shutil.which("nvidia-smi"):
        return True
    if system == "Windows":
        return Path("C:/Windows/System32/nvcuda.dll").is_file()
    return Path("/proc/driver/nvidia/version").is_file()


def _build_of_torch() -> str:
    """Return how torch was built, from the text of its ``version.py``: importing it takes seconds."""
    spec = find_spec("torch")
    if spec is None:
        return ""
    try:
        text = Path(spec.origin or "").with_name("version.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return "cuda"  # nothing is known against it
    return "cuda" if _CUDA.search(text) else "cpu"


def _is_of_uv(prefix: Path) -> bool:
    try:
        return "\nuv =" in "\n" + (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _conda_name(requirement: str) -> str:
    name = re.split(r"[<>=!~]", requirement, maxsplit=1)[0]
    return _CONDA_NAMES.get(name, name) + requirement[len(name) :]


def _line(machine: Machine, words: list[str]) -> str:
    """Return words as they are typed in a terminal: quoted where it would read them otherwise."""
    if machine.system != "Windows":
        return shlex.join(words)
    return " ".join(f'"{word}"' if re.search(r"[\s<>&|^()%!]", word) else word for word in words)
