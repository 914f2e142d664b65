"""Measures of components, against scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from skimage.measure import regionprops

from napari_sam3_assistant.core.errors import Cancelled, PromptError
from napari_sam3_assistant.core.progress import CancelToken, Watch
from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.measures import Sizes, circularity, measure
from tests.masks.arrays import label_arrays


@settings(max_examples=150, deadline=None)
@given(labels=label_arrays(max_dims=2))
def test_measures_are_those_of_scikit_image(labels):
    image = np.random.default_rng(0).normal(100, 20, labels.shape)
    components = analyze(labels)

    found = measure(labels, components, image)

    for one in components:
        alone = np.zeros(labels.shape, int)
        alone[_pixels(labels, one)] = 1
        (peer,) = regionprops(alone, image)
        assert found[one.id].perimeter == pytest.approx(peer.perimeter)
        assert found[one.id].intensity == pytest.approx(peer.intensity_mean)
        round_ = 4 * math.pi * peer.area / peer.perimeter**2 if peer.perimeter else None
        assert found[one.id].circularity == (None if round_ is None else pytest.approx(min(round_, 1)))


def _pixels(labels, one):
    """Return the pixels of a component by flooding from its first one."""
    open_, seen = [one.start], {one.start}
    while open_:
        row, col = open_.pop()
        for place in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            inside = all(0 <= at < n for at, n in zip(place, labels.shape, strict=True))
            if inside and place not in seen and labels[place] == one.label:
                seen.add(place)
                open_.append(place)
    return tuple(np.array(sorted(seen)).T)


def test_a_slice_of_a_volume_has_a_perimeter_and_what_reaches_over_slices_has_none():
    labels = np.zeros((4, 12, 12), np.uint8)
    labels[1, 2:8, 2:8] = 1
    labels[1:3, 9:11, 9:11] = 2

    labels[:, 11, 0:5] = 3

    flat, deep, upright = measure(labels, analyze(labels)).values()

    assert flat.perimeter == 20
    assert upright.perimeter == 14
    assert (deep.perimeter, deep.circularity, deep.intensity) == (None, None, None)


def test_colours_are_measured_by_their_mean_and_what_is_no_number_by_none():
    labels = np.zeros((6, 6), bool)
    labels[1:3, 1:3] = True
    colours = np.zeros((6, 6, 3))
    colours[1:3, 1:3] = (30, 60, 90)

    (one,) = analyze(labels)

    assert measure(labels, (one,), colours)[one.id].intensity == 60
    assert measure(labels, (one,), np.full((6, 6), np.nan))[one.id].intensity is None


def test_measuring_stops_where_that_is_asked_for_and_says_when_the_pixels_are_others():
    labels = np.zeros((9, 9), int)
    labels[2:5, 2:5] = 4
    components = analyze(labels)
    stop = CancelToken()
    stop.cancel()

    with pytest.raises(Cancelled):
        measure(labels, components, watch=Watch(cancel=stop))
    labels[2, 2] = 0
    with pytest.raises(PromptError):
        measure(labels, components)


def test_sizes_of_pixels_in_the_world():
    sizes = Sizes((2.0, 0.5, 0.5), "µm")

    assert sizes.content((5, 40, 40)) == (0.5, 3)
    assert sizes.content((1, 40, 40)) == (0.25, 2)
    assert sizes.content((5, 1, 40)) == (1.0, 2)
    assert (sizes.step((5, 40, 40)), sizes.step((1, 40, 40)), sizes.step((5, 1, 40))) == (0.5, 0.5, None)
    assert circularity(1, 0) is None
