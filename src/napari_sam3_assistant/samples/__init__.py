"""Pictures with truth, made by code: to try the tools on, to test and to measure with.

:data:`SAMPLES` lists them. A picture is made when its function is called; importing this
makes and loads nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_sam3_assistant.samples.dividing_cells import dividing_cells
from napari_sam3_assistant.samples.histology import histology
from napari_sam3_assistant.samples.multichannel import multichannel
from napari_sam3_assistant.samples.nuclei import nuclei
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.samples.phase_contrast import phase_contrast
from napari_sam3_assistant.samples.scenes import Sample

__all__ = [
    "SAMPLES",
    "Entry",
    "Sample",
    "dividing_cells",
    "histology",
    "multichannel",
    "nuclei",
    "nuclei_stack",
    "phase_contrast",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A sample that can be opened.

    Attributes
    ----------
    key : str
        Its name in commands and in the manifest.
    title : str
        What a user reads in a menu.
    make : callable
        Takes a seed, 0 unless told, and returns the :class:`Sample`; in less than a second.
    """

    key: str
    title: str
    make: Callable[..., Sample]


SAMPLES: dict[str, Entry] = {
    entry.key: entry
    for entry in (
        Entry("nuclei", "Nuclei (2-D fluorescence, some touching)", nuclei),
        Entry("histology", "Histology (RGB, stained tissue)", histology),
        Entry("nuclei_stack", "Nuclei stack (3-D)", nuclei_stack),
        Entry("dividing_cells", "Dividing cells (time series)", dividing_cells),
        Entry("phase_contrast", "Phase contrast cells", phase_contrast),
        Entry("multichannel", "Multichannel cells (16-bit)", multichannel),
    )
}
