"""Accepting, merging by class and the final merge without their widget: a real viewer, real layers, the real worker."""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_sam3_assistant.app.masking import several
from napari_sam3_assistant.app.masking.accepting import SaveMode
from napari_sam3_assistant.app.masking.final import Mode
from napari_sam3_assistant.app.masking.merging import Become
from napari_sam3_assistant.app.masking.work import WORKER
from napari_sam3_assistant.export.annotated import LabelClass, Meaning
from napari_sam3_assistant.export.painting import Imported
from napari_sam3_assistant.layers.class_masks import class_of, is_accepted_object
from napari_sam3_assistant.layers.marks import REJECTED, Mark, mark_layer, mark_objects
from napari_sam3_assistant.layers.mask_files import add_imported
from napari_sam3_assistant.masks.joining import Conversion
from napari_sam3_assistant.masks.scopes import Reach
from napari_sam3_assistant.tasks.jobs import Job, Kind

GEOMETRY = {"scale": (0.5, 0.25), "translate": (3, 4), "rotate": 30.0, "units": ("um", "um"), "axis_labels": ("y", "x")}


def block(top, left, bottom, right, value=1, shape=(12, 16), dtype=np.uint8):
    """Return labels with one rectangle."""
    labels = np.zeros(shape, dtype)
    labels[..., top:bottom, left:right] = value
    return labels


@pytest.fixture
def viewer():
    """A viewer without a window, behind the proxy that napari gives to plugins."""
    return PublicOnlyProxy(ViewerModel())


@pytest.fixture
def masks(viewer, open_masks):
    return open_masks(viewer)


@pytest.fixture
def done(masks, qtbot):
    """Return a function that presses, waits until the operation is done and returns what was said."""

    def done(verb, *arguments) -> str:
        verb(*arguments)
        qtbot.waitUntil(lambda: not masks.state.busy, timeout=10_000)
        return masks.state.message

    return done


@pytest.fixture
def hold(runtime):
    """Hold the worker until the returned event is set."""
    gate = threading.Event()
    runtime.scheduler.submit(Job(WORKER, lambda progress, cancel: gate.wait(10)), session="test", kind=Kind.DECODE)
    yield gate
    gate.set()


def accepted(viewer, data, name, class_name="cell", value=1, **geometry):
    """Add a layer as an accepted object of earlier versions."""
    facts = {"sam3_role": "accepted_object", "class_name": class_name, "class_value": value}
    return viewer.add_labels(data, name=name, metadata=facts, **geometry)


def choose(picked, *layers):
    picked.choose(str(layer.unique_id) for layer in layers)


def listed(picked):
    return [one.name for one in picked.state.rows]


# -- Accepted Objects -------------------------------------------------------------------------------


def test_previews_are_offered_and_where_there_is_none_every_labels_layer(viewer, masks):
    viewer.add_labels(block(1, 1, 3, 3), name="cells")
    assert [one.name for one in masks.accepting.state.sources] == ["cells"]

    layer = viewer.add_labels(block(1, 1, 3, 3), name="SAM3 Preview labels")

    assert [one.name for one in masks.accepting.state.sources] == ["SAM3 Preview labels"]
    assert masks.accepting.state.source == str(layer.unique_id)


def test_a_preview_is_saved_with_its_geometry_and_what_is_known_of_it(viewer, masks, done):
    viewer.add_image(np.zeros((12, 16)), name="slide")
    source = viewer.add_labels(block(1, 2, 5, 6, value=7), name="preview", **GEOMETRY)
    state = masks.accepting.state
    state.class_name, state.class_value, state.object_name = "myelin", 3, "object_001"

    message = done(masks.accepting.save)

    layer = viewer.layers["myelin_object_001"]
    assert message == "Saved accepted object layer: myelin_object_001"
    np.testing.assert_array_equal(layer.data, block(1, 2, 5, 6, value=3))
    for name in ("scale", "rotate", "shear", "translate"):
        np.testing.assert_allclose(getattr(layer, name), getattr(source, name))
    assert (layer.units, layer.axis_labels) == (source.units, source.axis_labels)
    facts = {key: layer.metadata[key] for key in layer.metadata if key != "class_color"}
    assert facts == {
        "sam3_role": "accepted_object",
        "review_status": "accepted",
        "object_name": "object_001",
        "class_name": "myelin",
        "class_value": 3,
        "instance_kind": "object",
        "source_image_layer": "slide",
        "source_preview_layer": "preview",
        "source_task": "",
        "created_from": "Mask Operations",
        "dimensional_scope": "Whole volume",
        "z_range": None,
        "class_conversion": "Convert all non-zero to class value",
        "source_values": [],
    }
    assert tuple(layer.get_color(3)[:3]) == pytest.approx(layer.metadata["class_color"], abs=0.01)


def test_names_left_empty_are_class_and_that_of_the_source_and_a_second_one_is_numbered(viewer, masks, done):
    viewer.add_labels(block(1, 2, 5, 6), name="preview")

    names = [done(masks.accepting.save).rpartition(": ")[2] for _ in range(3)]

    assert names == ["class_preview", "class_preview 2", "class_preview 3"]


@pytest.mark.parametrize(
    ("conversion", "values", "expected"),
    [
        (Conversion.PRESERVE, "", {2, 5, 9}),
        (Conversion.KEEP, "5; 9", {5, 9}),
        (Conversion.DELETE, "5 9", {2}),
        (Conversion.CLASS, "", {1}),
    ],
)
def test_conversions_keep_the_values_they_say(viewer, masks, done, conversion, values, expected):
    viewer.add_labels(np.array([[0, 2, 5, 9]]), name="preview")
    masks.accepting.state.conversion, masks.accepting.state.values = conversion, values

    done(masks.accepting.save)

    assert set(np.unique(viewer.layers["class_preview"].data)) - {0} == expected


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("", "Enter source label values for this conversion mode, for example: 3,7,12."),
        ("3, x", "Label values must be integers. Invalid value: 'x'"),
    ],
)
def test_values_that_are_missing_or_no_numbers_are_asked_for(viewer, masks, done, values, said):
    viewer.add_labels(block(1, 1, 3, 3), name="preview")
    masks.accepting.state.conversion, masks.accepting.state.values = Conversion.KEEP, values

    assert done(masks.accepting.save).startswith(said)
    assert masks.state.failed
    assert len(viewer.layers) == 1


@pytest.mark.parametrize(
    ("reach", "kept", "told"),
    [(Reach.SLICE, [2], None), (Reach.RANGE, [1, 2], [1, 2]), (Reach.WHOLE, [0, 1, 2, 3], None)],
)
def test_slices_beyond_the_scope_are_empty(viewer, masks, done, reach, kept, told):
    viewer.add_labels(block(1, 1, 3, 3, shape=(4, 6, 6)), name="preview")
    viewer.dims.set_current_step(0, 2)
    masks.accepting.scope.reach, masks.accepting.scope.first, masks.accepting.scope.last = reach, 1, 2

    done(masks.accepting.save)

    layer = viewer.layers["class_preview"]
    assert layer.data.shape == (4, 6, 6)
    assert np.flatnonzero(layer.data.any(axis=(1, 2))).tolist() == kept
    assert (layer.metadata["dimensional_scope"], layer.metadata["z_range"]) == (reach.value, told)


def test_without_a_source_or_a_target_it_is_said_what_to_select(viewer, masks, done):
    assert done(masks.accepting.save).startswith("Select a source preview Labels layer.")
    viewer.add_labels(block(1, 1, 3, 3), name="preview")
    masks.accepting.state.mode = SaveMode.APPEND
    assert done(masks.accepting.save).startswith("Select an accepted target layer for append or replace.")


def test_an_empty_preview_makes_no_layer(viewer, masks, done):
    viewer.add_labels(block(0, 0, 0, 0), name="preview")

    assert done(masks.accepting.save).startswith("There is no object to save in preview.")
    assert len(viewer.layers) == 1


def test_appended_objects_leave_what_is_there_and_can_be_undone(viewer, masks, done):
    target = accepted(viewer, block(0, 0, 4, 4, value=9), "kept")
    viewer.add_labels(block(2, 2, 6, 6), name="preview")
    before = target.data.copy()
    masks.accepting.state.mode, masks.accepting.state.class_value = SaveMode.APPEND, 5

    assert done(masks.accepting.save) == "Updated accepted object layer: kept"
    assert (target.data[3, 3], target.data[5, 5], target.data.dtype) == (9, 5, np.uint8)
    masks.choose(str(target.unique_id))
    done(masks.undo)

    np.testing.assert_array_equal(target.data, before)


def test_a_window_with_an_offset_is_appended_in_its_place_and_the_layer_grows(viewer, masks, done):
    target = accepted(viewer, block(0, 0, 4, 4, value=9), "kept", scale=(2, 2), translate=(10, 10))
    window = np.ones((3, 3), np.uint8)
    preview = viewer.add_labels(window, name="preview", scale=(2, 2), translate=(6, 4))
    masks.accepting.state.mode = SaveMode.APPEND

    done(masks.accepting.save)

    assert target.data.shape == (14, 19)
    np.testing.assert_allclose(target.translate, preview.translate)
    np.testing.assert_array_equal(target.data[:3, :3], 1)
    assert (target.data[2, 3], target.data[1, 3]) == (9, 0)
    np.testing.assert_allclose(target.data_to_world((2, 3)), (10, 10))


def test_a_window_of_one_slice_is_appended_to_a_volume_in_its_slice(viewer, masks, done):
    geometry = {"scale": (2, 0.5, 0.5), "units": ("um", "um", "um")}
    target = accepted(viewer, block(0, 0, 2, 2, value=9, shape=(4, 12, 16)), "kept", translate=(1, 1, 1), **geometry)
    place = target.data_to_world((2, 4, 5))
    viewer.add_labels(np.ones((1, 3, 3), np.uint8), name="preview", translate=place, **geometry)
    expected = target.data.copy()
    expected[2, 4:7, 5:8] = 1
    masks.accepting.state.mode = SaveMode.APPEND

    assert done(masks.accepting.save) == "Updated accepted object layer: kept"
    np.testing.assert_array_equal(target.data, expected)


def test_replacing_on_the_current_slice_leaves_the_others(viewer, masks, done):
    target = accepted(viewer, np.full((3, 6, 6), 9, np.uint8), "kept", "old", 9)
    viewer.add_labels(block(1, 1, 3, 3, shape=(3, 6, 6)), name="preview")
    viewer.dims.set_current_step(0, 1)
    state = masks.accepting.state
    state.mode, state.class_name, state.class_value = SaveMode.REPLACE, "new", 4
    masks.accepting.scope.reach = Reach.SLICE

    done(masks.accepting.save)

    np.testing.assert_array_equal(target.data[1], block(1, 1, 3, 3, value=4, shape=(6, 6)))
    assert (target.data[[0, 2]] == 9).all()
    assert (class_of(target).name, class_of(target).value) == ("new", 4)


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        ({"scale": (2, 1)}, "has pixels of 2 x 1, kept of 1 x 1"),
        ({"rotate": 10.0}, "is rotated against kept"),
        ({"shear": (0.5,)}, "is sheared against kept"),
        ({"scale": (-1, 1)}, "is mirrored against kept"),
        ({"translate": (0.5, 0)}, "lies 0.50 px beside the pixels of kept on axis 0"),
    ],
)
def test_pixels_that_do_not_lie_on_each_other_are_refused_with_the_reason(viewer, masks, done, geometry, said):
    target = accepted(viewer, block(0, 0, 4, 4), "kept")
    viewer.add_labels(block(0, 0, 4, 4), name="preview", **geometry)
    masks.accepting.state.mode = SaveMode.APPEND
    before = target.data.copy()

    assert said in done(masks.accepting.save)
    assert masks.state.failed
    np.testing.assert_array_equal(target.data, before)


def test_layers_of_other_axes_are_refused(viewer, masks, done):
    flat = accepted(viewer, block(0, 0, 4, 4), "flat")
    deep = accepted(viewer, block(0, 0, 4, 4, shape=(2, 12, 16)), "deep")
    choose(masks.merging.picked, flat, deep)

    assert done(masks.merging.merge).startswith("deep has 3 axes, flat has 2.")


def test_a_known_class_brings_its_value(viewer, masks):
    accepted(viewer, block(0, 0, 4, 4), "kept", "myelin", 3)

    masks.accepting.name_class("myelin")

    assert masks.accepting.state.class_value == 3


# -- Class Merge ------------------------------------------------------------------------------------


@pytest.fixture
def pair(viewer):
    """Two accepted objects that overlap by 2 x 2 pixels; the second is the larger one."""
    return accepted(viewer, block(0, 0, 4, 4, value=5), "a"), accepted(viewer, block(2, 2, 9, 9, value=6), "b")


def test_the_list_has_accepted_objects_of_the_class_and_with_the_name(viewer, masks, pair):
    accepted(viewer, block(0, 0, 1, 1), "c", "axon")
    viewer.add_labels(block(0, 0, 1, 1), name="plain")
    state, picked = masks.merging.state, masks.merging.picked

    assert listed(picked) == ["a", "b", "c"]
    state.class_filter = "axon"
    assert listed(picked) == ["c"]
    state.class_filter = "axo"
    assert listed(picked) == []
    state.class_filter, state.layer_filter = "", "B"
    assert listed(picked) == ["b"]
    state.layer_filter, state.all_labels = "", True
    assert listed(picked) == ["a", "b", "c", "plain"]


@pytest.mark.parametrize(
    ("rule", "winner"),
    [
        ("Earlier selected object wins", 5),
        ("Later selected object wins", 6),
        ("Larger component wins", 6),
        ("Smaller component wins", 5),
        ("Set overlap to background", 0),
    ],
)
def test_the_overlap_rule_says_whose_a_shared_pixel_is(viewer, masks, done, pair, rule, winner):
    masks.merging.state.rule, masks.merging.state.become = rule, Become.PRESERVE
    choose(masks.merging.picked, *pair)

    assert done(masks.merging.merge) == ("Merged 2 accepted object layer(s) into class mask: class_working_mask")

    layer = viewer.layers["class_working_mask"]
    assert (layer.data[3, 3], layer.data[0, 0], layer.data[8, 8]) == (winner, 5, 6)


def test_the_order_of_the_list_is_which_one_is_earlier(viewer, masks, done, pair):
    a, b = pair
    masks.merging.state.become = Become.PRESERVE
    choose(masks.merging.picked, a, b)

    masks.merging.picked.order([str(b.unique_id), str(a.unique_id)])
    done(masks.merging.merge)

    assert viewer.layers["class_working_mask"].data[3, 3] == 6
    assert viewer.layers["class_working_mask"].metadata["source_accepted_layers"] == ["b", "a"]


def test_a_merged_class_has_its_value_its_colour_and_what_it_was_made_of(viewer, masks, done, pair):
    choose(masks.merging.picked, *pair)
    masks.merging.state.value, masks.merging.state.class_name = 300, "axon"

    done(masks.merging.merge)

    layer = viewer.layers["class_working_mask"]
    assert set(np.unique(layer.data)) == {0, 300}
    facts = layer.metadata
    assert (facts["sam3_role"], facts["class_name"], facts["class_value"]) == ("class_working_mask", "axon", 300)
    assert (facts["source_accepted_layers"], facts["overlap_rule"]) == (["a", "b"], "earlier_wins")
    assert tuple(layer.get_color(300)[:3]) == pytest.approx(facts["class_color"], abs=0.01)


@pytest.mark.parametrize("value", [2**16 + 1, 2**31 - 1])
def test_values_too_high_for_colours_of_their_own_are_drawn_all_the_same(viewer, masks, done, pair, value):
    choose(masks.merging.picked, *pair)
    masks.merging.state.value = value

    done(masks.merging.merge)

    layer = viewer.layers["class_working_mask"]
    assert int(layer.data.max()) == value
    assert layer.get_color(value) is not None


def test_the_class_of_the_result_is_that_of_the_layers_where_none_is_typed(viewer, masks, done, pair):
    choose(masks.merging.picked, *pair)
    done(masks.merging.merge)
    assert viewer.layers["class_working_mask"].metadata["class_name"] == "cell"


def test_layers_of_a_class_bring_its_value_unless_a_class_is_typed(viewer, masks):
    layer = accepted(viewer, block(0, 0, 4, 4), "kept", "myelin", 3)
    choose(masks.merging.picked, layer)
    assert masks.merging.state.value == 3

    masks.merging.state.class_name, masks.merging.state.value = "axon", 5
    choose(masks.merging.picked)
    choose(masks.merging.picked, layer)

    assert masks.merging.state.value == 5


def test_binary_output_is_one_in_8_bits(viewer, masks, done, pair):
    masks.merging.state.become = Become.BINARY
    choose(masks.merging.picked, *pair)
    done(masks.merging.merge)
    data = viewer.layers["class_working_mask"].data
    assert (data.dtype, set(np.unique(data))) == (np.uint8, {0, 1})


def test_binary_output_leaves_the_value_of_the_class_as_it_is(viewer, masks, done):
    layer = accepted(viewer, block(0, 0, 4, 4, value=9), "a", "myelin", 2)
    choose(masks.merging.picked, layer)
    masks.merging.state.become = Become.BINARY

    done(masks.merging.merge)

    assert class_of(viewer.layers["class_working_mask"]).value == 2
    assert masks.classes.find("myelin").value == 2


def test_windows_with_offsets_are_merged_where_they_lie(viewer, masks, done):
    geometry = {"scale": (0.5, 0.25), "rotate": 30.0}
    base = accepted(viewer, np.ones((4, 4), np.uint8), "a", **geometry)
    world = base.data_to_world((2, -3))
    other = accepted(viewer, np.full((4, 4), 2, np.uint8), "b", **geometry, translate=world)
    masks.merging.state.become = Become.PRESERVE
    choose(masks.merging.picked, base, other)

    done(masks.merging.merge)

    layer = viewer.layers["class_working_mask"]
    assert layer.data.shape == (6, 7)
    np.testing.assert_allclose(layer.data_to_world((0, 3)), base.data_to_world((0, 0)), atol=1e-9)
    assert (layer.data[0, 3], layer.data[2, 0], layer.data[2, 3]) == (1, 2, 1)


def test_units_that_differ_in_name_alone_are_brought_together(viewer, masks, done):
    base = accepted(viewer, np.ones((4, 4), np.uint8), "a", scale=(0.5, 0.5), units=("um", "um"))
    other = accepted(viewer, np.ones((4, 4), np.uint8), "b", scale=(500, 500), translate=(0, 2000), units=("nm", "nm"))
    choose(masks.merging.picked, base, other)

    done(masks.merging.merge)

    assert viewer.layers["class_working_mask"].data.shape == (4, 8)


def test_rejected_objects_leave_the_list(viewer, masks, done, pair):
    a, b = pair
    choose(masks.merging.picked, a)

    message = done(masks.merging.reject)

    assert message.startswith("Rejected 1 accepted object layer(s); they will be excluded from merge.")
    assert listed(masks.merging.picked) == ["b"]
    assert (a.metadata["sam3_role"], a.metadata["review_status"]) == ("rejected_object", "rejected")
    assert is_accepted_object(b)
    masks.merging.state.all_labels = True
    assert listed(masks.merging.picked) == ["b"]


def test_nothing_selected_and_nothing_in_it_are_said(viewer, masks, done):
    empty = accepted(viewer, block(0, 0, 0, 0), "a")
    assert done(masks.merging.merge).startswith("Select at least one accepted-object layer.")
    assert done(masks.merging.reject).startswith("Select at least one accepted-object layer.")
    choose(masks.merging.picked, empty)
    assert done(masks.merging.merge).startswith("No accepted object data found to merge.")
    assert len(viewer.layers) == 1


def test_lazy_and_multiscale_layers_are_merged_at_full_resolution(viewer, masks, done):
    lazy = accepted(viewer, da.from_array(block(0, 0, 4, 4)), "a")
    data = block(2, 2, 9, 9, value=6)
    pyramid = accepted(viewer, [data, data[::2, ::2]], "b", multiscale=True)
    masks.merging.state.become = Become.PRESERVE
    choose(masks.merging.picked, lazy, pyramid)

    done(masks.merging.merge)

    layer = viewer.layers["class_working_mask"]
    assert (layer.data.shape, layer.data[0, 0], layer.data[8, 8]) == ((12, 16), 1, 6)


def test_a_result_that_memory_does_not_hold_is_refused(viewer, masks, done, pair, monkeypatch):
    monkeypatch.setattr(several, "memory_bytes", lambda: 1000)
    choose(masks.merging.picked, *pair)

    assert "would take" in done(masks.merging.merge)
    assert len(viewer.layers) == 2


def test_a_layer_painted_meanwhile_stops_the_merge(viewer, masks, qtbot, hold, pair):
    a, b = pair
    choose(masks.merging.picked, a, b)
    masks.merging.merge()

    b.data_setitem((np.array([0]), np.array([0])), 3)
    hold.set()
    qtbot.waitUntil(lambda: not masks.state.busy)

    assert masks.state.message.startswith("b was changed meanwhile.")
    assert len(viewer.layers) == 2


def test_a_layer_moved_or_removed_meanwhile_stops_the_merge(viewer, masks, qtbot, hold, pair):
    a, b = pair
    choose(masks.merging.picked, a, b)
    masks.merging.merge()
    b.translate = (1, 1)
    hold.set()
    qtbot.waitUntil(lambda: not masks.state.busy)
    assert masks.state.message.startswith("b was changed meanwhile.")

    masks.merging.merge()
    viewer.layers.remove(b)
    qtbot.waitUntil(lambda: not masks.state.busy)

    assert masks.state.message.startswith("b was removed meanwhile.")
    assert len(viewer.layers) == 1


def test_cancel_leaves_no_layer_and_nothing_listens_any_more(viewer, masks, qtbot, hold, pair):
    a, b = pair
    before = [len(layer.events.data.callbacks) for layer in pair]
    choose(masks.merging.picked, a, b)
    masks.merging.merge()
    assert masks.state.busy == "Merging..."

    masks.cancel()

    assert not masks.state.busy
    hold.set()
    assert [len(layer.events.data.callbacks) for layer in pair] == before
    assert len(viewer.layers) == 2


def test_an_output_name_that_is_taken_is_numbered_and_the_selection_stays(viewer, masks, done, pair):
    viewer.layers.selection.active = pair[0]
    choose(masks.merging.picked, *pair)
    done(masks.merging.merge)

    message = done(masks.merging.merge)

    assert message.endswith(": class_working_mask 2")
    assert viewer.layers.selection.active == pair[0]
    assert str(viewer.layers[-1].name) == "class_working_mask 2"


# -- Final Merge ------------------------------------------------------------------------------------


@pytest.fixture
def classes(viewer):
    """Two class masks that overlap by 2 x 2 pixels, and the first holds two objects."""
    first = block(0, 0, 4, 4, value=1)
    first[10:12, 0:2] = 1
    a = accepted(viewer, first, "a", "axon", 1)
    return a, accepted(viewer, block(2, 2, 9, 9, value=2), "b", "myelin", 2)


def test_the_class_that_is_ranked_first_wins(viewer, masks, done, classes):
    choose(masks.final.picked, *classes)
    assert masks.final.priority() == ("axon", "myelin")
    done(masks.final.merge)
    assert viewer.layers["final_training_mask"].data[3, 3] == 1

    masks.final.rank(("myelin", "axon"))
    done(masks.final.merge)

    assert masks.final.priority() == ("myelin", "axon")
    layer = viewer.layers["final_training_mask 2"]
    assert layer.data[3, 3] == 2
    assert layer.metadata["overlap_rule"] == "class_priority"


@pytest.mark.parametrize(
    ("rule", "winner"),
    [
        ("Earlier selected layer wins", 1),
        ("Later selected layer wins", 2),
        ("Larger component wins", 2),
        ("Smaller component wins", 1),
        ("Set overlap to background", 0),
    ],
)
def test_the_rule_of_the_final_merge_says_whose_a_shared_pixel_is(viewer, masks, done, classes, rule, winner):
    masks.final.state.rule = rule
    choose(masks.final.picked, *classes)

    message = done(masks.final.merge)

    assert message == "Merged 2 class mask layer(s) into final mask: final_training_mask"
    assert viewer.layers["final_training_mask"].data[3, 3] == winner


def test_a_semantic_mask_has_the_colours_of_its_classes(viewer, masks, done, classes):
    masks.classes.paint("myelin", 2, (0.2, 0.4, 0.6))
    choose(masks.final.picked, *classes)

    done(masks.final.merge)

    layer = viewer.layers["final_training_mask"]
    assert tuple(layer.get_color(2)[:3]) == pytest.approx((0.2, 0.4, 0.6), abs=0.01)
    assert [one["class_name"] for one in layer.metadata["classes"]] == ["axon", "myelin"]


@pytest.mark.parametrize("become", [Become.PRESERVE, Become.BINARY])
def test_a_semantic_mask_holds_classes_where_the_class_masks_hold_objects(viewer, masks, done, become):
    numbered = block(0, 0, 4, 4, value=2)
    numbered[10:12, 0:2] = 3
    objects = accepted(viewer, numbered, "a", "axon", 1), accepted(viewer, block(5, 5, 9, 9), "b", "myelin", 2)
    masks.merging.state.become = become
    for layer in objects:
        choose(masks.merging.picked, layer)
        done(masks.merging.merge)
    choose(masks.final.picked, viewer.layers["class_working_mask"], viewer.layers["class_working_mask 2"])

    done(masks.final.merge)

    data = viewer.layers["final_training_mask"].data
    assert (data[0, 0], data[11, 0], data[6, 6]) == (1, 1, 2)


def test_a_semantic_mask_holds_the_class_of_an_accepted_object_that_kept_its_numbers(viewer, masks, done):
    viewer.add_labels(block(0, 0, 4, 4, value=7), name="preview")
    masks.accepting.name_class("myelin")
    masks.accepting.state.class_value, masks.accepting.state.conversion = 2, Conversion.PRESERVE
    done(masks.accepting.save)
    choose(masks.final.picked, viewer.layers["myelin_preview"])

    done(masks.final.merge)

    assert viewer.layers["final_training_mask"].data[0, 0] == 2


def test_instances_are_numbered_and_say_their_class(viewer, masks, done, classes):
    masks.final.state.mode = Mode.INSTANCE
    choose(masks.final.picked, *classes)

    message = done(masks.final.merge)

    layer = viewer.layers["final_training_mask"]
    assert message.endswith("final_training_mask (3 objects)")
    assert (layer.data[0, 0], layer.data[11, 0], layer.data[8, 8]) == (1, 2, 3)
    assert layer.metadata["merge_mode"] == "instance"
    assert layer.metadata["classes"] == [
        {"class_name": "axon", "class_value": 1, "first": 1, "last": 2},
        {"class_name": "myelin", "class_value": 2, "first": 3, "last": 3},
    ]


def test_a_binary_mask_is_one_in_8_bits(viewer, masks, done, classes):
    masks.final.state.mode = Mode.BINARY
    choose(masks.final.picked, *classes)
    done(masks.final.merge)
    data = viewer.layers["final_training_mask"].data
    assert (data.dtype, set(np.unique(data))) == (np.uint8, {0, 1})


def test_the_final_mask_and_the_overlap_map_lie_where_the_masks_do(viewer, masks, done):
    geometry = {"scale": (0.5, 0.25), "rotate": 30.0, "translate": (7, 8), "units": ("um", "um")}
    pair = [accepted(viewer, block(0, 0, 4, 4), name, **geometry) for name in "ab"]
    choose(masks.final.picked, *pair)

    done(masks.final.merge)
    assert done(masks.final.show_overlap) == "Created overlap map 'SAM3 overlap map' from 2 layer(s)."

    for name in ("final_training_mask", "SAM3 overlap map"):
        layer = viewer.layers[name]
        np.testing.assert_allclose(layer.data_to_world((3, 5)), pair[0].data_to_world((3, 5)))
        assert layer.units == pair[0].units
    counts = viewer.layers["SAM3 overlap map"]
    assert (counts.data.dtype, counts.data.max(), counts.data[5, 5]) == (np.uint16, 2, 0)
    assert counts.metadata["sam3_role"] == "overlap_map"
    assert counts.metadata["source_layers"] == ["a", "b"]
    assert "SAM3 overlap map" not in listed(masks.final.picked)


def test_no_overlap_and_too_few_layers_are_said(viewer, masks, done):
    a, b = (accepted(viewer, block(at, at, at + 2, at + 2), name) for at, name in ((0, "a"), (5, "b")))
    assert done(masks.final.merge).startswith("Select at least one class mask layer.")
    choose(masks.final.picked, a)
    assert done(masks.final.show_overlap).startswith("Select at least two label layers to show overlap.")
    choose(masks.final.picked, a, b)
    assert done(masks.final.show_overlap) == "No overlap found in the selected label layers."
    assert len(viewer.layers) == 2


def test_classes_of_one_value_are_remarked_on(viewer, masks, done):
    pair = [accepted(viewer, block(0, 0, 4, 4), name, name, 1) for name in ("axon", "myelin")]
    choose(masks.final.picked, *pair)
    assert "axon and myelin share the value 1: give them different values" in done(masks.final.merge)


def test_merging_can_go_on_with_the_new_layer(viewer, masks, qtbot, classes):
    choose(masks.final.picked, *classes)
    found = []

    masks.final.merge(found.append)
    qtbot.waitUntil(lambda: bool(found))

    assert found[0] == viewer.layers["final_training_mask"] == masks.final.output()
    found[0].name = "mine"
    assert masks.final.output() is None


def test_a_colour_is_that_of_all_layers_of_the_class(viewer, masks, done):
    viewer.add_labels(block(1, 2, 5, 6), name="preview")
    masks.accepting.state.class_name = "axon"
    done(masks.accepting.save)

    masks.classes.paint("axon", 1, (0.2, 0.4, 0.6))

    layer = viewer.layers["axon_preview"]
    assert tuple(layer.get_color(1)[:3]) == pytest.approx((0.2, 0.4, 0.6), abs=0.01)
    assert layer.metadata["class_color"] == (0.2, 0.4, 0.6)


@pytest.mark.parametrize("mode", list(SaveMode))
def test_rejected_objects_are_not_accepted(viewer, masks, done, mode):
    target = accepted(viewer, block(8, 8, 12, 12, value=5), "b")
    data = block(0, 0, 4, 4, value=1)
    data[10:12, 0:2] = 2
    source = viewer.add_labels(data, name="a preview")
    mark_objects(source, {2: Mark(REJECTED)}, (1, 2))
    state = masks.accepting.state
    state.mode, state.target = mode, str(target.unique_id)

    said = done(masks.accepting.save)

    layer = target if mode is not SaveMode.NEW else viewer.layers[-1]
    assert said.endswith(". 1 rejected object(s) left out.")
    assert (layer.data[0, 0], layer.data[10, 0]) == (1, 0)


def test_a_layer_that_is_appended_to_keeps_how_its_values_are_meant(viewer, masks, done):
    target = accepted(viewer, block(8, 8, 12, 12, value=1), "b")
    viewer.add_labels(block(0, 0, 4, 4, value=3), name="a preview")
    state = masks.accepting.state
    state.mode, state.target, state.conversion = SaveMode.APPEND, str(target.unique_id), Conversion.PRESERVE

    done(masks.accepting.save)
    choose(masks.final.picked, target)
    done(masks.final.merge)

    assert set(np.unique(viewer.layers["final_training_mask"].data)) == {0, 1, 3}


@pytest.mark.parametrize(("meaning", "values"), [(Meaning.OBJECTS, {0, 7}), (Meaning.CLASSES, {0, 1, 2})])
def test_imported_objects_of_one_class_have_its_value_in_a_semantic_mask(viewer, masks, done, meaning, values):
    labels = block(0, 0, 4, 4, value=1)
    labels[10:12, 0:2] = 2
    cell = LabelClass("cell", 7)
    layer = add_imported(viewer, Imported(labels, classes={1: cell, 2: cell}, meaning=meaning), "cells")
    masks.final.refresh()
    choose(masks.final.picked, layer)

    done(masks.final.merge)

    assert set(np.unique(viewer.layers["final_training_mask"].data)) == values


def test_rejected_objects_and_masks_stay_out_of_merges(viewer, masks, done):
    data = block(0, 0, 4, 4, value=1)
    data[10:12, 0:2] = 2
    layer = accepted(viewer, data, "a", "axon", 1)
    mark_objects(layer, {2: Mark(REJECTED)}, (1, 2))
    masks.merging.state.become = Become.PRESERVE
    choose(masks.merging.picked, layer)
    choose(masks.final.picked, layer)

    said = done(masks.merging.merge), done(masks.final.merge)

    assert all(one.endswith(". 1 rejected object(s) left out.") for one in said)
    for name in ("class_working_mask", "final_training_mask"):
        assert set(np.unique(viewer.layers[name].data)) == {0, 1}
    assert (data == 2).any()
    mark_layer(viewer.layers["class_working_mask"], Mark(REJECTED))
    masks.final.refresh()
    assert "class_working_mask" not in listed(masks.final.picked)
