"""Files of objects that are broken, or made to break us: refused with the entry's name, at once, in little memory."""

import copy
import json
import tracemalloc

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.export.exports import import_masks

SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]
GOOD = {
    "images": [{"id": 1, "file_name": "a.png", "height": 10, "width": 12}],
    "annotations": [{"id": 7, "image_id": 1, "category_id": 3, "segmentation": [SQUARE]}],
    "categories": [{"id": 3, "name": "cell"}],
}
RING = [[2, 2], [8, 2], [8, 8], [2, 8], [2, 2]]
FEATURE = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [RING]}, "properties": {}}
RUNS = {"size": [10, 12], "counts": [22, 6, 92]}


def coco(path, change=lambda found: None):
    found = copy.deepcopy(GOOD)
    changed = change(found)
    path.write_text(json.dumps(found if changed is None else changed))
    return path


def geojson(path, *features):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def outline(found, value):
    found["annotations"][0]["segmentation"] = value


def put(part, at, key, value):
    return lambda found: found[part][at].__setitem__(key, value)


BAD_COCO = {
    "no image": lambda found: found.update(images=[]),
    "images are no list": lambda found: found.update(images={"a": 1}),
    "image is a number": lambda found: found["images"].__setitem__(0, 3),
    "no height": lambda found: found["images"][0].pop("height"),
    "height of 0": put("images", 0, "height", 0),
    "height of 10^9": put("images", 0, "height", 10**9),
    "height is text": put("images", 0, "height", "10"),
    "height is NaN": put("images", 0, "height", float("nan")),
    "height is true": put("images", 0, "height", True),
    "annotation is a list": lambda found: found["annotations"].__setitem__(0, []),
    "unknown picture": put("annotations", 0, "image_id", 99),
    "picture is a list": put("annotations", 0, "image_id", [1]),
    "category without id": lambda found: found["categories"][0].pop("id"),
    "two points": lambda found: outline(found, [[1, 1, 2, 2]]),
    "same point thrice": lambda found: outline(found, [[1, 1, 1, 1, 1, 1]]),
    "odd numbers": lambda found: outline(found, [[1, 1, 2, 2, 3]]),
    "NaN": lambda found: outline(found, [[1, 1, float("nan"), 2, 3, 3]]),
    "infinite": lambda found: outline(found, [[1, 1, float("inf"), 2, 3, 3]]),
    "far away": lambda found: outline(found, [[1, 1, 1e30, 2, 3, 3]]),
    "text for a number": lambda found: outline(found, [["1", 1, 5, 2, 3, 3]]),
    "no lists in the list": lambda found: outline(found, SQUARE),
    "a text": lambda found: outline(found, "polygon"),
    "null points": lambda found: outline(found, [[None] * 8]),
    "size of another picture": lambda found: outline(found, RUNS | {"size": [12, 10]}),
    "no size": lambda found: outline(found, {"counts": [120]}),
    "counts too few": lambda found: outline(found, RUNS | {"counts": [20, 6]}),
    "counts too many": lambda found: outline(found, RUNS | {"counts": [20, 10**9]}),
    "counts negative": lambda found: outline(found, RUNS | {"counts": [130, -10]}),
    "counts with fractions": lambda found: outline(found, RUNS | {"counts": [60.5, 59.5]}),
    "counts beyond 64 bits": lambda found: outline(found, RUNS | {"counts": [2**70]}),
    "counts are broken text": lambda found: outline(found, RUNS | {"counts": "ooo"}),
    "counts are other text": lambda found: outline(found, RUNS | {"counts": "\u4e2d"}),
    "counts are missing": lambda found: outline(found, {"size": [10, 12]}),
    "not COCO": lambda found: {"some": "settings"},
    "a list of results": lambda found: [{"image_id": 1, "segmentation": [SQUARE], "score": 0.5}],
    "a number": lambda found: 3,
}


@pytest.mark.parametrize("change", BAD_COCO.values(), ids=BAD_COCO.keys())
def test_a_broken_coco_file_is_refused_in_words_that_name_the_entry(tmp_path, change):
    path = coco(tmp_path / "bad.json", change)

    tracemalloc.start()
    with pytest.raises(ImageError) as caught:
        import_masks(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "bad.json" in caught.value.message
    assert caught.value.hint
    assert peak < 20_000_000


def test_the_file_that_the_others_are_made_of_is_good(tmp_path):
    (polygons,) = import_masks(coco(tmp_path / "good.json"))
    (runs,) = import_masks(coco(tmp_path / "runs.json", lambda found: outline(found, RUNS)))

    expected = np.zeros((10, 12), int)
    expected[2:8, 2:8] = 1
    np.testing.assert_array_equal(polygons.labels, expected)
    assert np.count_nonzero(runs.labels) == 6
    assert polygons.classes[1].name == "cell"


def test_a_message_names_annotation_and_id(tmp_path):
    with pytest.raises(ImageError, match=r"Annotation 1 of bad.json \(id 7\) has an outline of fewer than 3 points."):
        import_masks(coco(tmp_path / "bad.json", BAD_COCO["two points"]))


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"images": [', b"\xff\xfe\x00", b"not json", b"[" * 100_000, b"9" * 10_000], ids=range(7)
)
@pytest.mark.parametrize("suffix", [".json", ".geojson"])
def test_what_is_no_json_is_refused(tmp_path, content, suffix):
    (tmp_path / f"bad{suffix}").write_bytes(content)

    with pytest.raises(ImageError, match="bad"):
        import_masks(tmp_path / f"bad{suffix}")


def test_a_file_that_is_not_there_is_named(tmp_path):
    for name in ("gone.json", "gone.geojson", "gone.txt", "gone.tif"):
        with pytest.raises(ImageError, match=name):
            import_masks(tmp_path / name, shape=(4, 4))


def test_annotations_without_outlines_and_outside_are_left_out_and_said(tmp_path):
    def change(found):
        found["annotations"] += [
            {"id": 8, "image_id": 1, "category_id": 3, "bbox": [1, 1, 3, 3], "segmentation": []},
            {"id": 9, "image_id": 1, "category_id": 3, "segmentation": [[50, 50, 60, 50, 60, 60]]},
        ]

    (found,) = import_masks(coco(tmp_path / "some.json", change))

    assert np.count_nonzero(found.labels) == 36
    assert "1 annotation(s) have a box but no outline" in found.told
    assert "1 annotation(s) lie outside the picture" in found.told


def test_of_many_pictures_those_that_are_open_are_read(tmp_path):
    def change(found):
        found["images"] = [{"id": k, "file_name": f"p{k}.png", "height": 10, "width": 12} for k in range(200)]

    path = coco(tmp_path / "many.json", change)

    (found,) = import_masks(path, wanted=["other", "p1.tif"])
    with pytest.raises(ImageError, match="too many pictures"):
        import_masks(path)

    assert found.picture == "p1.png"
    assert np.count_nonzero(found.labels) == 36


def changed(**more):
    return FEATURE | {"geometry": FEATURE["geometry"] | more}


BAD_GEOJSON = {
    "no geometry": {"type": "Feature", "properties": {}},
    "geometry is null": FEATURE | {"geometry": None},
    "no coordinates": changed(coordinates=None),
    "no ring": changed(coordinates=[]),
    "two points": changed(coordinates=[[[0, 0], [1, 1], [0, 0]]]),
    "NaN": changed(coordinates=[[[0, 0], [1, float("nan")], [5, 5]]]),
    "numbers in a row": changed(coordinates=[[0, 0, 1, 1, 2, 2]]),
    "text": changed(coordinates="everywhere"),
    "true": changed(coordinates=[[[0, 0], [True, 4], [5, 5]]]),
    "10^9 pixels wide": changed(coordinates=[[[0, 0], [9e8, 0], [9e8, 9e8]]]),
    "slice 10^9": changed(plane={"z": 10**9}),
    "a million slices": changed(plane={"z": 10**6}, coordinates=[[[0, 0], [900, 0], [900, 900]]]),
    "slice of text": changed(plane={"z": "top"}),
    "empty MultiPolygon": changed(type="MultiPolygon", coordinates=[]),
}


@pytest.mark.parametrize("feature", BAD_GEOJSON.values(), ids=BAD_GEOJSON.keys())
def test_a_broken_geojson_file_is_refused_in_words(tmp_path, feature):
    path = geojson(tmp_path / "bad.geojson", FEATURE, feature)

    tracemalloc.start()
    with pytest.raises(ImageError, match=r"bad\.geojson") as caught:
        import_masks(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert caught.value.hint
    assert peak < 20_000_000


def test_geojson_of_others_is_read_whatever_way_they_write_it(tmp_path):
    old = FEATURE | {"properties": {"classification": {"name": "Tumor", "colorRGB": -3670016}}}
    new = FEATURE | {"properties": {"classification": {"names": ["Immune", "T"], "color": [1, 2, 3]}}}
    moved = changed(coordinates=[[[one[0] + 10, one[1], 0.0] for one in RING]])
    point = FEATURE | {"geometry": {"type": "Point", "coordinates": [1, 2]}}
    (tmp_path / "list.json").write_text(json.dumps([old, new | {"geometry": moved["geometry"]}, point]))

    (found,) = import_masks(tmp_path / "list.json", shape=(20, 30))

    assert found.labels.shape == (20, 30)
    assert {label: one.name for label, one in found.classes.items()} == {1: "Tumor", 2: "Immune: T"}
    assert found.classes[1].color == (200, 0, 0)
    assert found.told == "1 point(s) or line(s) have no area; they were left out."
    np.testing.assert_array_equal(np.unique(found.labels, return_counts=True)[1], [600 - 72, 36, 36])


def test_geojson_without_a_size_makes_a_layer_as_large_as_it_needs(tmp_path):
    (found,) = import_masks(geojson(tmp_path / "a.geojson", FEATURE))

    assert found.labels.shape == (8, 8)


BAD_YOLO = {
    "a word": "0 0.1 0.1 0.9 x 0.9 0.9",
    "no class": "cell 0.1 0.1 0.9 0.1 0.9 0.9",
    "class of 10^9": "1000000000 0.1 0.1 0.9 0.1 0.9 0.9",
    "a box": "0 0.5 0.5 0.2 0.2",
    "two points": "0 0.5 0.5 0.2 0.2",
    "odd numbers": "0 0.1 0.1 0.9 0.1 0.9",
    "pixels": "0 10 10 90 10 90 90",
    "NaN": "0 nan 0.1 0.9 0.1 0.9 0.9",
    "only a class": "0",
}


@pytest.mark.parametrize("line", BAD_YOLO.values(), ids=BAD_YOLO.keys())
def test_a_broken_line_of_yolo_is_refused_with_its_number(tmp_path, line):
    (tmp_path / "bad.txt").write_text(f"0 0.1 0.1 0.9 0.1 0.9 0.9\n\n{line}\n")

    with pytest.raises(ImageError, match=r"Line 3 of bad\.txt") as caught:
        import_masks(tmp_path / "bad.txt", shape=(100, 100))

    assert caught.value.hint


def test_yolo_needs_the_size_of_the_picture(tmp_path):
    (tmp_path / "a.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")

    with pytest.raises(ImageError, match="fractions of a picture") as caught:
        import_masks(tmp_path / "a.txt")

    assert "select its layer" in caught.value.hint
    assert "--size" in caught.value.in_shell


def test_objects_beside_the_picture_are_left_out_and_said(tmp_path):
    far = changed(coordinates=[[[one[0] + 100, one[1]] for one in RING]])

    (found,) = import_masks(geojson(tmp_path / "a.geojson", FEATURE, far), shape=(20, 30))

    assert np.count_nonzero(found.labels) == 36
    assert found.told == "1 object(s) lie outside the picture, or on no pixel; they were left out."
