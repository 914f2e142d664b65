"""The group `Export and import` as a user has it: each control, what it writes and reads, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLineEdit, QMessageBox, QVBoxLayout, QWidget

from napari_sam3_assistant.app import runtime as runtimes
from napari_sam3_assistant.app.masking.controller import MaskController
from napari_sam3_assistant.app.masking.exporting import Exporting
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.export.annotated import Annotated, LabelClass, Meaning
from napari_sam3_assistant.export.exports import EXPORTS, export_masks, import_masks, with_suffix
from napari_sam3_assistant.layers.marks import REJECTED, Mark, mark_objects
from napari_sam3_assistant.widgets.bind import Bindings, on_main
from napari_sam3_assistant.widgets.masks import export_group
from napari_sam3_assistant.widgets.masks.export_dialog import Answer, ask_replace, filters
from napari_sam3_assistant.widgets.masks.export_group import ExportGroup
from tests.export.test_exports import cells

LEFT = Qt.MouseButton.LeftButton


class Window(QWidget):
    """A window with the group alone, and the hands of a user."""

    def __init__(self, viewer, masks: MaskController, qtbot) -> None:
        super().__init__()
        self.viewer, self.masks, self.qtbot = viewer, masks, qtbot
        self.verbs, self.bindings = Exporting(masks.desk, masks.final), Bindings()
        self.group = ExportGroup(self.verbs, masks.state, self.bindings)
        QVBoxLayout(self).addWidget(self.group)

    def press(self, button) -> str:
        """Press a button, wait until nothing goes on, and return what is said."""
        self.qtbot.mouseClick(button, LEFT)
        self.qtbot.waitUntil(lambda: not self.masks.state.busy, timeout=10_000)
        self.qtbot.wait(1)
        return self.masks.state.message

    def choose(self, box: QComboBox, text: str) -> None:
        """Choose an entry of a combo box, once it is drawn."""
        self.qtbot.wait(2)
        index = next(k for k in range(box.count()) if box.itemText(k).startswith(text))
        box.setCurrentIndex(index)
        box.activated.emit(index)
        self.qtbot.wait(1)

    def write_to(self, path: Path) -> None:
        """Type a path."""
        self.group.path.clear()
        self.qtbot.keyClicks(self.group.path, str(path))
        self.group.path.editingFinished.emit()


@pytest.fixture
def window(make_napari_viewer_proxy, qtbot, qapp):
    viewer, runtime = make_napari_viewer_proxy(), runtimes.acquire()
    on_main(lambda: None)
    masks = MaskController(viewer, MaskState(), runtime, on_main)
    made = Window(viewer, masks, qtbot)
    made.resize(360, 330)
    qtbot.addWidget(made)
    yield made
    made.bindings.close()
    masks.close()
    runtimes.release()


def test_each_format_is_written_where_the_path_says(window, tmp_path):
    window.viewer.add_labels(cells(np.int32), name="cells")
    window.choose(window.group.layer, "cells")
    window.write_to(tmp_path / "made")

    for kind, one in EXPORTS.items():
        window.choose(window.group.format, one.title)
        said = window.press(window.group.export)

        path = with_suffix(tmp_path / "made", kind)
        assert window.group.path.text() == str(path)
        assert said == f"Exported mask 'cells' to {path}"
        assert window.group.purpose.text() == one.purpose
        if kind != "csv":
            (found,) = import_masks(path, shape=(40, 60))
            np.testing.assert_array_equal(found.labels > 0, cells() > 0)


def test_without_a_path_or_an_output_it_is_said_what_to_do(window, tmp_path):
    window.viewer.add_labels(cells(), name="cells")
    window.qtbot.wait(1)
    group = window.group

    assert not group.export.isEnabled()
    assert group.export.toolTip() == ("Output layer was not found. Merge first or choose an existing output name.")
    assert group.layer.currentText() == "Output layer: none yet"
    window.verbs.export()
    assert window.masks.state.message == group.export.toolTip()
    window.choose(group.layer, "cells")
    assert window.press(group.export).startswith("Choose an export path first.")
    assert window.masks.state.failed


def test_merge_and_export_writes_what_was_merged_with_its_classes(window, tmp_path):
    for name, value, rows in (("nuclei", 1, slice(0, 5)), ("axons", 2, slice(10, 20))):
        labels = np.zeros((30, 30), np.uint8)
        labels[rows, 5:15] = value
        layer = window.viewer.add_labels(labels, name=name, scale=(0.5, 0.5), units="um")
        layer.metadata = {"class_name": name, "class_value": value}
    final = window.masks.final
    final.refresh()
    assert not window.group.merge.isEnabled()
    final.picked.choose([item.identity for item in window.masks.state.layers])
    window.choose(window.group.format, "COCO")
    window.write_to(tmp_path / "final")

    said = window.press(window.group.merge)
    window.qtbot.waitUntil(lambda: window.masks.state.message.startswith("Exported"), timeout=10_000)

    assert window.masks.state.message == f"Exported mask 'final_training_mask' to {tmp_path / 'final.json'}", said
    found = json.loads((tmp_path / "final.json").read_text())
    assert [one["name"] for one in found["categories"]] == ["nuclei", "axons"]
    assert [one["area"] for one in found["annotations"]] == [50, 100]
    assert found["info"]["napari_sam3_assistant"]["scale"] == [0.5, 0.5]
    assert window.group.layer.itemText(0) == "Output layer: final_training_mask"
    assert window.group.export.isEnabled()


def test_labels_mean_objects_or_classes(window, tmp_path):
    window.viewer.add_labels(cells(), name="cells")
    group = window.group
    window.choose(group.layer, "cells")
    assert not group.meaning.isEnabled()
    window.choose(group.format, "COCO")
    window.write_to(tmp_path / "objects")
    window.press(group.export)

    assert group.meaning.currentText() == "Objects"
    window.choose(group.meaning, "Classes")
    window.write_to(tmp_path / "classes")
    window.press(group.export)

    counts = [
        len(json.loads((tmp_path / f"{name}.json").read_text())["annotations"]) for name in ("objects", "classes")
    ]
    assert counts == [3, 4]


def test_a_semantic_mask_is_one_of_classes_unasked(window):
    layer = window.viewer.add_labels(cells(), name="cells", metadata={"merge_mode": "semantic"})
    window.choose(window.group.layer, "cells")

    assert window.verbs.meaning is Meaning.CLASSES
    layer.metadata = {"merge_mode": "instance"}
    assert window.verbs.meaning is Meaning.OBJECTS


def test_a_class_mask_that_kept_the_numbers_of_objects_is_one_of_objects_unasked(window):
    facts = {"sam3_role": "class_working_mask", "merge_conversion": "Preserve source label values"}
    layer = window.viewer.add_labels(cells(), name="cells", metadata=facts)
    window.choose(window.group.layer, "cells")

    assert window.verbs.meaning is Meaning.OBJECTS
    layer.metadata = {"sam3_role": "class_working_mask"}
    assert window.verbs.meaning is Meaning.CLASSES


@pytest.mark.parametrize(("second", "named"), [("nucleus", "nucleus"), ("axon", "object")])
def test_objects_of_a_binary_mask_have_a_class_if_all_have_the_same(window, tmp_path, second, named):
    told = [{"class_name": "nucleus", "class_value": 1}, {"class_name": second, "class_value": 1}]
    facts = {"merge_mode": "binary", "classes": told}
    window.viewer.add_labels((cells() > 0).astype(np.uint8), name="cells", metadata=facts)
    window.choose(window.group.layer, "cells")
    window.choose(window.group.format, "COCO")
    window.write_to(tmp_path / "m")

    window.press(window.group.export)

    assert [one["name"] for one in json.loads((tmp_path / "m.json").read_text())["categories"]] == [named]


def test_a_binary_class_mask_is_exported_as_its_class(window, tmp_path):
    facts = {"sam3_role": "class_working_mask", "merge_conversion": "Binary output"}
    facts |= {"class_name": "myelin", "class_value": 2}
    window.viewer.add_labels((cells() > 0).astype(np.uint8), name="cells", metadata=facts)
    window.choose(window.group.layer, "cells")
    window.choose(window.group.format, "COCO")
    window.write_to(tmp_path / "m")

    window.press(window.group.export)

    found = json.loads((tmp_path / "m.json").read_text())
    assert [(one["id"], one["name"]) for one in found["categories"]] == [(2, "myelin")]


def test_a_file_that_is_there_is_asked_about(window, tmp_path, monkeypatch):
    window.viewer.add_labels(cells(), name="cells")
    window.choose(window.group.layer, "cells")
    window.write_to(tmp_path / "m.npy")
    (tmp_path / "m.npy").write_text("mine")
    asked = []

    def answer(answer):
        monkeypatch.setattr(export_group, "ask_replace", lambda parent, path: asked.append(path) or answer)
        return window.press(window.group.export)

    window.choose(window.group.format, "NumPy")
    answer(Answer.CANCEL)
    assert (tmp_path / "m.npy").read_text() == "mine"
    assert answer(Answer.NUMBER).endswith("m_01.npy")
    assert (tmp_path / "m.npy").read_text() == "mine"
    window.write_to(tmp_path / "m.npy")
    answer(Answer.REPLACE)

    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), cells())
    assert asked == [tmp_path / "m.npy"] * 3


@pytest.mark.parametrize("answer", list(Answer))
def test_the_question_has_three_answers(qtbot, monkeypatch, tmp_path, answer):
    def press(box):
        assert box.text() == "m.npy is there already."
        texts = {one.text().replace("&", ""): one for one in box.buttons()}
        texts[answer.value].click()

    monkeypatch.setattr(QMessageBox, "exec", press)

    assert ask_replace(None, tmp_path / "m.npy") is answer


def test_browse_asks_for_a_path_and_its_ending_chooses_the_format(window, tmp_path, monkeypatch):
    seen = []

    def chosen(parent, title, start, filters, options):
        seen.append((title, filters))
        return str(tmp_path / "outlines.geojson"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", chosen)

    window.press(window.group.browse)

    assert window.group.path.text() == str(tmp_path / "outlines.geojson")
    assert window.group.format.currentText() == "GeoJSON (QuPath)"
    ((title, shown),) = seen
    assert title == "Export mask"
    assert shown.startswith("Masks (*.tif *.tiff *.png *.npy ")
    assert filters() == shown


def test_import_makes_a_layer_on_the_picture_with_names_of_classes(window, tmp_path, monkeypatch):
    image = window.viewer.add_image(np.zeros((40, 60)), name="cells", scale=(2, 3), translate=(5, 7))
    masks = Annotated(cells(), picture="cells.tif", classes={1: LabelClass("nucleus", 2)})
    paths = [export_masks(masks, tmp_path / name) for name in ("m.json", "m.geojson", "m.txt", "m.tif")]
    (tmp_path / "bad.json").write_text("{}")
    chosen = [str(path) for path in [*paths, tmp_path / "bad.json"]]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (chosen, ""))

    said = window.press(window.group.read)

    layers = [window.viewer.layers[path.name] for path in paths]
    for layer in layers:
        np.testing.assert_array_equal(layer.data > 0, cells() > 0)
        np.testing.assert_array_equal(layer.translate, image.translate)
        np.testing.assert_array_equal(layer.scale, image.scale)
    assert dict(zip(layers[0].features["index"], layers[0].features["class_name"], strict=True)) == {
        1: "nucleus",
        3: "object",
        7: "object",
    }
    assert said.startswith("Imported m.json, m.geojson, m.txt and 1 more.")
    assert "bad.json is JSON, but not COCO." in said
    assert window.masks.state.failed


def test_import_folder_reads_ome_zarr(window, tmp_path, monkeypatch):
    path = export_masks(Annotated(cells()), tmp_path / "m.ome.zarr")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(path))

    assert window.press(window.group.read_folder) == "Imported m.ome.zarr."
    np.testing.assert_array_equal(window.viewer.layers["m.ome.zarr"].data, cells())


def test_nothing_chosen_imports_nothing(window, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")

    window.press(window.group.read)

    assert window.press(window.group.read_folder) == "Ready"
    assert len(window.viewer.layers) == 0


def test_a_layer_that_covers_a_part_of_a_picture_is_exported_where_it_lies(window, tmp_path):
    window.viewer.add_image(np.zeros((300, 400)), name="slide", scale=(2, 2))
    window.viewer.add_labels(cells(), name="part", scale=(2, 2), translate=(200, 400))
    window.choose(window.group.layer, "part")
    window.choose(window.group.format, "COCO")
    window.write_to(tmp_path / "part")

    window.press(window.group.export)

    (found,) = import_masks(tmp_path / "part.json")
    assert found.labels.shape == (300, 400)
    np.testing.assert_array_equal(found.labels[100:140, 200:260], cells())
    assert found.picture == "slide"


@pytest.mark.parametrize("kind", ["tiff", "png", "npy", "zarr"])
def test_a_file_of_pixels_has_the_size_of_the_picture(window, tmp_path, kind):
    window.viewer.add_image(np.zeros((300, 400)), name="slide", scale=(2, 2))
    window.viewer.add_labels(cells(), name="part", scale=(2, 2), translate=(200, 400))
    window.choose(window.group.layer, "part")
    window.choose(window.group.format, EXPORTS[kind].title)
    window.write_to(tmp_path / "part")

    window.press(window.group.export)

    (found,) = import_masks(with_suffix(tmp_path / "part", kind))
    assert found.labels.shape == (300, 400)
    np.testing.assert_array_equal(found.labels[100:140, 200:260], cells())
    assert found.labels.astype(int).sum() == cells().astype(int).sum()


def test_a_file_of_a_part_of_a_large_picture_holds_the_part(window, tmp_path):
    window.viewer.add_image(np.zeros((4097, 70), np.uint8), name="slide")
    window.viewer.add_labels(cells(), name="part", translate=(100, 5))
    window.choose(window.group.layer, "part")
    window.write_to(tmp_path / "part.tif")

    window.press(window.group.export)

    (found,) = import_masks(tmp_path / "part.tif")
    assert (found.labels.shape, found.place.offset) == ((40, 60), (100, 5))


def test_a_file_without_a_size_is_read_for_the_picture_under_the_selected_part(window, tmp_path):
    window.viewer.add_image(np.zeros((300, 400)), name="slide", scale=(2, 2))
    window.viewer.add_labels(cells(), name="part", scale=(2, 2), translate=(200, 400))
    window.choose(window.group.layer, "part")
    window.choose(window.group.format, "YOLO")
    window.write_to(tmp_path / "part")
    window.press(window.group.export)

    window.verbs.import_files([tmp_path / "part.txt"])
    window.qtbot.waitUntil(lambda: not window.masks.state.busy, timeout=10_000)

    layer = window.viewer.layers["part.txt"]
    assert layer.data.shape == (300, 400)
    assert tuple(layer.scale) == (2, 2)
    np.testing.assert_array_equal(layer.data[100:140, 200:260] > 0, cells() > 0)


def test_lazy_and_multiscale_layers_are_exported_at_full_resolution(window, tmp_path):
    window.viewer.add_labels(da.from_array(cells(), chunks=16), name="lazy")
    window.viewer.add_labels([cells(), cells()[::2, ::2]], name="pyramid", multiscale=True)

    for name in ("lazy", "pyramid"):
        window.choose(window.group.layer, name)
        window.write_to(tmp_path / f"{name}.tif")
        assert window.press(window.group.export).startswith("Exported"), window.masks.state.message
        (found,) = import_masks(tmp_path / f"{name}.tif")
        np.testing.assert_array_equal(found.labels, cells())


def test_classes_of_objects_are_taken_from_features(window, tmp_path):
    layer = window.viewer.add_labels(cells(), name="cells")
    layer.features = {"index": [1, 3], "class_name": ["nucleus", ""], "class_value": [4, 0]}
    layer.metadata = {"class_name": "cell", "class_value": 2}
    window.choose(window.group.layer, "cells")
    window.choose(window.group.format, "COCO")
    window.write_to(tmp_path / "m")

    window.press(window.group.export)

    found = json.loads((tmp_path / "m.json").read_text())
    assert {one["id"]: one["name"] for one in found["categories"]} == {2: "cell", 4: "nucleus"}
    assert [one["category_id"] for one in found["annotations"]] == [4, 2, 2]


def test_rejected_objects_are_left_out_of_lists_of_objects_and_stay_in_pixels(window, tmp_path):
    layer = window.viewer.add_labels(cells(), name="cells")
    mark_objects(layer, {3: Mark(REJECTED)}, (1, 2, 3))
    window.choose(window.group.layer, "cells")
    window.choose(window.group.format, "COCO")
    window.write_to(tmp_path / "m")

    said = window.press(window.group.export)

    assert said == f"Exported mask 'cells' to {tmp_path / 'm.json'}. 1 rejected object(s) left out."
    found = json.loads((tmp_path / "m.json").read_text())
    assert 3 not in [one["label"] for one in found["annotations"]]
    window.choose(window.group.format, "TIFF")
    assert window.press(window.group.export) == f"Exported mask 'cells' to {tmp_path / 'm.tif'}"
    (whole,) = import_masks(tmp_path / "m.tif")
    np.testing.assert_array_equal(whole.labels, cells())


def test_a_layer_without_objects_is_exported_with_a_word_about_it(window, tmp_path):
    window.viewer.add_labels(np.full((8, 8), -3, np.int32), name="below")
    window.choose(window.group.layer, "below")
    window.choose(window.group.format, "COCO")
    window.write_to(tmp_path / "m")

    said = window.press(window.group.export)

    assert said == f"Exported mask 'below' to {tmp_path / 'm.json'}. There is no object in it."


def test_a_folder_that_is_not_there_is_said(window, tmp_path):
    window.viewer.add_labels(cells(), name="cells")
    window.choose(window.group.layer, "cells")
    window.write_to(tmp_path / "gone" / "m.tif")

    said = window.press(window.group.export)

    assert said == (f"There is no folder {tmp_path / 'gone'}; m.tif was not saved. Make it, or choose another folder.")
    assert window.masks.state.failed


def test_cancel_leaves_nothing(window, tmp_path, monkeypatch):
    window.viewer.add_labels(np.kron(cells(), np.ones((40, 40), np.uint16)), name="cells")
    window.choose(window.group.layer, "cells")
    window.choose(window.group.format, "GeoJSON")
    window.write_to(tmp_path / "m")

    window.qtbot.mouseClick(window.group.export, LEFT)
    work = window.masks.desk.work.current
    window.masks.cancel()

    window.qtbot.waitUntil(work.future.done, timeout=10_000)
    assert work.future.cancelled() or isinstance(work.future.exception(), Cancelled)
    assert window.masks.state.message.startswith("Cancelled")
    assert list(tmp_path.iterdir()) == []


def test_controls_have_tips_and_names_and_nothing_is_cut_off(window, qtbot):
    window.viewer.add_labels(cells(), name="a layer with quite a long name, as files have them")
    window.show()
    qtbot.waitExposed(window)
    window.choose(window.group.format, "YOLO")
    qtbot.wait(20)
    group = window.group

    texts = {one.text() for one in group.findChildren(QAbstractButton)}
    assert {"Browse", "Merge and Export", "Export Output", "Import..."} <= texts
    assert window.minimumSizeHint().width() <= 360
    kinds = (QAbstractButton, QComboBox, QLineEdit)
    for control in (one for kind in kinds for one in group.findChildren(kind)):
        assert control.toolTip()
        assert control.width() >= control.minimumSizeHint().width()
