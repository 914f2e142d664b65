"""What is taken from transformers, with torchvision installed or not."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.engines.sam3 import kernels
from napari_sam3_assistant.engines.sam3.pooling import roi_align

NEEDED = {"torch": (2, 6), "transformers": (5, 23)}

_DETECTOR = "transformers.models.sam3"
_VIDEO = "transformers.models.sam3_video.modeling_sam3_video"


def check_versions() -> None:
    """Check that the packages are new enough.

    Raises
    ------
    EngineError
        If one is too old; the hint says how to renew it.
    """
    for package, least in NEEDED.items():
        there, needed = version(package), ".".join(map(str, least))
        if tuple(map(int, re.findall(r"\d+", there)[:2])) < least:
            raise EngineError(
                f"SAM3 needs {package} {needed} or newer; {there} is installed.",
                hint=f"Run: pip install --upgrade '{package}>={needed}', and start again.",
            )


def model_class() -> Any:
    """Return ``Sam3VideoModel``: the class that holds every part of SAM3 round one vision encoder.

    Raises
    ------
    EngineError
        If torch or transformers is too old.

    Notes
    -----
    Without torchvision transformers hides its SAM3 classes, though all that they need of it is
    :func:`roi_align`. So the modules are imported by their full names, and the classes that others
    look up by name are put where they are looked for.
    """
    check_versions()
    modeling = import_module(f"{_DETECTOR}.modeling_sam3")
    if find_spec("torchvision") is None:
        modeling.torchvision = SimpleNamespace(ops=SimpleNamespace(roi_align=roi_align))  # type: ignore[attr-defined]
        package = import_module(_DETECTOR)
        for name in ("Sam3Model", "Sam3VisionModel", "Sam3ViTModel"):
            setattr(package, name, getattr(modeling, name))
    return import_module(_VIDEO).Sam3VideoModel


def video_code() -> Any:
    """Return the module of ``Sam3VideoModel``, with :mod:`~napari_sam3_assistant.engines.sam3.kernels` in it.

    Notes
    -----
    By itself it asks the internet for a kernel where package ``kernels`` is there, and goes without where it is not.
    """
    code = import_module(_VIDEO)
    code.cv_utils_kernel = kernels  # type: ignore[attr-defined]
    code.mask_iou = kernels.mask_iou  # type: ignore[attr-defined]
    return code


def vision_output(levels: tuple[Any, ...], position: Any) -> Any:
    """Return encoded pixels in the form that transformers' detector takes.

    Parameters
    ----------
    levels : tuple of 3 Tensors
        Features at 4, 2 and 1 times the grid of patches.
    position : Tensor
        Position encoding of the last of them; the others' are not read.
    """
    kind = import_module(f"{_DETECTOR}.modeling_sam3").Sam3VisionEncoderOutput
    # The detector drops the last entry: a level at half the grid, which nothing reads.
    return kind(fpn_hidden_states=(*levels, None), fpn_position_encoding=(None, None, position, None))
