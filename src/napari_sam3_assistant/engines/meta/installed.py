"""What a Python has of Meta's package and of what that needs, seen without importing any of it.

Standard library only, and written for any Python from 3.8 on: another Python runs this file as a script.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

if __name__ != "__main__":
    from napari_sam3_assistant.core.errors import EngineError

PACKAGES = (
    "sam3",
    "torch",
    "torchvision",
    "triton",
    "numpy",
    "timm",
    "opencv-python",
    "opencv-python-headless",
    "setuptools",
    "psutil",
    "scikit-image",
)
"""What is looked for, by the names under which it is installed."""
OLDEST = (3, 11)
"""The oldest Python that an engine's process runs on."""
BPE = "bpe_simple_vocab_16e6.txt.gz"
MULTIPLEX = "build_sam3_multiplex_video_predictor"
INSTALL = "Run there: python -m pip install {}."


@dataclass(frozen=True)
class Problem:
    """Something that is wrong: what, what to do, and whether nothing works with it."""

    what: str
    advice: str
    fatal: bool


@dataclass(frozen=True)
class Installed:
    """What a Python has.

    Attributes
    ----------
    interpreter, python : str
        Its path and version.
    versions : dict of str
        By the name of the package, of those that are installed.
    places : tuple of str
        The folders with a package ``sam3``; the first is the one that is imported.
    multiplex : bool
        Whether that has the code for SAM3.1.
    cuda : bool
        Whether its torch was built for CUDA.
    bpe : str
        The vocabulary that the package brings; empty where it brings none.
    problems : tuple of Problem
    """

    interpreter: str = ""
    python: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    multiplex: bool = False
    cuda: bool = False
    bpe: str = ""
    problems: tuple[Problem, ...] = ()


def look() -> Installed:
    """Return what this Python has. Takes milliseconds."""
    versions = {name: number for name in PACKAGES if (number := _version(name))}
    places = _places()
    package = Path(places[0]) if places else None
    vocabulary = None if package is None else _vocabulary(package)
    return Installed(
        sys.executable,
        platform.python_version(),
        versions,
        places,
        package is not None and MULTIPLEX in _text(package / "model_builder.py"),
        _has_cuda(),
        str(vocabulary or ""),
        tuple(_problems(versions, places)),
    )


def look_in(interpreter: str, *, timeout_s: float = 20.0) -> Installed:
    """Return what another Python has; starts it.

    Raises
    ------
    EngineError
        If it cannot be run, is too old, is no Python, or does not answer in time.
    """
    hint = "Choose another Python, such as that of the environment in which sam3 is installed."
    try:
        answer = subprocess.run(
            [interpreter, str(Path(__file__).resolve())],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
        said: dict[str, Any] = json.loads(answer.stdout.decode().strip().splitlines()[-1])
        problems = tuple(Problem(**one) for one in said.pop("problems"))
        return Installed(**{**said, "places": tuple(said["places"]), "problems": problems})
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{interpreter} did not answer within {timeout_s:.0f} s.", hint=hint) from error
    except OSError as error:
        raise EngineError(f"{interpreter} cannot be run: {error.strerror}.", hint=hint) from error
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"{interpreter} is no Python of version 3.11 or newer.", hint=hint) from error


def _problems(versions: dict[str, str], places: tuple[str, ...]) -> list[Problem]:
    found = []
    if sys.version_info < OLDEST:
        advice = "Make the environment anew with Python 3.11 or newer."
        found.append(Problem(f"Its Python is {platform.python_version()}, too old.", advice, True))
    found += [
        Problem(f"{name} is not installed.", INSTALL.format(name), True)
        for name in ("sam3", "torch", "torchvision", "numpy")
        if name not in versions and find_spec(name) is None
    ]
    if len(places) > 1:
        what = f"There are {len(places)} packages sam3: {' and '.join(places)}. The first one is used."
        found.append(Problem(what, "Remove the one that is not meant: python -m pip uninstall sam3.", False))
    for name, why in (("psutil", "video"), ("scikit-image", "filling holes on a CPU")):
        if name not in versions:
            found.append(Problem(f"{name} is not installed: {why} needs it.", INSTALL.format(name), False))
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def _places() -> tuple[str, ...]:
    """Return the folders with a package ``sam3``, in the order of the path; an installation for development, too."""
    spec = find_spec("sam3")
    found = [str(Path(spec.origin).parent)] if spec is not None and spec.origin else []
    found += [str(place) for one in sys.path if (place := Path(one) / "sam3") and (place / "__init__.py").is_file()]
    return tuple(dict.fromkeys(str(Path(one).resolve()) for one in found))


def _vocabulary(package: Path) -> Path | None:
    places = (package / "assets" / BPE, package.parent / "assets" / BPE)
    return next((one for one in places if one.is_file()), None)


def _has_cuda() -> bool:
    spec = find_spec("torch")
    if spec is None or not spec.origin:
        return False
    return "cuda: Optional[str] = '" in _text(Path(spec.origin).with_name("version.py"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


if __name__ == "__main__":
    print(json.dumps(asdict(look())))
