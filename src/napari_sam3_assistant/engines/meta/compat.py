"""What has to be changed in Meta's package, while it runs, so that it works here: on a CPU, without triton, in a film.

:func:`prepare` is called before anything of ``sam3`` is imported. Nothing installed is touched. What is needed is found
by looking, not by version numbers: whether there is CUDA, whether triton can be imported, whether a class has an
argument. Changes to torch hold for calls from Meta's code alone; other libraries in this process keep theirs.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType, TracebackType

from napari_sam3_assistant.core.errors import AssistantError, EngineError
from napari_sam3_assistant.engines.devices import kind_of
from napari_sam3_assistant.engines.meta.installed import REQUIREMENTS

INSTALL = f"pip install {REQUIREMENTS}"


@dataclass(frozen=True, slots=True)
class Patch:
    """A change to Meta's package while it runs.

    Attributes
    ----------
    name : str
        What is changed.
    why : str
        What happens otherwise.
    """

    name: str
    why: str


@dataclass(slots=True)
class _Here:
    """Where Meta's code computes."""

    device: str = "cuda"

    @property
    def cuda(self) -> bool:
        return kind_of(self.device) == "cuda"


here = _Here()
"""Read by the patches at every call: one engine after another may compute on another device."""
_done: dict[str, Patch] = {}
_lock = threading.Lock()


def prepare(device: str) -> tuple[Patch, ...]:
    """Make Meta's package ready to be imported and to compute on a device; a second call changes the device only.

    Parameters
    ----------
    device : str
        ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Returns
    -------
    tuple of Patch
        All that has been changed in this process so far.

    Raises
    ------
    EngineError
        If torch, torchvision or sam3 cannot be imported; the hint says what to do.
    """
    with _lock, importing():
        here.device = device
        for patches in ("patches_torch", "patches_sam3", "patches_attention"):
            module = import_module(f"napari_sam3_assistant.engines.meta.{patches}")
            for patch, wanted, apply in module.PATCHES:
                if patch.name not in _done and wanted():
                    apply()
                    _done[patch.name] = patch
        return tuple(_done.values())


def has_triton() -> bool:
    """Whether triton can be imported: not on Windows, not on macOS, not where it was left out."""
    if find_spec("triton") is None:
        return False
    try:
        import_module("triton")
    except Exception:  # installed for another torch, or another machine: it raises anything
        return False
    return True


def called_by_sam3() -> bool:
    """Whether the function that asks was called by Meta's code."""
    name = str(sys._getframe(2).f_globals.get("__name__", ""))
    return name == "sam3" or name.startswith("sam3.")


def stand_in(name: str, **contents: Callable[..., object]) -> None:
    """Put a module of ours in the place of one that cannot be imported."""
    module = ModuleType(name)
    vars(module).update(contents)
    sys.modules[name] = module


@contextmanager
def importing() -> Iterator[None]:
    """Turn what goes wrong while Meta's package is imported, or built, into EngineError with advice.

    Warnings of its libraries about themselves are not shown: no user can do anything about them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (AssistantError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        raise _missing((error.name or "").partition(".")[0]) from error
    except Exception as error:  # a broken package raises anything, from OSError to RuntimeError
        raise _broken(error) from error


def _missing(name: str) -> EngineError:
    package = {"cv2": "opencv-python-headless", "skimage": "scikit-image", "pkg_resources": "'setuptools<81'"}.get(name)
    if name == "sam3":
        return EngineError(f"Meta's package sam3 is not installed in {sys.executable}.", hint=f"Run there: {INSTALL}")
    return EngineError(
        f"Meta's package needs {name}, which is not installed in {sys.executable}.",
        hint=f"Run there: pip install {package or name}",
    )


def _broken(error: Exception) -> EngineError:
    """Return what is broken: the package in whose code an import has ended."""
    passed = set(_packages(error.__traceback__))
    if "torchvision" in passed:
        return EngineError(
            f"torchvision in {sys.executable} cannot be imported: it is not of this torch.",
            hint="Install both anew, together: pip install --force-reinstall torch torchvision",
        )
    if "triton" in passed:
        return EngineError(
            f"triton in {sys.executable} cannot be imported: it is not of this torch.",
            hint="Uninstall it: Meta's package runs without it, or install torch again, which brings its own.",
        )
    if "sam3" in passed:
        return EngineError(
            f"Meta's package sam3 in {sys.executable} cannot be used ({type(error).__name__}).",
            hint=f"Install it again: {INSTALL}. If it still fails, choose the engine SAM3.",
        )
    return EngineError(
        f"torch in {sys.executable} cannot be imported ({type(error).__name__}).",
        hint="Install it again, from pytorch.org.",
    )


def _packages(where: TracebackType | None) -> Iterator[str]:
    while where is not None:
        yield str(where.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        where = where.tb_next
