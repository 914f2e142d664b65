"""Layers to paint mask prompts in: where they are made, and what is read from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import grids, mask_prompts, names
from napari_sam3_assistant.layers.images import Sources
from napari_sam3_assistant.layers.world import between, plane_on_screen, world_of
from tests.layers.test_coordinates import LENGTHS, geometries, look_at

NANOMETRES = {"pixel": 1.0, "nanometer": 1.0, "micrometer": 1e3, "millimeter": 1e6}


def plane_of(viewer, image):
    source = Sources().of(image)
    return plane_on_screen(image, world_of(viewer), source.shape, source.color_axis)


def add(viewer, image, view=None):
    plane = plane_of(viewer, image)
    return mask_prompts.add_mask_layer(viewer, image, Sources().of(image), plane, world_of(viewer), view)


def collect(viewer, image, layer=None):
    plane, world = plane_of(viewer, image), world_of(viewer)
    shape = Sources().of(image).plane_shape(plane)
    if layer is not None:
        return mask_prompts.collect_mask_layer(layer, image, plane, world, shape)
    return mask_prompts.collect_masks(mask_prompts.mask_layers(viewer), image, plane, world, shape)


def drawn(found, shape):
    """Return what was collected as a label image of the plane."""
    labels = np.zeros(shape, int)
    for one in found.prompts:
        mask = one.prompts.mask.mask
        at = tuple(slice(start, start + length) for start, length in zip(mask.offset, mask.mask.shape, strict=True))
        assert not labels[at][mask.mask].any(), "each pixel has one label"
        labels[at][mask.mask] = one.value
    return labels


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.zeros((60, 50), np.uint8), scale=(2, 3), units=("micrometer",) * 2)


@pytest.fixture
def large(viewer):
    return viewer.add_image(np.broadcast_to(np.uint8(0), (16384, 16384)), multiscale=False)


# -- the layer --------------------------------------------------------------------------------------


def test_the_layer_covers_a_small_picture_and_is_ready_to_be_painted_in(viewer, image):
    layer = add(viewer, image)

    assert layer.name == "SAM3 mask prompt" == names.MASK_PROMPT
    assert layer.data.shape == (60, 50) and layer.data.dtype == np.uint8 and not layer.data.any()
    assert layer.mode == "paint" and layer.brush_size >= 1
    assert tuple(layer.scale) == (2, 3) and layer.units == image.units
    assert mask_prompts.mask_layers(viewer) == [layer]


def test_one_layer_serves_all_slices_of_a_stack(viewer):
    stack = viewer.add_image(np.zeros((5, 60, 50), np.uint8), scale=(4, 1, 1))
    layer = add(viewer, stack)
    viewer.dims.set_current_step(0, 3)

    assert layer.data.shape == (5, 60, 50) and add(viewer, stack) is layer


def test_colour_is_no_axis_of_the_layer(viewer):
    assert add(viewer, viewer.add_image(np.zeros((60, 50, 3), np.uint8))).data.shape == (60, 50)


def test_a_stack_that_does_not_fit_has_a_layer_for_a_slice(viewer):
    stack = viewer.add_image(np.broadcast_to(np.uint8(0), (600, 2048, 2048)))
    viewer.dims.set_current_step(0, 7)
    layer = add(viewer, stack)
    layer.data[0, 5, 5] = 1

    assert layer.data.shape == (1, 2048, 2048)
    assert [one.prompts.mask.mask.offset for one in collect(viewer, stack).prompts] == [(5, 5)]
    viewer.dims.set_current_step(0, 8)
    assert not collect(viewer, stack).prompts and collect(viewer, stack).elsewhere == 1
    other = add(viewer, stack)
    assert other.name == "SAM3 mask prompt [1]" and mask_prompts.mask_layers(viewer) == [layer, other]


def test_of_a_large_plane_what_is_in_view_is_covered(viewer, large):
    view = Window(5000, 7000, 6000, 8200)

    layer = add(viewer, large, view)

    assert layer.data.shape == view.shape and tuple(layer.translate) == view.offset
    assert add(viewer, large, Window(5100, 7000, 5900, 7500)) is layer, "it covers a part of it"


@pytest.mark.parametrize("view", [None, Window(0, 0, 16384, 16384), Window(0, 0, 5000, 300)])
def test_a_layer_has_at_most_4096_px_a_side(viewer, large, view):
    layer = add(viewer, large, view)

    assert max(layer.data.shape) == 4096
    middle = 8192 if view is None else view.bottom // 2
    assert layer.translate[0] == middle - 2048
    assert add(viewer, large, view) is layer


def test_an_empty_layer_is_moved_and_a_painted_one_left(viewer, large):
    layer = add(viewer, large, Window(0, 0, 500, 500))
    assert add(viewer, large, Window(9000, 9000, 9600, 9500)) is layer
    assert tuple(layer.translate) == (9000, 9000) and layer.data.shape == (600, 500)

    layer.data[10:20, 10:20] = 1
    other = add(viewer, large, Window(0, 0, 500, 500))

    assert other is not layer and layer.data.any() and len(mask_prompts.mask_layers(viewer)) == 2
    assert add(viewer, large, Window(9000, 9000, 9600, 9500)) is layer


def test_an_empty_layer_of_another_frame_makes_room(viewer, image):
    layer = add(viewer, image)
    other = viewer.add_image(np.zeros((4, 30, 30), np.uint8))
    viewer.dims.set_current_step(0, 2)

    made = add(viewer, other)

    assert layer not in viewer.layers and made.data.shape == (4, 30, 30)


def test_an_empty_layer_serves_another_picture_of_the_same_frame_and_a_painted_one_does_not(viewer, image):
    layer = add(viewer, image)
    other = viewer.add_image(np.zeros((60, 50)), scale=(2, 3), units=("micrometer",) * 2)

    assert add(viewer, other) is layer
    layer.data[5, 5] = 1
    assert add(viewer, image) is not layer

    found = collect(viewer, image)
    assert not found.prompts and found.others == (str(other.unique_id),)
    assert len(collect(viewer, other).prompts) == 1


def test_a_renamed_layer_is_known(viewer, image):
    layer = add(viewer, image)
    layer.name = "my nuclei"
    layer.data[5, 5] = 1

    assert mask_prompts.mask_layers(viewer) == [layer] and add(viewer, image) is layer
    assert len(collect(viewer, image).prompts) == 1


def test_a_layer_that_cannot_be_painted_in_is_not_taken(viewer, image):
    frozen = np.zeros((60, 50), np.uint8)
    frozen.flags.writeable = False
    fixed = viewer.add_labels(frozen, name=names.MASK_PROMPT, scale=(2, 3), units=image.units)

    assert add(viewer, image) is not fixed


def test_a_layer_on_a_large_picture_is_no_larger_than_a_window(viewer, large):
    add(viewer, large, Window(0, 0, 100, 100)).data[:] = 1

    layer = add(viewer, large, None)

    assert max(layer.data.shape) <= 4096


# -- what is painted --------------------------------------------------------------------------------


def test_each_label_is_one_object(viewer, image):
    layer = add(viewer, image)
    layer.data[10:20, 10:20] = 1
    layer.data[40:44, 30:40] = 200
    layer.data[15, 15] = 0

    first, second = collect(viewer, image).prompts

    assert (first.value, second.value) == (1, 200)
    assert first.prompts.mask.mask.offset == (10, 10) and first.prompts.mask.mask.area == 99
    assert second.prompts.mask.mask.offset == (40, 30) and second.prompts.mask.mask.mask.shape == (4, 10)
    assert first.prompts.box is None and not first.prompts.points


def test_an_empty_layer_asks_nothing(viewer, image):
    assert collect(viewer, image).prompts == ()
    add(viewer, image)

    assert collect(viewer, image).prompts == () and collect(viewer, image).elsewhere == 0


def test_an_empty_layer_of_another_slice_is_not_reported(viewer, large):
    stack = viewer.add_image(np.zeros((3, 60, 50), np.uint8))
    layer = viewer.add_labels(np.zeros((1, 60, 50), np.uint8), translate=(2, 0, 0))
    viewer.dims.set_current_step(0, 1)

    assert collect(viewer, stack, layer).elsewhere == 0
    layer.data[0, 4, 4] = 1
    assert collect(viewer, stack, layer).elsewhere == 1


def test_only_the_slice_on_screen_is_read(viewer):
    stack = viewer.add_image(np.zeros((5, 60, 50), np.uint8))
    layer = add(viewer, stack)
    layer.data[1, 5, 5], layer.data[3, 9, 9] = 1, 2

    found = {}
    for z in range(5):
        viewer.dims.set_current_step(0, z)
        found[z] = [(one.value, one.prompts.mask.mask.offset) for one in collect(viewer, stack).prompts]

    assert found == {0: [], 1: [(1, (5, 5))], 2: [], 3: [(2, (9, 9))], 4: []}


def test_a_key_stays_with_label_and_pixels(viewer, image):
    layer = add(viewer, image)
    layer.data[10:20, 10:20], layer.data[40:44, 30:40] = 1, 2
    before = [one.key for one in collect(viewer, image).prompts]
    assert [one.key for one in collect(viewer, image).prompts] == before and hash(before[0])

    layer.data[41, 31] = 0
    after = [one.key for one in collect(viewer, image).prompts]

    assert after[0] == before[0] and after[1] != before[1]
    layer.data[:] = np.roll(layer.data, 1, axis=0)
    assert not {one.key for one in collect(viewer, image).prompts} & {*before, *after}


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_labels_of_any_type_are_read(viewer, image, dtype):
    data = np.zeros((60, 50), dtype)
    data[5:8, 5:8] = 1
    if dtype is not bool:
        data[20:30, 20:30] = min(np.iinfo(dtype).max, 2**40)
        if np.iinfo(dtype).min < 0:
            data[40:50, 40:50] = -1
    layer = viewer.add_labels(data, scale=(2, 3), units=image.units)

    found = collect(viewer, image, layer)

    assert [one.value for one in found.prompts] == ([1] if dtype is bool else [1, min(np.iinfo(dtype).max, 2**40)])
    assert found.prompts[-1].prompts.mask.mask.area == (9 if dtype is bool else 100)


def test_of_multiscale_labels_the_full_resolution_is_read(viewer, image):
    data = np.zeros((60, 50), np.uint8)
    data[7, 9] = 3
    layer = viewer.add_labels([data, data[::2, ::2]], multiscale=True, scale=(2, 3), units=image.units)

    (found,) = collect(viewer, image, layer).prompts

    assert found.value == 3 and found.prompts.mask.mask.offset == (7, 9)


def test_a_layer_of_another_shape_is_cut_to_the_plane(viewer, image):
    layer = viewer.add_labels(np.ones((90, 30), np.uint8), scale=(2, 3), translate=(-20, 60), units=image.units)

    (found,) = collect(viewer, image, layer).prompts

    assert found.prompts.mask.mask.offset == (0, 20) and found.prompts.mask.mask.mask.shape == (60, 30)
    assert found.prompts.mask.mask.mask.all()


def test_what_is_painted_beside_the_picture_asks_nothing(viewer, image):
    layer = viewer.add_labels(np.ones((20, 20), np.uint8), scale=(2, 3), translate=(-100, 0), units=image.units)

    assert collect(viewer, image, layer).prompts == ()


def test_labels_of_another_scale_are_resampled(viewer, image):
    data = np.zeros((30, 25), np.uint8)
    data[5:10, 5:10] = 1
    layer = viewer.add_labels(data, scale=(4, 6), translate=(1, 1.5), units=image.units)

    (found,) = collect(viewer, image, layer).prompts

    assert found.prompts.mask.mask.offset == (10, 10) and found.prompts.mask.mask.mask.shape == (10, 10)
    assert found.prompts.mask.mask.mask.all()


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_tilted_layer_is_refused_with_a_hint(viewer):
    stack = viewer.add_image(np.zeros((5, 60, 50), np.uint8))
    tilt = np.array([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
    layer = viewer.add_labels(np.ones((5, 60, 50), np.uint8), rotate=tilt)

    with pytest.raises(PromptError, match="tilted") as refused:
        collect(viewer, stack, layer)
    assert refused.value.hint


class Watched:
    """A lazy array that says how much of it was read."""

    dtype = np.dtype(np.uint8)

    def __init__(self, shape):
        self.shape, self.ndim, self.size, self.read = shape, len(shape), int(np.prod(shape)), 0

    def __getitem__(self, key):
        key = key if isinstance(key, tuple) else (key,)
        key += (slice(None),) * (self.ndim - len(key))
        lengths = [len(range(*k.indices(n))) for k, n in zip(key, self.shape, strict=True) if isinstance(k, slice)]
        self.read += int(np.prod(lengths))
        return np.ones(lengths, np.uint8)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("read as a whole")


def test_of_a_lazy_layer_only_what_lies_on_the_plane_is_read():
    lazy = Watched((50, 30000, 30000))
    grid = grids.Grid((1, 2), ((0, 4),), np.eye(2), np.array([100.0, 200.0]))
    layer = type("Lazy", (), {"data": lazy, "multiscale": False, "name": "lazy"})()

    labels, corner = grids.to_plane(*grids.painted(layer, grid, (60, 50)), grid, (60, 50))

    assert corner == (0, 0) and labels.shape == (60, 50) and labels.all() and lazy.read <= 64 * 54


def test_a_large_lazy_layer_is_refused_with_a_hint(viewer, large):
    import dask.array as da

    layer = viewer.add_labels(da.zeros((16384, 16384), dtype=np.uint8, chunks=2048))

    with pytest.raises(PromptError, match="too large") as refused:
        collect(viewer, large, layer)
    assert refused.value.hint


def test_a_small_lazy_layer_is_read(viewer, image):
    import dask.array as da

    data = np.zeros((60, 50), np.uint8)
    data[7, 9] = 3
    layer = viewer.add_labels(da.from_array(data, chunks=16), scale=(2, 3), units=image.units)

    assert collect(viewer, image, layer).prompts[0].prompts.mask.mask.offset == (7, 9)


def test_in_a_large_layer_in_memory_the_painted_part_is_found(viewer, large):
    data = np.zeros((16384, 16384), np.uint8)
    grid = grids.Grid((0, 1), (), np.eye(2), np.zeros(2))
    layer_like = type("Large", (), {"data": data, "multiscale": False, "name": "large"})()
    assert grids.painted(layer_like, grid, data.shape) is None

    data[9000:9010, 12000:12005] = 4
    block, origin = grids.painted(layer_like, grid, data.shape)
    assert origin == (9000, 12000) and block.shape == (10, 5)

    data[3, 3] = 1
    with pytest.raises(PromptError, match="spread"):
        grids.painted(layer_like, grid, data.shape)


def test_a_small_label_that_covers_too_much_of_the_picture_is_refused(viewer, large):
    layer = viewer.add_labels(np.ones((100, 100), np.uint8), scale=(100, 100))

    with pytest.raises(PromptError, match="covers"):
        collect(viewer, large, layer)


# -- frames -----------------------------------------------------------------------------------------


@st.composite
def paintings(draw):
    """A picture of 2 to 4 axes, labels of 2 to 4 axes in another geometry that lie on it, and a slice."""
    units = draw(st.sampled_from([("pixel",), LENGTHS]))
    ndim, own = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    kind = draw(st.sampled_from(["grey", "rgb"]))
    shape = (*draw(st.tuples(*[st.integers(1, 4)] * (ndim - 2))), 12, 12)
    viewer = ViewerModel()
    data = np.zeros((*shape, 3) if kind == "rgb" else shape, np.uint8)
    image = viewer.add_image(data, rgb=kind == "rgb", **draw(geometries(ndim, units)))
    pixel = tuple(draw(st.integers(0, length - 1)) for length in shape)
    labels = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 4, (*[3] * (own - 2), 6, 7)).astype(np.uint8)
    geometry = draw(geometries(own, units))
    middle = [draw(st.integers(0, length - 1)) for length in labels.shape]
    layer = viewer.add_labels(labels, **geometry)
    look_at(viewer, image, pixel)
    world = world_of(viewer)
    # Moved so that the middle of the labels lies on the pixel, wherever both have an axis.
    there = between(image, image, world)[0](pixel)[-own:]
    factor = NANOMETRES[str(layer.units[0])] / NANOMETRES[str(world.units[0])]
    affine = np.array(layer.affine.affine_matrix)
    affine[:-1, -1] += there / factor - np.asarray(layer.data_to_world(middle))
    layer.affine = affine
    return viewer, image, layer, pixel


@given(paintings())
@settings(deadline=None, max_examples=80)
def test_a_pixel_has_the_label_that_lies_there_in_the_world(painting):
    viewer, image, layer, pixel = painting
    look_at(viewer, image, pixel)
    world = world_of(viewer)
    unit = NANOMETRES[str(world.units[0])]
    image_factor, factor = NANOMETRES[str(image.units[0])] / unit, NANOMETRES[str(layer.units[0])] / unit

    found = drawn(collect(viewer, image, layer), (12, 12))

    compared = 0
    for row in range(12):
        for col in range(12):
            place = np.array(world.point, dtype=float)
            place[len(place) - image.ndim :] = np.array(image.data_to_world((*pixel[:-2], row, col))) * image_factor
            at = np.array(layer.world_to_data(place[-layer.ndim :] / factor))
            if (np.abs(at - np.floor(at) - 0.5) < 1e-3).any():
                continue  # on the border of two pixels
            nearest = np.floor(at + 0.5).astype(int)
            inside = ((nearest >= 0) & (nearest < layer.data.shape)).all()
            assert found[row, col] == (layer.data[tuple(nearest)] if inside else 0)
            compared += 1
    assert compared


@given(st.permutations(range(3)), st.integers(0, 4))
@settings(deadline=None, max_examples=30)
def test_what_is_painted_lies_where_it_was_painted_whatever_the_order_of_the_axes(order, at):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 6, 7), np.uint8), scale=(2, 0.5, 3), translate=(1, 2, 3))
    viewer.dims.order = order
    viewer.dims.set_current_step(order[0], 0)
    layer = add(viewer, image)
    layer.data[:] = np.random.default_rng(0).integers(0, 3, layer.data.shape)
    viewer.dims.set_point(order[0], at * image.scale[order[0]] + image.translate[order[0]])

    found = drawn(collect(viewer, image), [image.data.shape[axis] for axis in order[1:]])

    np.testing.assert_array_equal(found, layer.data.transpose(order)[at])


def test_a_stroke_through_the_canvas_of_a_real_viewer_is_read(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    image = viewer.add_image(np.zeros((3, 60, 50), np.uint8), scale=(4, 2, 2))
    layer = add(viewer, image)

    layer.paint((int(viewer.dims.current_step[0]), 30, 20), 1)

    (found,) = collect(viewer, image).prompts
    mask = found.prompts.mask.mask
    assert mask.value_at(30, 20) and mask.area >= 1
    assert add(viewer, image) == layer and mask_prompts.mask_layers(viewer) == [layer]
