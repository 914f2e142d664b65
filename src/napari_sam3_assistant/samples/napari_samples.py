"""The samples as napari opens them: lists of layer tuples, named by the manifest.

Only the picture becomes a layer. The truth stays in code, for tests and for the demo; whoever
wants to see it adds it: ``viewer.add_labels(sample.truth, **sample.placement)``.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from napari_sam3_assistant.samples.dividing_cells import dividing_cells
from napari_sam3_assistant.samples.histology import histology
from napari_sam3_assistant.samples.multichannel import multichannel
from napari_sam3_assistant.samples.nuclei import nuclei
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.samples.phase_contrast import phase_contrast
from napari_sam3_assistant.samples.scenes import Sample

Layer = tuple[npt.NDArray[Any], dict[str, Any], str]

COLORS = {"nuclei": "blue", "cytoplasm": "green", "spots": "magenta"}


def nuclei_layers() -> list[Layer]:
    """Return the picture of nuclei as one image layer."""
    return [_image(nuclei())]


def histology_layers() -> list[Layer]:
    """Return the picture of tissue as one RGB image layer."""
    return [_image(histology())]


def nuclei_stack_layers() -> list[Layer]:
    """Return the stack of planes as one image layer with a slider for z."""
    return [_image(nuclei_stack())]


def dividing_cells_layers() -> list[Layer]:
    """Return the time series as one image layer with a slider for t."""
    return [_image(dividing_cells())]


def phase_contrast_layers() -> list[Layer]:
    """Return the picture in phase contrast as one image layer."""
    return [_image(phase_contrast())]


def multichannel_layers() -> list[Layer]:
    """Return the channels as an image layer each, drawn over each other in a colour each.

    So napari's own samples come, too (``channel_axis``). As one layer with a slider for channels the
    picture would have one set of contrast limits, and the dim channels would be black: in napari, and
    for the engine, which takes the limits of a layer from all its planes. The channel that is wanted is
    chosen as any other image is, and a mask made in one lies on all of them.

    The nuclei come last: napari selects the last layer and lists it first, and the widget uses it.
    """
    sample = multichannel()
    layers = [
        _channel(sample, channel, colormap=COLORS[name], blending="additive")
        for channel, name in enumerate(sample.channels)
    ]
    # The lowest layer hides the canvas, or on a light one the channels would be seen through it.
    layers[-1][1]["blending"] = "translucent_no_depth"
    return layers[::-1]


def _image(sample: Sample) -> Layer:
    about: dict[str, Any] = {"name": sample.name, **sample.placement}
    if sample.rgb:
        about["rgb"] = True
    return sample.image, about, "image"


def _channel(sample: Sample, channel: int, **look: str) -> Layer:
    name = f"{sample.name} {sample.channels[channel]}"
    return sample.image[channel], {"name": name, **sample.placement, **look}, "image"


LAYERS = {
    "nuclei": nuclei_layers,
    "histology": histology_layers,
    "nuclei_stack": nuclei_stack_layers,
    "dividing_cells": dividing_cells_layers,
    "phase_contrast": phase_contrast_layers,
    "multichannel": multichannel_layers,
}
"""The same functions by the key of their sample."""
