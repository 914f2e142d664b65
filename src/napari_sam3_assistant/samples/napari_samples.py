"""The samples as napari opens them: lists of layer tuples, named by the manifest.

Only the picture becomes a layer. The truth stays in code, for tests and for the demo.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from napari_sam3_assistant.samples.histology import histology
from napari_sam3_assistant.samples.nuclei import nuclei
from napari_sam3_assistant.samples.scenes import Sample

Layer = tuple[npt.NDArray[Any], dict[str, Any], str]


def nuclei_layers() -> list[Layer]:
    """Return the picture of nuclei as one image layer."""
    return [_image(nuclei())]


def histology_layers() -> list[Layer]:
    """Return the picture of tissue as one RGB image layer."""
    return [_image(histology())]


def _image(sample: Sample) -> Layer:
    about: dict[str, Any] = {"name": sample.name, "scale": sample.scale, "units": (sample.units,) * 2}
    if sample.rgb:
        about["rgb"] = True
    return sample.image, about, "image"


LAYERS = {"nuclei": nuclei_layers, "histology": histology_layers}
"""The same functions by the key of their sample."""
