"""A click comes back on the pixel it was made on, and a mask lies where the pixels are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import PointPrompt
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers.images import Sources
from napari_sam3_assistant.layers.previews import show_objects
from napari_sam3_assistant.layers.prompts import add_point_layer, collect_points
from napari_sam3_assistant.layers.world import between, plane_on_screen, world_of
from napari_sam3_assistant.masks.registry import Objects

SIDE = 12
LENGTHS = ("nanometer", "micrometer", "millimeter")


def rotation(angle: float, ndim: int) -> np.ndarray:
    """Turn the last two axes."""
    matrix = np.eye(ndim)
    c, s = np.cos(angle), np.sin(angle)
    matrix[-2:, -2:] = [[c, -s], [s, c]]
    return matrix


@st.composite
def geometries(draw, ndim, units):
    """A transform of the layer: scale, rotation and shear of the last two axes, translation, affine, unit."""
    floats = st.floats(-20, 20, allow_nan=False).map(lambda v: round(v, 2))
    shear = np.zeros(ndim * (ndim - 1) // 2)
    shear[-1] = draw(st.sampled_from([0.0, 0.3, -0.7]))
    affine = np.eye(ndim + 1)
    affine[-3:-1, -3:-1] = rotation(draw(st.sampled_from([0.0, 0.4])), 2) * draw(st.sampled_from([1.0, 1.5]))
    affine[-3:-1, -1] = draw(floats), draw(floats)
    return {
        "scale": [draw(st.sampled_from([0.1, 0.5, 1.0, 3.0, -1.0, -0.25])) for _ in range(ndim)],
        "rotate": rotation(draw(st.sampled_from([0.0, 0.5, -1.2, np.pi / 2])), ndim),
        "shear": shear,
        "translate": [draw(floats) for _ in range(ndim)],
        "affine": affine,
        "units": (draw(st.sampled_from(units)),) * ndim,
    }


@st.composite
def scenes(draw):
    """A picture of 2 to 5 axes in a viewer, and a layer of points of fewer, as many or more axes."""
    units = draw(st.sampled_from([("pixel",), LENGTHS]))
    ndim = draw(st.integers(2, 5))
    kind = draw(st.sampled_from(["grey", "rgb", "multiscale"]))
    shape = (*draw(st.tuples(*[st.integers(1, 4)] * (ndim - 2))), SIDE, SIDE)
    data = np.zeros((*shape, 3), np.uint8) if kind == "rgb" else np.zeros(shape, np.uint8)
    levels = [data, data[..., ::2, ::2]] if kind == "multiscale" else data
    viewer = ViewerModel()
    image = viewer.add_image(
        levels, multiscale=kind == "multiscale", rgb=kind == "rgb", **draw(geometries(ndim, units))
    )
    points_ndim = draw(st.integers(2, ndim + 1 if ndim < 5 else 5))
    points = viewer.add_points(ndim=points_ndim, **draw(geometries(points_ndim, units)))
    pixel = tuple(draw(st.integers(0, length - 1)) for length in shape)
    return viewer, image, points, pixel


def look_at(viewer, image, pixel):
    """Put the sliders where ``pixel`` of ``image`` is seen."""
    here = world_of(viewer)
    at = between(image, image, here)[0](pixel)
    for axis in range(viewer.dims.ndim - 2):
        viewer.dims.set_point(axis, at[axis] if axis >= viewer.dims.ndim - image.ndim else here.point[axis])


@given(scenes())
@settings(deadline=None, max_examples=80)
def test_a_click_comes_back_on_the_pixel_it_was_made_on(scene):
    viewer, image, points, pixel = scene
    look_at(viewer, image, pixel)
    world = world_of(viewer)
    source = Sources().of(image)
    to_world, _ = between(image, image, world)
    target = to_world(pixel)
    back = between(points, points, world)[0]
    # The point whose place in the world is that of the pixel; axes that the layer lacks stand at the sliders.
    own = back.linear[-points.ndim :], back.offset[-points.ndim :]
    points.add(np.linalg.solve(own[0], target[-points.ndim :] - own[1]))

    plane = plane_on_screen(image, world, source.shape, source.color_axis)
    found = collect_points(points, image, plane, world)

    assert dict(plane.index) == dict(enumerate(pixel[:-2]))
    assert [point.pixel for point in found.points] == [pixel[-2:]]


@given(scenes())
@settings(deadline=None, max_examples=50)
def test_a_mask_lies_where_the_pixels_are(scene):
    viewer, image, _, pixel = scene
    look_at(viewer, image, pixel)
    world = world_of(viewer)
    source = Sources().of(image)
    plane = plane_on_screen(image, world, source.shape, source.color_axis)

    layer = show_objects(
        viewer, image, source, plane, Objects().add(PlacedMask(np.ones((1, 1), bool), pixel[-2:]))
    ).layer

    drawn = np.argwhere(layer.data)
    assert len(drawn) == 1
    np.testing.assert_allclose(layer.data_to_world(drawn[0]), image.data_to_world(pixel), atol=1e-6)
    assert layer.units == image.units and layer.axis_labels == image.axis_labels


def test_the_slice_that_is_read_is_the_one_that_napari_draws():
    seen = 0
    for seed in range(24):
        random = np.random.default_rng(seed)
        ndim, other, rgb = *random.integers(2, 6, 2).tolist(), bool(random.integers(2))
        shape = [*random.permutation(range(2, 7))[:ndim].tolist(), *([3] if rgb else [])]
        viewer = ViewerModel()
        viewer.add_image(np.zeros((4,) * other))
        picture = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        scale = random.choice([0.5, 1, 3], ndim)
        image = viewer.add_image(picture, rgb=rgb, scale=scale, contrast_limits=(0, 1))
        viewer.dims.order = tuple(random.permutation(viewer.dims.ndim).tolist())
        for axis, steps in enumerate(viewer.dims.nsteps):
            viewer.dims.set_current_step(axis, int(random.integers(steps)))
        source, drawn = Sources().of(image), image._slice  # what napari has cut out to draw
        if drawn.empty:
            with pytest.raises(ImageError, match="not seen here"):
                plane_on_screen(image, world_of(viewer), source.shape, source.color_axis)
            continue

        plane = plane_on_screen(image, world_of(viewer), source.shape, source.color_axis)

        height, width = source.plane_shape(plane)
        np.testing.assert_array_equal(source.read(plane, Window(0, 0, height, width)), drawn.image.raw, f"seed {seed}")
        seen += 1
    assert seen >= 10


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_the_slice_on_screen_is_taken_whatever_the_order_of_the_axes(viewer, order):
    stack = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
    image = viewer.add_image(stack, scale=(2, 0.5, 3))
    viewer.dims.order = order
    viewer.dims.set_current_step(order[0], 3)
    source = Sources().of(image)

    plane = plane_on_screen(image, world_of(viewer), source.shape, source.color_axis)

    assert plane == Plane(order[1], order[2], ((order[0], 3),))


def test_a_layer_of_fewer_axes_reads_its_own_slider(viewer):
    viewer.add_image(np.zeros((7, 3, 8, 8)))
    stack = viewer.add_image(np.zeros((3, 8, 8)))
    viewer.dims.set_current_step(0, 6)
    viewer.dims.set_current_step(1, 2)

    plane = plane_on_screen(stack, world_of(viewer), (3, 8, 8), None)

    assert plane == Plane(1, 2, ((0, 2),))


def test_points_of_other_slices_are_left_out_and_counted(viewer):
    image = viewer.add_image(np.zeros((5, 20, 20)))
    points = add_point_layer(viewer, image=image)
    points.add([[2, 4, 4], [3, 5, 5], [2, 50, 5]])

    found = collect_points(points, image, Plane(1, 2, ((0, 2),)), world_of(viewer))

    assert found.points == (PointPrompt(4, 4),)
    assert (found.elsewhere, found.outside) == (1, 1)


def test_points_of_another_time_do_not_count_for_a_picture_without_time(viewer):
    viewer.add_image(np.zeros((5, 20, 20)))
    image = viewer.add_image(np.zeros((20, 20)))
    points = viewer.add_points(np.array([[1, 4, 4], [3, 5, 5]]), ndim=3)
    viewer.dims.set_current_step(0, 3)

    found = collect_points(points, image, Plane(0, 1), world_of(viewer))

    assert found.points == (PointPrompt(5, 5),)


def test_click_lands_on_the_pixel_of_a_scaled_image(viewer):
    image = viewer.add_image(np.zeros((40, 40)), scale=(0.5, 0.5))
    points = add_point_layer(viewer, ndim=2)

    points.add([5.0, 5.0])  # world units, so pixel (10, 10)

    assert collect_points(points, image, Plane(0, 1)).points == (PointPrompt(10, 10),)


def test_units_that_do_not_go_together_are_ignored_as_napari_ignores_them(viewer):
    image = viewer.add_image(np.zeros((20, 20)), units=("micrometer",) * 2)
    points = viewer.add_points(np.array([[3, 4]]), ndim=2)  # pixels

    found = collect_points(points, image, Plane(0, 1), world_of(viewer))

    assert found.points == (PointPrompt(3, 4),)


def test_a_nanometre_is_a_thousandth_of_a_micrometre(viewer):
    image = viewer.add_image(np.zeros((20, 20)), units=("micrometer",) * 2)
    points = viewer.add_points(np.array([[3000, 4000]]), ndim=2, units=("nanometer",) * 2)

    found = collect_points(points, image, Plane(0, 1), world_of(viewer))

    assert [point.pixel for point in found.points] == [(3, 4)]
