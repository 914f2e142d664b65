"""What a Python has of Meta's package and what that needs, told without importing any of it.

It is the standard library alone, so that any Python can run this file as a script: :func:`look_in` does.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = {
    "sam3": "sam3",
    "torch": "torch",
    "torchvision": "torchvision",
    "triton": "triton",
    "numpy": "numpy",
    "timm": "timm",
    "opencv": "cv2",
    "setuptools": "setuptools",
    "psutil": "psutil",
    "scikit-image": "skimage",
    "scipy": "scipy",
    "iopath": "iopath",
    "ftfy": "ftfy",
    "regex": "regex",
    "einops": "einops",
    "pycocotools": "pycocotools",
    "huggingface_hub": "huggingface_hub",
}
"""What is looked for, and as what it is imported."""

REQUIREMENTS = 'sam3 torch torchvision "setuptools<81" opencv-python-headless psutil scikit-image'
"""Meta's package with what it needs and does not ask for, as pip takes it in the terminals of all systems."""

_OTHER_NAMES = {"opencv": ("opencv-python-headless", "opencv-python")}
_INSTALL = {"opencv": "opencv-python-headless", "setuptools": "'setuptools<81'"}
_MOST = 2**20
"""So many bytes are heard of another Python at most: it says a few thousand."""
# Imported by Meta's package wherever it computes; it asks for some of them only.
_NEEDED = (
    *("torch", "torchvision", "numpy", "timm", "psutil", "scipy", "iopath", "ftfy", "regex", "huggingface_hub"),
    *("einops", "pycocotools"),
)
_MULTIPLEX = "build_sam3_multiplex_video_predictor"
_BPE = "bpe_simple_vocab_16e6.txt.gz"


@dataclass(frozen=True)
class Problem:
    """Something that is amiss.

    Attributes
    ----------
    what, advice : str
        One sentence each: what, and what to do.
    fatal : bool
        Whether Meta's package cannot be used as it is.
    """

    what: str
    advice: str
    fatal: bool


@dataclass(frozen=True)
class Installed:
    """What a Python has.

    Attributes
    ----------
    interpreter, python : str
        The program, and its version.
    versions : dict of str to str
        Of each of :data:`PACKAGES` that is there; ``"unknown"`` where it does not say.
    where : tuple of str
        The folders in which there is a sam3; the first one is the one in use.
    cuda : str
        The CUDA that torch is built for; empty for none.
    multiplex : bool
        Whether this sam3 has the code of SAM3.1.
    bpe : str
        The tokenizer's file that came with the package; empty for none.
    problems : tuple of Problem
        The fatal ones first.
    """

    interpreter: str = ""
    python: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    cuda: str = ""
    multiplex: bool = False
    bpe: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether nothing speaks against it."""
        return not any(one.fatal for one in self.problems)


def look() -> Installed:
    """Return what this Python has. Takes milliseconds; imports nothing of it, and never raises."""
    versions = {name: told for name, module in PACKAGES.items() if (told := _version(name, module))}
    folders = _folders("sam3")
    builder = _text(Path(folders[0]) / "model_builder.py") if folders else ""
    bpe = next((str(one) for one in _bpe_places(folders) if one.is_file()), "")
    found = Installed(
        sys.executable,
        platform.python_version(),
        versions,
        folders,
        _cuda(),
        _MULTIPLEX in builder,
        bpe,
    )
    problems = [*_missing(found), *_twice(found), *_unfit(found), *_notes(found)]
    ordered = tuple(sorted(problems, key=lambda one: not one.fatal))
    return Installed(**{**vars(found), "problems": ordered})


def look_in(interpreter: str, *, timeout_s: float = 20.0) -> Installed:
    """Return what another Python has, by running it.

    Parameters
    ----------
    interpreter : str
        The program.
    timeout_s : float

    Raises
    ------
    EngineError
        If it cannot be run, or is no Python.
    """
    from napari_sam3_assistant.core.errors import EngineError

    choose = "Choose the file python of an environment with sam3: bin/python, or Scripts\\python.exe on Windows."
    if not interpreter or not Path(interpreter).is_file():
        raise EngineError(f"There is no program {interpreter or '(empty)'}.", hint=choose)
    try:
        said = _said([interpreter, __file__], timeout_s)
    except subprocess.TimeoutExpired as error:
        hint = "Try it in a terminal; on a busy machine, try again."
        raise EngineError(f"{interpreter} did not answer in {timeout_s:g} s.", hint=hint) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EngineError(f"{interpreter} cannot be run: {reason}.", hint=choose) from error
    try:
        told: dict[str, Any] = json.loads(said.strip().rpartition("\n")[2])  # a site may greet before it
        problems = tuple(Problem(**one) for one in told.pop("problems"))
        return Installed(**told | {"where": tuple(told["where"]), "problems": problems})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EngineError(f"{interpreter} does not answer as a Python does.", hint=choose) from error


def _said(command: list[str], timeout_s: float) -> str:
    """Return the first that a program says; it is ended where it says more than a Python does."""
    from napari_sam3_assistant.engines.starting import environment_of

    env = environment_of(command[0]) | {"PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    )
    heard: list[bytes] = []

    def hear() -> None:
        if process.stdout is not None:
            with process.stdout:
                heard.append(process.stdout.read(_MOST))

    # A thread, since a program that was begun by this one may keep the other end open when this one has ended.
    listener = threading.Thread(target=hear, name="listener", daemon=True)
    listener.start()
    listener.join(timeout_s)
    process.kill()
    process.wait()
    if not heard:
        raise subprocess.TimeoutExpired(command, timeout_s)
    return heard[0].decode("utf-8", "replace")


def _version(name: str, module: str) -> str:
    """Return the version of a package; empty if its module is not there."""
    if not _spec_folder(module):
        return ""
    for known in _OTHER_NAMES.get(name, (name,)):
        try:
            return version(known)
        except PackageNotFoundError:
            continue
    found = re.search(r"__version__\s*=\s*[\"']([^\"']+)", _text(Path(_spec_folder(module)) / "__init__.py"))
    return found[1] if found else "unknown"


def _spec_folder(module: str) -> str:
    """Return the folder, or file, that a module would be imported from; nothing of it is run."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return ""
    # A folder without __init__.py that happens to lie on the way is no package.
    return str(Path(spec.origin).parent) if spec is not None and spec.origin else ""


def _folders(package: str) -> tuple[str, ...]:
    """Return every folder on the way in which a package lies; the one that is imported first."""
    first = _spec_folder(package)
    others = (Path(entry or ".") / package for entry in sys.path)
    there = [str(one) for one in others if (one / "__init__.py").is_file()]
    every = ([first] if first else []) + there
    return tuple({os.path.realpath(one): one for one in reversed(every)}.values())[::-1]


def _bpe_places(folders: tuple[str, ...]) -> list[Path]:
    if not folders:
        return []
    package = Path(folders[0])
    return [package / "assets" / _BPE, package.parent / "assets" / _BPE]


def _cuda() -> str:
    """Return the CUDA that torch is built for, as its own file says."""
    folder = _spec_folder("torch")
    found = re.search(r"^cuda\s*(?::[^=]*)?=\s*[\"']([^\"']+)", _text(Path(folder) / "version.py"), re.MULTILINE)
    return found[1] if folder and found else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _missing(found: Installed) -> list[Problem]:
    gone = [name for name in _NEEDED if name not in found.versions]
    if "sam3" not in found.versions:
        advice = f"Run with this Python: pip install {REQUIREMENTS}"
        return [Problem("Meta's package sam3 is not installed.", advice, True)]
    named = " ".join(_INSTALL.get(name, name) for name in gone)
    return [Problem(f"{', '.join(gone)} not installed.", f"Run: pip install {named}", True)] if gone else []


def _twice(found: Installed) -> list[Problem]:
    """Return what there is in two versions."""
    records = {str(one.locate_file("")): one.version for one in distributions(name="sam3")}
    if len(found.where) < 2 and len(records) < 2:
        return []
    places = " and ".join(found.where if len(found.where) > 1 else records)
    return [
        Problem(
            f"There are two of sam3: in {places}; the first one is used.",
            "Remove one of them: pip uninstall sam3, or take its folder out of PYTHONPATH.",
            False,
        )
    ]


def _unfit(found: Installed) -> list[Problem]:
    """Return whether torchvision is of another torch: then it cannot be imported."""
    try:
        asked = requires("torchvision") or []
    except PackageNotFoundError:
        return []
    wanted = next((one[1] for text in asked if (one := re.match(r"torch\s*\(?==\s*([\w.]+)", text))), "")
    there = found.versions.get("torch", "").partition("+")[0]
    if not wanted or not there or wanted == there:
        return []
    return [
        Problem(
            f"torchvision {found.versions.get('torchvision')} is made for torch {wanted}, and torch {there} is here.",
            "Install both anew, together: pip install --force-reinstall torch torchvision",
            True,
        )
    ]


def _notes(found: Installed) -> list[Problem]:
    """Return what does less than it could, or than somebody may expect."""
    made = []
    if "torch" in found.versions and not found.cuda and platform.system() != "Darwin":
        made.append(
            Problem(
                "This torch is built without CUDA: SAM3.0 runs on the CPU, SAM3.1 does not run.",
                "With an NVIDIA GPU, install torch and torchvision with CUDA from pytorch.org.",
                False,
            )
        )
    if "sam3" in found.versions and "triton" not in found.versions:
        made.append(
            Problem("triton is not there; Meta's package runs without it here.", "Nothing has to be done.", False)
        )
    if "sam3" in found.versions and not found.bpe:
        made.append(
            Problem(
                "This sam3 has no tokenizer of its own: words and examples need one in the model folder.",
                "Put tokenizer.json or merges.txt of facebook/sam3 beside sam3.pt, if there is none.",
                False,
            )
        )
    return made


if __name__ == "__main__":
    # The folder of this file is no place to import from; with PYTHONSAFEPATH it is not there.
    sys.path[:] = [one for one in sys.path if one != str(Path(__file__).parent)]
    print(json.dumps(asdict(look())))
