import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_sam3_assistant.core.errors import ImageError, SaveError
from napari_sam3_assistant.export.images import FORMATS, read_labels, save_labels
from napari_sam3_assistant.export.places import Place, place_in

each_suffix = pytest.mark.parametrize("suffix", [kind.suffix for kind in FORMATS.values()])


def two_squares(dtype=np.uint16, second=2):
    labels = np.zeros((24, 32), dtype)
    labels[2:10, 3:12] = 1
    labels[12:20, 15:30] = second
    return labels


@each_suffix
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.uint32, np.int32, np.int64])
def test_labels_come_back_as_they_were(tmp_path, suffix, dtype):
    labels = two_squares(dtype)

    path = save_labels(labels, tmp_path / f"mask{suffix}")

    assert path == tmp_path / f"mask{suffix}"
    np.testing.assert_array_equal(read_labels(path).labels, labels)


@pytest.mark.parametrize(("largest", "dtype"), [(65_535, np.uint16), (65_536, np.uint32), (2**32 - 1, np.uint32)])
def test_tiff_takes_the_smallest_type_of_two_that_holds_the_labels(tmp_path, largest, dtype):
    labels = two_squares(np.int64, largest)

    pixels = tifffile.imread(save_labels(labels, tmp_path / "mask.tif"))

    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, labels)


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.uint16), (65_535, np.uint16)])
def test_png_has_8_bits_or_16_where_a_label_needs_them(tmp_path, largest, dtype):
    labels = two_squares(np.uint32, largest)

    with Image.open(save_labels(labels, tmp_path / "mask.png")) as png:
        pixels = np.array(png)

    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, labels)


def test_npy_keeps_the_type_and_its_byte_order(tmp_path):
    labels = two_squares(np.dtype(">i4"), -7)

    pixels = np.load(save_labels(labels, tmp_path / "mask.npy"))

    assert pixels.dtype == np.dtype(">i4")
    np.testing.assert_array_equal(pixels, labels)


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
@pytest.mark.parametrize(
    "shape", [(3, 8, 9), (3, 4, 8, 9), (1, 1), (1, 5, 1), (3, 8, 3), (2, 2, 1), (2, 1, 1), (2, 1, 3)]
)
def test_stacks_keep_their_shape(tmp_path, suffix, shape):
    labels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)

    saved = read_labels(save_labels(labels, tmp_path / f"mask{suffix}"))

    assert saved.labels.shape == shape
    np.testing.assert_array_equal(saved.labels, labels)


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".png"])
def test_views_of_larger_arrays_are_saved_as_seen(tmp_path, suffix):
    labels = np.arange(400, dtype=np.uint16).reshape(20, 20)[::-2, 3:17:3].T

    np.testing.assert_array_equal(read_labels(save_labels(labels, tmp_path / f"m{suffix}")).labels, labels)


@settings(max_examples=25, deadline=None)
@given(labels=hnp.arrays(np.uint32, hnp.array_shapes(min_dims=2, max_dims=3, max_side=9)))
def test_any_labels_survive_tiff(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("any") / "mask.tif"

    np.testing.assert_array_equal(read_labels(save_labels(labels, path)).labels, labels)


def test_tiff_tells_every_program_how_large_a_pixel_is(tmp_path):
    path = save_labels(two_squares(), tmp_path / "m.tif", scale=(0.5, 0.325), units="micrometer")

    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages.first.tags
        x, y = (np.divide(*tags[name].value) for name in ("XResolution", "YResolution"))
        assert tiff.is_imagej
        assert tiff.imagej_metadata["unit"] == "um"
        assert tags["ResolutionUnit"].value == 1  # the unit that ImageJ is told
    assert 1 / x == pytest.approx(0.325, rel=1e-7)
    assert 1 / y == pytest.approx(0.5, rel=1e-7)


def test_tiff_tells_the_size_of_a_pixel_in_centimetres_where_imagej_has_no_such_type(tmp_path):
    path = save_labels(two_squares(np.uint32, 70_000), tmp_path / "m.tif", scale=(0.5, 0.325), units="micrometer")

    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages.first.tags
        x, y = (np.divide(*tags[name].value) for name in ("XResolution", "YResolution"))
        assert tags["ResolutionUnit"].value == 3  # centimetres
        assert not tiff.is_imagej
        assert not tiff.is_ome
    assert 1e4 / x == pytest.approx(0.325, rel=1e-7)
    assert 1e4 / y == pytest.approx(0.5, rel=1e-7)


@pytest.mark.parametrize("largest", [9, 70_000])
@pytest.mark.parametrize(
    ("shape", "units", "axes"),
    [
        ((64, 50), "um", "YX"),
        ((3, 64, 50), "um", "ZYX"),
        ((3, 64, 50), ("second", "um", "um"), "TYX"),
        ((2, 3, 64, 50), ("second", "um", "um", "um"), "TZYX"),
        ((3, 64, 3), "um", "ZYX"),
    ],
)
def test_tiff_says_what_its_axes_are(tmp_path, shape, units, axes, largest):
    labels = np.zeros(shape, np.uint32)
    labels[..., 3:9, 1:2] = largest

    path = save_labels(labels, tmp_path / "m.tif", scale=tuple(range(2, 2 + len(shape))), units=units)

    with tifffile.TiffFile(path) as tiff:
        assert (tiff.series[0].axes, tiff.series[0].shape) == (axes, shape)
        assert tiff.is_imagej == (largest < 2**16)
        if tiff.is_imagej and "Z" in axes:
            assert tiff.imagej_metadata["spacing"] == 2 + axes.index("Z")
            assert tiff.imagej_metadata["slices"] == 3
        np.testing.assert_array_equal(tiff.asarray().reshape(shape), labels)


@pytest.mark.parametrize("scale", [(1e-9, 1e-9), (1e-3, 7.3), (123.456, 1e12), (-0.5, 0.5)])
@pytest.mark.parametrize("units", ["micrometer", "pixel", "nm", "µm", ("meter", "inch"), ("micrometer", "second")])
def test_scale_and_units_come_back_exactly(tmp_path, scale, units):
    for suffix in (".tif", ".png"):
        path = save_labels(two_squares(), tmp_path / f"m{suffix}", scale=scale, units=units, overwrite=True)

        place = read_labels(path).place

        assert place.scale == scale
        assert place.units == ((units,) * 2 if isinstance(units, str) else units)


def test_units_of_a_napari_layer_are_taken_as_they_are(tmp_path):
    from napari.layers import Labels

    layer = Labels(two_squares(), scale=(2, 3), units=("mm", "um"))

    path = save_labels(layer.data, tmp_path / "m.tif", scale=layer.scale, units=layer.units)

    assert read_labels(path).place == Place(scale=(2.0, 3.0), units=("millimeter", "micrometer"))


def test_png_tells_pixels_per_metre(tmp_path):
    path = save_labels(two_squares(), tmp_path / "m.png", scale=(2, 4), units="um")

    with Image.open(path) as png:
        across, down = png.info["dpi"]

    assert 25_400 / across == pytest.approx(4, rel=1e-4)
    assert 25_400 / down == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_an_object_of_a_large_plane_makes_a_small_file_that_knows_its_place(tmp_path, suffix):
    place = {"offset": (40_000, 12_345), "plane_shape": (60_000, 60_000)}

    path = save_labels(two_squares(), tmp_path / f"m{suffix}", scale=(0.5, 0.25), units="micrometer", **place)

    assert path.stat().st_size < 3_000
    assert read_labels(path).place == Place(scale=(0.5, 0.25), units=("micrometer", "micrometer"), **place)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize(("plane", "kept"), [(((0, 3), (1, 0)), ((0, 3), (1, 0))), ((), None), (None, None)])
def test_the_plane_of_a_stack_comes_back(tmp_path, suffix, plane, kept):
    path = save_labels(two_squares(), tmp_path / f"m{suffix}", plane=plane)

    assert read_labels(path).place.plane == kept


@pytest.mark.parametrize("note", [[], 3, [[0]], [[0, "a"]], {"t": 3}])
def test_a_plane_that_is_none_is_left_out(note):
    assert place_in({"plane": note}, 2).plane is None


def test_tiff_tells_every_program_where_an_object_lies(tmp_path):
    path = save_labels(two_squares(), tmp_path / "m.tif", scale=(0.5, 0.25), units="um", offset=(400, 1000))

    with tifffile.TiffFile(path) as tiff:
        x, y = (np.divide(*tiff.pages.first.tags[name].value) for name in ("XPosition", "YPosition"))

    assert (x, y) == pytest.approx((250, 200))  # in the unit that ImageJ is told


def test_a_place_above_the_origin_is_kept_too(tmp_path):
    path = save_labels(two_squares(), tmp_path / "m.tif", offset=(-4, 10))

    assert read_labels(path).place.offset == (-4, 10)
    with tifffile.TiffFile(path) as tiff:
        assert "XPosition" not in tiff.pages.first.tags


def test_a_stack_keeps_place_and_scale_of_all_its_axes(tmp_path):
    about = {"offset": (3, 4, 5), "plane_shape": (10, 100, 100), "scale": (2.0, 0.5, 0.5)}

    path = save_labels(np.ones((2, 6, 7), np.uint8), tmp_path / "m.tif", units="micrometer", **about)

    assert read_labels(path).place == Place(units=("micrometer",) * 3, **about)


def test_notes_in_a_tiff_are_plain_ascii_json(tmp_path):
    path = save_labels(two_squares(), tmp_path / "m.tif", scale=(1, 1), units="µm")

    with tifffile.TiffFile(path) as tiff:
        note = tiff.pages.first.description

    assert note.isascii()
    (line,) = (one for one in note.splitlines() if one.startswith("napari_sam3_assistant="))
    assert json.loads(line.partition("=")[2])["units"] == ["µm", "µm"]


@pytest.mark.parametrize(
    ("labels", "name", "says"),
    [
        (two_squares(np.uint32, 65_536), "m.png", "Choose TIFF or NumPy"),
        (two_squares(np.uint64, 2**32), "m.tif", "Choose NumPy"),
        (two_squares(np.uint64, 2**32), "m.png", "Choose NumPy"),
        (two_squares(np.int16, -1), "m.tif", "negative"),
        (two_squares(np.int16, -1), "m.png", "negative"),
        (np.ones((2, 3, 4), np.uint8), "m.png", "no 3-D labels. Choose TIFF or NumPy"),
        (np.ones(7, np.uint8), "m.tif", "no 1-D labels. Choose NumPy"),
        (two_squares(np.float32), "m.tif", "whole numbers"),
        (two_squares(np.complex64), "m.npy", "whole numbers"),
        (np.zeros((0, 5), np.uint8), "m.tif", "no pixels"),
        (np.uint8(3), "m.npy", "no pixels"),
        (two_squares(), "m.jpg", ".tif, .npy, .png"),
        (two_squares(), "scan_0.5um", ".tif, .npy, .png"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_with_a_way_out(tmp_path, labels, name, says):
    with pytest.raises(SaveError, match=says) as caught:
        save_labels(np.asarray(labels), tmp_path / name)

    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "about",
    [
        {"scale": (1.0,)},
        {"scale": (0.0, 1.0)},
        {"scale": (np.nan, 1.0)},
        {"offset": (1, 2, 3)},
        {"units": ("um",)},
    ],
)
def test_a_place_that_does_not_fit_is_refused(tmp_path, about):
    with pytest.raises(SaveError):
        save_labels(two_squares(), tmp_path / "m.tif", **about)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["LOUD.TIF", "two.tiff", "LOUD.PNG", "LOUD.NPY", "scan_0.5um.tif"])
def test_suffixes_may_be_loud_or_long(tmp_path, name):
    path = save_labels(two_squares(), tmp_path / name)

    assert path.name == name
    np.testing.assert_array_equal(read_labels(path).labels, two_squares())


def test_files_of_other_programs_can_be_read(tmp_path):
    labels = two_squares(np.uint8, 200)
    tifffile.imwrite(tmp_path / "plain.tif", labels, description="made elsewhere", metadata=None)
    tifffile.imwrite(tmp_path / "imagej.tif", labels, imagej=True)
    tifffile.imwrite(tmp_path / "some.ome.tif", labels)
    Image.fromarray(labels).convert("P").save(tmp_path / "indexed.png")
    Image.fromarray(labels > 0).save(tmp_path / "bits.png")
    np.save(tmp_path / "fortran.npy", np.asfortranarray(labels))

    for name in ("plain.tif", "imagej.tif", "some.ome.tif", "indexed.png", "fortran.npy"):
        np.testing.assert_array_equal(read_labels(tmp_path / name).labels, labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "bits.png").labels, labels > 0)


def test_notes_that_do_not_fit_are_left_out(tmp_path):
    note = {"offset": [1, 2, 3], "scale": "wide", "units": [1, 2], "plane_shape": [50, 60]}
    tifffile.imwrite(tmp_path / "odd.tif", two_squares(), metadata=note)

    assert read_labels(tmp_path / "odd.tif").place == Place(plane_shape=(50, 60))


@pytest.mark.parametrize("suffix", [".tif", ".png", ".npy"])
@pytest.mark.parametrize("content", [b"", b"not a picture", "cut"])
def test_broken_files_are_named_as_such(tmp_path, suffix, content):
    path = tmp_path / f"broken{suffix}"
    if content == "cut":
        rng = np.random.default_rng(0)
        save_labels(rng.integers(0, 9, (64, 64), dtype=np.uint8), path)
        content = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(content)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ImageError, match=path.name):
            read_labels(path)


@pytest.mark.parametrize("name", ["photo.png", "photo.tif", "heights.npy", "heights.tif", "gone.tif", "photo.jpg"])
def test_what_is_no_label_image_is_refused(tmp_path, name):
    photo = np.zeros((8, 9, 3), np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(photo).save(tmp_path / "photo.jpg")
    tifffile.imwrite(tmp_path / "photo.tif", photo)
    np.save(tmp_path / "heights.npy", np.zeros((4, 4)))
    tifffile.imwrite(tmp_path / "heights.tif", np.zeros((4, 4), np.float32))

    with pytest.raises(ImageError) as caught:
        read_labels(tmp_path / name)

    assert caught.value.hint


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], object), allow_pickle=True)

    with pytest.raises(ImageError):
        read_labels(tmp_path / "evil.npy")


def test_importing_the_writers_loads_neither_tifffile_nor_pillow():
    code = (
        "import sys, napari_sam3_assistant.export.images, napari_sam3_assistant.export.names;"
        "print(sorted({'tifffile', 'PIL', 'scipy', 'zarr', 'napari'} & set(sys.modules)))"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == "[]"
