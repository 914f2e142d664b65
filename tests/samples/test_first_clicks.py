"""The samples are worth trying: one click of the engine that needs no model finds most objects."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_sam3_assistant.api import Segmenter
from napari_sam3_assistant.samples import SAMPLES

FITS = 0.6


def iou(a, b):
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def middle(mask):
    depth = ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return tuple(int(at) for at in np.unravel_index(depth.argmax(), depth.shape))


def planes_of(sample, part):
    """Give (arguments of a segmenter, truth of one plane): each object of a stack in the plane where it is largest."""
    truth = sample.parts[part] if part else sample.truth
    if sample.channels:
        yield {"channel_axis": 0, "plane": sample.channels.index(part or "cytoplasm")}, truth
    elif sample.axis_labels[0] == "t":
        for frame in (0, 6, 7, 12, 19):
            yield {"plane": frame}, truth[frame]
    elif sample.axis_labels[0] == "z":
        largest = np.argmax([np.bincount(plane.ravel(), minlength=truth.max() + 1) for plane in truth], axis=0)
        for plane in np.unique(largest[1:]):
            chosen = 1 + np.flatnonzero(largest[1:] == plane)
            yield {"plane": int(plane)}, np.where(np.isin(truth[plane], chosen), truth[plane], 0)
    else:
        yield {}, truth


@pytest.mark.parametrize(
    ("key", "part", "share"),
    [
        ("nuclei", None, 0.5),
        ("histology", None, 0.5),
        ("nuclei_stack", None, 0.6),
        ("dividing_cells", None, 0.85),
        ("phase_contrast", None, 0.5),
        ("multichannel", None, 0.5),
        ("multichannel", "nuclei", 0.85),
    ],
)
def test_one_click_in_the_middle_finds_most_objects(key, part, share):
    sample = SAMPLES[key].make()
    found = []

    with Segmenter("builtin") as segmenter:
        for where, truth in planes_of(sample, part):
            for label in np.unique(truth[truth > 0]):
                mask = truth == label
                answer = segmenter.segment(sample.image, points=[middle(mask)], **where)
                found.append(iou(answer.labels > 0, mask))

    assert np.mean(np.array(found) > FITS) >= share
