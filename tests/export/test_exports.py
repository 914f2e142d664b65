"""Every format of the table: there and back, as other programs read it, and where the disk does not play along."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from shapely.geometry import shape as shapely_shape

from napari_sam3_assistant.core.errors import Cancelled, ImageError, SaveError
from napari_sam3_assistant.core.progress import CancelToken, Watch
from napari_sam3_assistant.export import coco, geojson
from napari_sam3_assistant.export.annotated import Annotated, LabelClass, Meaning, nth_color
from napari_sam3_assistant.export.exports import EXPORTS, export_masks, import_masks, with_suffix
from napari_sam3_assistant.export.places import Place
from tests.export.test_atomic_files import full_disk, noise  # noqa: F401

NUCLEUS, AXON = LabelClass("nucleus", 2, (255, 0, 16)), LabelClass("axon, thin", 5)
LISTS = [name for name, kind in EXPORTS.items() if kind.objects]
READ = [name for name in EXPORTS if name != "csv"]
each_format = pytest.mark.parametrize("kind", list(EXPORTS))


def cells(dtype=np.uint16) -> np.ndarray:
    """Labels 1 (with a hole), 3 (in two pieces, one in that hole) and 7 (at the border), of 40 x 60 pixels."""
    labels = np.zeros((40, 60), dtype)
    labels[5:25, 5:30] = 1
    labels[10:20, 10:20] = 0
    labels[13:16, 13:16] = labels[30:33, 2:9] = 3
    labels[0:10, 50:60] = 7
    return labels


def masks(labels=None, **more) -> Annotated:
    found = {"classes": {1: NUCLEUS, 3: AXON}, "picture": "cells.tif"} | more
    return Annotated(cells() if labels is None else labels, **found)


def tree(folder) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.iterdir()}


# -- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.uint64])
def test_labels_come_back_pixel_by_pixel(tmp_path, kind, dtype):
    path = export_masks(masks(cells(dtype)), with_suffix(tmp_path / "m", kind), kind)

    (found,) = import_masks(path, shape=(40, 60))

    expected = cells() if kind != "yolo" else np.array([0, 1, 0, 2, 0, 0, 0, 3])[cells()]  # lines have no other number
    np.testing.assert_array_equal(found.labels, expected)
    assert found.covered == 0


@settings(max_examples=40, deadline=None)
@given(
    labels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 4)),
    meaning=st.sampled_from(list(Meaning)),
    kind=st.sampled_from(["coco", "geojson"]),
)
def test_any_labels_survive_a_list_of_outlines(tmp_path_factory, labels, meaning, kind):
    path = with_suffix(tmp_path_factory.mktemp("any") / "m", kind)

    (found,) = import_masks(export_masks(Annotated(labels, meaning=meaning), path))

    np.testing.assert_array_equal(found.labels, labels)
    assert found.meaning is meaning


@pytest.mark.parametrize("kind", ["coco", "geojson", "yolo"])
def test_names_of_classes_come_back(tmp_path, kind):
    path = export_masks(masks(), with_suffix(tmp_path / "m", kind))

    (found,) = import_masks(path, shape=(40, 60))

    names = {label: one.name for label, one in found.classes.items()}
    assert sorted(names.values()) == ["axon, thin", "nucleus", "object"]
    if kind != "yolo":
        assert (names[1], names[3], found.classes[1].value) == ("nucleus", "axon, thin", 2)
        assert found.classes[1].color == NUCLEUS.color


@pytest.mark.parametrize("kind", ["tiff", "npy", "zarr", "coco", "geojson"])
def test_stacks_come_back(tmp_path, kind):
    stack = np.stack([cells(), np.zeros_like(cells()), cells()[::-1]])
    place = Place(scale=(2.0, 0.5, 0.25), units=("micrometer",) * 3)

    (found,) = import_masks(export_masks(Annotated(stack, place), with_suffix(tmp_path / "m", kind)))

    np.testing.assert_array_equal(found.labels, stack)
    if kind != "npy":
        assert (found.place.scale, found.place.units) == (place.scale, place.units)


@pytest.mark.parametrize("kind", ["coco", "geojson", "yolo"])
def test_a_part_of_a_picture_lies_where_it_was(tmp_path, kind):
    part = Annotated(cells(), Place(offset=(100, 200), plane_shape=(300, 400)))

    (found,) = import_masks(export_masks(part, with_suffix(tmp_path / "m", kind)), shape=(300, 400))

    assert found.labels.shape == (300, 400)
    np.testing.assert_array_equal(found.labels[100:140, 200:260] > 0, cells() > 0)
    assert np.count_nonzero(found.labels) == np.count_nonzero(cells())


def test_of_classes_each_piece_is_an_object(tmp_path):
    counts = {}
    for meaning in Meaning:
        path = export_masks(masks(meaning=meaning), tmp_path / f"{meaning}.json")
        counts[meaning] = len(json.loads(path.read_text())["annotations"])

    assert counts == {Meaning.OBJECTS: 3, Meaning.CLASSES: 4}


# -- as others read them --------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("rle", [False, True])
def test_coco_is_read_by_pycocotools_pixel_by_pixel(tmp_path, rle, capsys):
    path = coco.write(tmp_path / "m.json", masks(), rle=rle)

    data = COCO(str(path))

    (image,) = data.loadImgs(data.getImgIds())
    assert (image["file_name"], image["height"], image["width"]) == ("cells.tif", 40, 60)
    assert {one["id"]: one["name"] for one in data.loadCats(data.getCatIds())} == {
        1: "object",
        2: "nucleus",
        5: "axon, thin",
    }
    back = np.zeros((40, 60), int)
    for one in data.loadAnns(data.getAnnIds()):
        mask = data.annToMask(one)
        rows, cols = np.nonzero(mask)
        assert one["area"] == mask.sum()
        assert one["bbox"] == [cols.min(), rows.min(), np.ptp(cols) + 1, np.ptp(rows) + 1]
        assert isinstance(one["segmentation"], dict) == (rle or one["label"] == 1)  # label 1 has a hole
        back[mask > 0] = one["label"]
    np.testing.assert_array_equal(back, cells())


def test_coco_has_an_image_for_each_slice(tmp_path):
    path = export_masks(Annotated(np.stack([cells()] * 3), picture="stack.ome.tif"), tmp_path / "m.json")

    found = json.loads(path.read_text())

    assert [one["file_name"] for one in found["images"]] == [f"stack_z00{z}.ome.tif" for z in range(3)]
    assert [sum(one["image_id"] == image for one in found["annotations"]) for image in (1, 2, 3)] == [3, 3, 3]


def test_geojson_is_valid_for_shapely_and_has_what_qupath_reads(tmp_path):
    path = export_masks(masks(), tmp_path / "m.geojson")

    found = json.loads(path.read_text())

    assert found["type"] == "FeatureCollection"
    for feature, label in zip(found["features"], (1, 3, 7), strict=True):
        polygon = shapely_shape(feature["geometry"])
        assert polygon.is_valid
        assert polygon.area == np.count_nonzero(cells() == label)
        assert feature["geometry"]["plane"] == {"c": -1, "z": 0, "t": 0}
        assert feature["properties"]["objectType"] == "annotation"
    first, second, _ = found["features"]
    assert first["properties"]["classification"] == {"name": "nucleus", "color": [255, 0, 16]}
    assert (first["geometry"]["type"], second["geometry"]["type"]) == ("Polygon", "MultiPolygon")
    outline, hole = first["geometry"]["coordinates"]
    assert outline[0] == outline[-1] and hole[0] == hole[-1]
    assert shapely_shape(first["geometry"]).exterior.is_ccw


def test_geojson_of_a_stack_says_which_slice(tmp_path):
    path = geojson.write(tmp_path / "m.geojson", Annotated(np.stack([cells(), cells()])), detections=True)

    features = json.loads(path.read_text())["features"]

    assert [one["geometry"]["plane"]["z"] for one in features] == [0, 0, 0, 1, 1, 1]
    assert {one["properties"]["objectType"] for one in features} == {"detection"}


def test_yolo_lines_are_fractions_and_classes_are_listed_beside(tmp_path):
    path = export_masks(masks(), tmp_path / "cells.txt")

    lines = [line.split() for line in path.read_text().splitlines()]

    assert (tmp_path / "classes.txt").read_text().splitlines() == ["object", "nucleus", "axon, thin"]
    assert [int(words[0]) for words in lines] == [1, 2, 0]
    assert all(0 <= float(word) <= 1 for words in lines for word in words[1:])
    assert (tmp_path / "data.yaml").read_text().endswith('names:\n  0: "object"\n  1: "nucleus"\n  2: "axon, thin"\n')


def test_yolo_keeps_the_numbers_of_classes_that_a_folder_has(tmp_path):
    (tmp_path / "classes.txt").write_text("mitosis\nnucleus\n")
    (tmp_path / "data.yaml").write_text("train: mine\n")

    path = export_masks(masks(), tmp_path / "cells.txt")

    assert (tmp_path / "classes.txt").read_text().splitlines() == ["mitosis", "nucleus", "object", "axon, thin"]
    assert path.read_text().startswith("1 ")
    assert (tmp_path / "data.yaml").read_text() == "train: mine\n"


def test_png_has_a_table_of_colours_and_its_pixels_are_the_labels(tmp_path):
    with Image.open(export_masks(masks(), tmp_path / "m.png")) as png:
        assert png.mode == "P"
        np.testing.assert_array_equal(np.array(png), cells())
        colors = np.array(png.convert("RGB"))

    assert colors[5, 5].tolist() == list(NUCLEUS.color)
    assert colors[0, 55].tolist() == list(nth_color(7))
    assert colors[0, 0].tolist() == [0, 0, 0]


def test_png_of_more_labels_is_grey_of_16_bits(tmp_path):
    labels = cells() * 40

    with Image.open(export_masks(masks(labels), tmp_path / "m.png")) as png:
        assert png.mode == "I;16"
        np.testing.assert_array_equal(np.array(png), labels)


@pytest.mark.filterwarnings("ignore")  # of ome-zarr, about its own versions
def test_ome_zarr_opens_as_labels_with_colours_and_classes(tmp_path):
    from napari_ome_zarr import napari_get_reader
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    path = export_masks(masks(np.kron(cells(), np.ones((4, 4), np.uint16))), tmp_path / "m.ome.zarr")

    (node,) = Reader(parse_url(str(path)))()
    ((data, options, kind),) = napari_get_reader(str(path))(str(path))

    assert node.metadata["color"][1] == pytest.approx([1.0, 0.0, 16 / 255, 1.0])
    assert kind == "labels"
    assert [level.shape for level in data] == [(160, 240), (80, 120)]
    np.testing.assert_array_equal(np.asarray(data[0])[::4, ::4], cells())
    assert options["axis_labels"] == ("y", "x")
    about = json.loads((path / ".zattrs").read_text())["image-label"]
    assert about["properties"][0] == {"label-value": 1, "class_name": "nucleus", "class_value": 2}


def test_csv_has_a_row_for_each_object_in_pixels_and_in_the_world(tmp_path):
    place = Place(scale=(0.5, 0.25), units=("micrometer", "micrometer"))

    with export_masks(masks(place=place), tmp_path / "m.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [one["Label"] for one in rows] == ["1", "3", "7"]
    assert rows[1]["Class"] == "axon, thin"
    last = rows[2]
    assert (last["Area (px)"], last["Area (world)"], last["Area unit"]) == ("100", "12.5", "micrometer^2")
    assert (last["Centroid row"], last["Centroid column (world)"]) == ("4.5", "13.625")
    assert [last[name] for name in ("Top", "Bottom", "Left", "Right")] == ["0", "10", "50", "60"]


def test_csv_of_a_stack_has_a_row_for_each_volume(tmp_path):
    with export_masks(Annotated(np.stack([cells()] * 2)), tmp_path / "m.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [one["Volume (px)"] for one in rows] == [str(2 * np.count_nonzero(cells() == label)) for label in (1, 3, 7)]
    assert (rows[0]["Centroid z"], rows[0]["First z"], rows[0]["End z"]) == ("0.5", "0", "2")


def test_tiff_of_a_stack_is_what_imagej_reads(tmp_path):
    place = Place(scale=(2.0, 0.5, 0.5), units=("micrometer",) * 3)

    path = export_masks(Annotated(np.stack([cells()] * 4), place), tmp_path / "m.tif")

    with tifffile.TiffFile(path) as tiff:
        about = tiff.imagej_metadata
        assert (about["slices"], about["spacing"], about["unit"]) == (4, 2.0, "um")
        assert tiff.series[0].axes == "ZYX"


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "name", "says"),
    [
        (np.full((3, 4), 65_536), "m.png", "^PNG export supports label values up to 65535. Use TIFF or NumPy for this"),
        (np.ones((2, 3, 4), int), "m.png", "^PNG export supports 2D masks only."),
        (np.full((3, 4), -1), "m.tif", "^TIFF label export requires non-negative label values."),
        (np.full((3, 4), 2**32), "m.tif", "holds labels up to 4,294,967,295"),
        (np.full((3, 4), 2**63, np.uint64), "m.ome.zarr", "holds labels up to"),
        (np.full((3, 4), -1), "m.ome.zarr", "no negative labels"),
        (np.ones((2, 3, 4), int), "m.txt", "^YOLO-seg holds one plane"),
        (np.ones((2,) * 6, int), "m.geojson", "QuPath knows"),
        (np.ones((3, 4)), "m.json", "whole numbers"),
        (np.zeros((0, 4), int), "m.csv", "no pixels"),
        (np.ones((3, 4), int), "m.jpg", "does not say which format"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_in_words_and_nothing_is_written(tmp_path, labels, name, says):
    with pytest.raises(SaveError, match=says) as caught:
        export_masks(Annotated(labels), tmp_path / name)

    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


@each_format
def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path, kind):
    path = with_suffix(tmp_path / "m", kind)
    path.write_text("mine")

    with pytest.raises(SaveError, match="there already"):
        export_masks(masks(), path)
    assert path.read_text() == "mine"
    assert tree(tmp_path) == {path.name}

    export_masks(masks(), path, overwrite=True)
    assert path.is_dir() or path.read_bytes() != b"mine"


@each_format
def test_a_full_disk_is_said_and_leaves_nothing_behind(full_disk, kind):  # noqa: F811
    labels = np.kron(np.arange(6_400).reshape(80, 80), np.ones((2, 2), int)) if kind in LISTS else noise()

    with pytest.raises(SaveError, match=r"full|larger than this disk"):
        export_masks(Annotated(labels), with_suffix(full_disk / "m", kind), kind)

    assert tree(full_disk) == set()


@each_format
def test_a_cancelled_write_leaves_nothing(tmp_path, kind):
    token, looks = CancelToken(), []

    def progress(fraction, message=""):
        looks.append(fraction)
        if len(looks) > 1:
            token.cancel()

    watch = Watch(progress, token)
    token.cancel() if kind in ("tiff", "png", "npy") else None  # written at one go

    with pytest.raises(Cancelled):
        export_masks(
            masks(np.kron(cells(), np.ones((30, 30), np.uint16))), with_suffix(tmp_path / "m", kind), watch=watch
        )

    assert tree(tmp_path) == set()


@pytest.mark.parametrize(
    ("name", "kind", "made"),
    [
        ("a", "coco", "a.json"),
        ("a.tif", "png", "a.png"),
        ("a.TIFF", "tiff", "a.TIFF"),
        ("a.ome.zarr", "geojson", "a.geojson"),
        ("scan_0.5um", "tiff", "scan_0.5um.tif"),
        ("a.geojson", "coco", "a.json"),
        (".json", "tiff", ".json.tif"),
    ],
)
def test_the_ending_of_a_path_follows_the_format(tmp_path, name, kind, made):
    assert with_suffix(tmp_path / name, kind) == tmp_path / made


def test_each_format_says_what_it_is_for_in_one_sentence():
    assert [one.title for one in EXPORTS.values()] == [
        "TIFF",
        "PNG",
        "NumPy (.npy)",
        "OME-Zarr",
        "COCO JSON",
        "YOLO-seg",
        "GeoJSON (QuPath)",
        "CSV",
    ]
    for one in EXPORTS.values():
        assert one.purpose.endswith(".") and one.purpose.count(".  ") == 0 and len(one.purpose) < 110


def test_65_536_objects_of_a_plane_are_listed(tmp_path):
    labels = np.arange(65_537)[: 256 * 256].reshape(256, 256) + 1

    path = coco.write(tmp_path / "m.json", Annotated(labels), rle=False)

    assert path.read_text().count('"segmentation"') == 65_536


def test_the_table_loads_nothing_heavy():
    code = (
        "import sys, napari_sam3_assistant.export.exports;"
        "print(sorted({'tifffile', 'PIL', 'scipy', 'zarr', 'napari', 'skimage'} & set(sys.modules)))"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == "[]"


def test_overlaps_are_decided_for_the_later_and_said(tmp_path):
    path = tmp_path / "m.json"
    codes = [coco_mask.encode(np.asfortranarray(np.tri(6, dtype=np.uint8))) for _ in range(2)]
    for code in codes:
        code["counts"] = code["counts"].decode()
    annotations = [
        {"id": k, "image_id": 1, "category_id": 1, "segmentation": code, "iscrowd": 0} for k, code in enumerate(codes)
    ]
    images = [{"id": 1, "file_name": "a.png", "height": 6, "width": 6}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "x"}]}))

    (found,) = import_masks(path)

    np.testing.assert_array_equal(found.labels, 2 * np.tri(6, dtype=int))
    assert found.told == "21 pixel(s) lie in several objects; the later one has them."


def test_a_table_of_measures_is_no_mask(tmp_path):
    path = export_masks(masks(), tmp_path / "m.csv")

    with pytest.raises(ImageError, match="table of measures"):
        import_masks(path)
