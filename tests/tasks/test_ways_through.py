"""What can be gone through in a picture, by name."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou
from napari_sam3_assistant.core.planes import Plane, plane_of
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.sources import Source, array_source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.frames import Through, frame_axis, through_named, ways_through
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.view import View


def choices(shape, displayed, names=(), channel=None, rgb=False, moved=None):
    source = Source("a", (np.zeros(shape, np.uint8),), rgb=rgb, channel_axis=channel)
    plane = plane_of(shape, displayed, [0] * len(shape), source.color_axis)
    return ways_through(source, plane, names, frame_axis(source, plane, names, moved))


@pytest.mark.parametrize(
    ("shape", "displayed", "names", "more", "expected"),
    [
        ((64, 64), (0, 1), (), {}, []),
        ((1, 64, 64), (1, 2), (), {}, []),
        ((5, 64, 64), (1, 2), ("z", "y", "x"), {}, ["z"]),
        ((5, 64, 64), (1, 2), (), {}, ["axis 0"]),
        ((5, 64, 64), (0, 2), ("z", "y", "x"), {}, ["y"]),
        ((5, 9, 64, 64), (2, 3), ("t", "z", "y", "x"), {}, ["z", "t", "z, at each t", "t, at each z"]),
        ((5, 9, 64, 64), (2, 3), ("t", "z", "y", "x"), {"moved": 0}, ["t", "z", "t, at each z", "z, at each t"]),
        ((5, 3, 64, 64), (2, 3), ("t", "c", "y", "x"), {"channel": 1}, ["t"]),
        ((5, 64, 64, 3), (1, 2), ("z", "y", "x"), {"channel": 3, "rgb": True}, ["z"]),
        ((64, 64, 5, 9), (0, 1), ("y", "x", "z", "t"), {}, ["t", "z", "t, at each z", "z, at each t"]),
        ((5, 9, 64, 64), (2, 3), ("", "", "y", "x"), {}, ["axis 1", "axis 0", "axis 1, at each axis 0",
                                                         "axis 0, at each axis 1"]),
        ((5, 9, 64, 64), (2, 3), ("p", "p", "y", "x"), {}, ["axis 1", "axis 0", "axis 1, at each axis 0",
                                                           "axis 0, at each axis 1"]),
        ((2, 5, 9, 8, 8), (3, 4), ("p", "t", "z", "y", "x"), {}, [
            "z", "p", "t", "z, at each p", "z, at each t", "p, at each z", "p, at each t", "t, at each z",
            "t, at each p",
        ]),
    ],
)  # fmt: skip
def test_what_can_be_gone_through_has_a_name(shape, displayed, names, more, expected):
    assert [one.name for one in choices(shape, displayed, names, **more)] == expected


def test_a_choice_is_turned_back_into_axes():
    there = choices((5, 9, 64, 64), (2, 3), ("t", "z", "y", "x"))

    assert through_named(there, "z, at each t") == Through("z, at each t", 1, 0)
    assert through_named(there, "t") == Through("t", 0)
    assert through_named(there, "of an older picture") == Through("z", 1)
    assert through_named((), "z") is None


def object_on(time: int) -> PlacedMask:
    return PlacedMask(np.ones((14, 14), bool), (20, 10 + 2 * time))


def film() -> np.ndarray:
    """Five frames of a bright square that moves."""
    made = np.full((5, 64, 64), 20, np.uint8)
    for time in range(5):
        made[time][object_on(time).box.top : 34, 10 + 2 * time : 24 + 2 * time] = 200
    return made


@pytest.mark.parametrize(
    ("data", "displayed", "names", "more", "position"),
    [
        (np.stack([film() * 0, film()], 1), (2, 3), ("t", "z", "y", "x"), {}, (0, 1, 0, 0)),
        (np.stack([film() * 0, film()], 1), (2, 3), ("t", "c", "y", "x"), {"channel_axis": 1}, (0, 1, 0, 0)),
        (np.stack([film()] * 3, 3), (1, 2), ("z", "y", "x"), {"rgb": True}, (0, 0, 0, 0)),
        (film().transpose(1, 2, 0), (0, 1), ("y", "x", "z"), {}, (0, 0, 0)),
        (film().transpose(2, 0, 1), (2, 0), ("x", "z", "y"), {}, (0, 0, 0)),
    ],
    ids=["TZYX", "TCYX", "ZYX3", "YXZ", "XZY"],
)
def test_objects_are_followed_along_the_axis_that_was_chosen_in_any_order_of_axes(
    data, displayed, names, more, position
):
    source = array_source(data, identity="film", rgb=more.get("rgb", False), channel_axis=more.get("channel_axis"))
    plane = plane_of(source.shape, displayed, position, source.color_axis)
    assert isinstance(plane, Plane)
    name = next(one for one in names if one in "tz")
    chosen = through_named(ways_through(source, plane, names), name)
    video = Video(View(source, plane, whole(source.plane_shape(plane))), chosen.axis)
    video.give(0, {1: Prompts(mask=MaskPrompt(object_on(0)))})

    for _ in video.run().steps(BuiltinEngine(), EmbeddingCache()):
        pass

    assert video.tracks.frames == list(range(5))
    assert all(mask_iou(video.tracks.on(time)[0].mask, object_on(time)) > 0.9 for time in range(5))
