"""What the demo does: which objects it clicks on, and how well the masks must fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.samples import SAMPLES

PASS_IOU = 0.85
MOST_CLICKS = 4
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Case:
    """One object of one sample.

    Attributes
    ----------
    title : str
    sample : str
        Key in :data:`SAMPLES`.
    label : int
        The object's value in the truth.
    most_clicks : int
        1, or more where the mask is to be corrected.
    """

    title: str
    sample: str
    label: int
    most_clicks: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the demo's table; times in milliseconds.

    ``ious`` says how well the mask fitted the truth after each click (intersection over union).
    ``encode_ms`` is the encoding of the picture, which the plugin did before the click; ``decode_ms`` and
    ``plugin_ms`` are those of the last click: what the engine took, and all the rest from the new point to
    the drawn mask.
    """

    sample: str
    prompt: str
    ious: tuple[float, ...]
    score: float
    encode_ms: float
    decode_ms: float
    plugin_ms: float
    saved: Path

    @property
    def iou(self) -> float:
        """How well the last mask fits the truth."""
        return self.ious[-1]

    @property
    def passed(self) -> bool:
        """Whether the mask fits the truth."""
        return self.iou >= PASS_IOU


CASES = (
    Case("1 point", "nuclei", 3),
    Case("corrected", "nuclei", 51, MOST_CLICKS),
    Case("1 point", "histology", 7),
    Case("corrected", "histology", 11, MOST_CLICKS),
)


def next_click(truth: Mask, mask: Mask) -> tuple[int, int, bool]:
    """Return ``(row, col, positive)`` of the middle of the largest error."""
    clicks = []
    for positive, error in ((True, truth & ~mask), (False, mask & ~truth)):
        depth = ndi.distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1]
        row, col = np.unravel_index(int(depth.argmax()), depth.shape)
        clicks.append((float(depth.max()), int(row), int(col), positive))
    return max(clicks)[1:]


def iou(a: Mask, b: Mask) -> float:
    """Return the intersection over union of two masks."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def run_case(driver: Driver, case: Case, folder: Path) -> Row:
    """Open the sample, click, correct, save; return the row of the table."""
    sample = SAMPLES[case.sample].make()
    truth = sample.truth == case.label
    state = driver.state
    layer = next((one for one in driver.viewer.layers if one.name == sample.name), None)
    if layer is None:
        driver.viewer.layers.clear()
        driver.pump()
        driver.viewer.open_sample("napari-sam3-assistant", case.sample)
        layer = driver.viewer.layers[sample.name]
        driver.wait(lambda: state.task.armed, "The points layer")
        driver.viewer.reset_view()
    driver.wait_until_idle()
    driver.widget.simple.prompt.reset.click()
    driver.wait_until_idle()
    mask, points, ious = np.zeros(truth.shape, bool), list[bool](), list[float]()
    while len(points) < case.most_clicks and (not ious or ious[-1] < PASS_IOU):
        row, col, positive = next_click(truth, mask)
        if positive != state.task.positive:
            driver.key("T")
        result = driver.click(layer, row, col)
        points.append(positive)
        mask = _on_plane(result.segmentation.mask, truth.shape)
        ious.append(iou(truth, mask))
    saved = _save(driver, folder)
    words = " ".join("+" if positive else "-" for positive in points)
    return Row(
        sample=sample.name,
        prompt=f"{case.title} ({words})",
        ious=tuple(ious),
        score=result.segmentation.score,
        encode_ms=driver.widget.controller.encode_ms,
        decode_ms=result.decode_ms,
        plugin_ms=state.results.plugin_ms,
        saved=saved,
    )


def _on_plane(mask: PlacedMask, shape: tuple[int, ...]) -> Mask:
    return mask.within(whole((shape[0], shape[1])).box)


def _save(driver: Driver, folder: Path) -> Path:
    driver.state.output.folder = str(folder)
    driver.widget.simple.results.save.click()
    driver.wait(lambda: not driver.state.output.saving and driver.state.output.saved is not None, "The saved file")
    return Path(str(driver.state.output.saved))
