"""The numbers of components: their columns, and the conditions of a filter."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.measures import Sizes, measure
from napari_sam3_assistant.masks.quantities import Known, passing, quantities


def known(shape, steps, unit="", **more) -> Known:
    return Known(shape, Sizes(steps, unit), **more)


PLANE = known((40, 40), (1.0, 1.0))


def components():
    """Return components of 4, 16 and 100 pixels with labels 1, 1 and 2."""
    labels = np.zeros((40, 40), np.uint8)
    labels[1:3, 1:3] = labels[10:14, 10:14] = 1
    labels[20:30, 20:30] = 2
    return labels, analyze(labels)


def test_columns_are_those_of_the_axes_and_of_what_was_measured():
    labels, found = components()
    volume = known((5, 40, 40), (2.0, 0.5, 0.5), "µm", measures={})
    plane = known((40, 40), (0.5, 0.5), "µm", measures=measure(labels, found, labels), intensity=True)

    assert [one.title for one in quantities(PLANE)] == [
        "Component ID",
        "Label",
        "Pixels/Voxels",
        "Centroid Y",
        "Centroid X",
    ]
    assert [one.title for one in quantities(volume)] == [
        "Component ID",
        "Label",
        "Pixels/Voxels",
        "Z Min",
        "Z Max",
        "Centroid Z",
        "Centroid Y",
        "Centroid X",
        "Volume (µm³)",
        "Perimeter (µm)",
        "Circularity",
    ]
    row = {one.title: one.text(found[2]) for one in quantities(plane)}
    assert row["Area (µm²)"] == "25.00"
    assert (row["Perimeter (µm)"], row["Circularity"], row["Mean intensity"]) == ("18.0", "0.970", "2.00")
    (deep,) = analyze(np.ones((2, 3, 3), np.uint8))
    row = {one.title: one.text(deep) for one in quantities(volume)}
    assert (row["Z Min"], row["Z Max"], row["Volume (µm³)"], row["Perimeter (µm)"]) == ("0", "1", "9.00", "-")
    assert "Area (world)" in [one.title for one in quantities(known((4, 4), (0.5, 0.5), measures={}))]
    assert "Perimeter (px)" in [one.title for one in quantities(known((4, 4), (0.5, 0.7), "µm", measures={}))]


@pytest.mark.parametrize(
    ("conditions", "areas"),
    [
        ("", [4, 16, 100]),
        ("pixels > 4", [16, 100]),
        ("Pixels >= 4 and label = 1", [4, 16]),
        ("label!=1,y<25", [100]),
        ("centroid x < 12 & id == 2", [16]),
        ("VOXELS<1e2", [4, 16]),
    ],
)
def test_conditions_let_rows_through(conditions, areas):
    assert [one.area for one in passing(components()[1], quantities(PLANE), conditions)] == areas


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ("pixels", '"pixels" is no condition. Write conditions as in: pixels > 500 and label = 3.'),
        ("size > 3 and", '"" is no condition.'),
        ("colour = 3", 'There is no column "colour". There are id, label, pixels, y, x.'),
        ("pixels > many", '"many" is no number.'),
        ("area > 3", 'There is no column "area".'),
    ],
)
def test_what_is_no_condition_is_said(conditions, why):
    with pytest.raises(PromptError) as error:
        passing(components()[1], quantities(PLANE), conditions)

    assert str(error.value).startswith(why)


def test_what_was_not_measured_meets_no_condition():
    labels, found = components()
    half = known((40, 40), (1.0, 1.0), measures=measure(labels, found[:1]))

    assert passing(found, quantities(half), "perimeter >= 0") == [found[0]]
