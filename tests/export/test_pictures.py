"""Pictures come in from files and folders as they were written, and as late as they can be."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.export import picture_files
from napari_sam3_assistant.export.pictures import read_image


def ramp(shape=(40, 50), dtype=np.uint16) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def ome_zarr(path, levels, *, version="0.5", axes="cyx", scale=(1, 0.5, 0.25)):
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    datasets = []
    for index, level in enumerate(levels):
        array = group.create_array(str(index), shape=level.shape, chunks=(1, 16, 16), dtype=level.dtype)
        array[:] = level
        step = {"type": "scale", "scale": [scale[0], *(length * 2**index for length in scale[1:])]}
        datasets.append({"path": str(index), "coordinateTransformations": [step]})
    about = [{"name": name} | ({"unit": "micrometer"} if name in "yx" else {}) for name in axes]
    pyramid = [{"version": version, "axes": about, "datasets": datasets}]
    group.attrs.update({"ome": {"multiscales": pyramid}} if version == "0.5" else {"multiscales": pyramid})


def test_a_tiff_file_is_read_with_its_data_type(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", ramp())

    picture = read_image(tmp_path / "a.tif")

    assert picture.dtype == np.uint16
    assert np.array_equal(picture.data, ramp())
    assert (picture.rgb, picture.channel_axis, picture.scale) == (False, None, None)


def test_an_ome_tiff_file_tells_axes_scale_and_units(tmp_path):
    about = {"axes": "TCYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    units = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", ramp((3, 2, 40, 50)), ome=True, metadata=about | units)

    picture = read_image(tmp_path / "a.ome.tif")

    assert picture.axes == ("t", "c", "y", "x")
    assert picture.channel_axis == 1
    assert picture.scale == (0.5, 0.25)
    assert picture.units == ("micrometer", "micrometer")
    assert picture.plane({"t": 2, "c": 1}).index == ((0, 2), (1, 1))


def test_files_tell_how_far_slices_and_frames_lie_apart(tmp_path):
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.5, "TimeIncrement": 30}
    about = {"axes": "TZYX", "TimeIncrementUnit": "ms", **sizes}
    tifffile.imwrite(tmp_path / "a.ome.tif", ramp((3, 2, 40, 50)), ome=True, metadata=about)
    about = {"axes": "TZYX", "unit": "um", "spacing": 2.5, "finterval": 30}
    tifffile.imwrite(tmp_path / "a.tif", ramp((3, 2, 40, 50)), imagej=True, resolution=(4, 2), metadata=about)
    ome_zarr(tmp_path / "a.ome.zarr", [ramp((2, 40, 50))], axes="zyx", scale=(2.5, 0.5, 0.25))

    ome, imagej, folder = (read_image(tmp_path / name) for name in ("a.ome.tif", "a.tif", "a.ome.zarr"))

    assert ome.steps == {0: (30, "millisecond"), 1: (2.5, "micrometer")}
    assert imagej.steps == {0: (30, "second"), 1: (2.5, "micrometer")}
    assert folder.steps == {0: (2.5, "pixel")}  # without a unit
    assert imagej.lengths()[0] == (30, 2.5, 0.5, 0.25)
    assert replace(imagej, scale=None, units=None).lengths()[1] == ("second", "micrometer", "pixel", "pixel")


def test_a_distance_that_is_no_number_above_0_is_not_told(tmp_path):
    for at, spacing in enumerate((0, float("nan"), "thick")):
        about = {"axes": "ZYX", "unit": "um", "spacing": spacing}
        tifffile.imwrite(tmp_path / f"{at}.tif", ramp((3, 40, 50)), imagej=True, resolution=(4, 2), metadata=about)

        assert not read_image(tmp_path / f"{at}.tif").steps


def test_an_imagej_tiff_file_tells_axes_and_scale(tmp_path):
    about = {"axes": "ZYX", "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", ramp((3, 40, 50)), imagej=True, resolution=(4, 2), metadata=about)

    picture = read_image(tmp_path / "a.tif")

    assert picture.axes == ("z", "y", "x")
    assert picture.scale == (0.5, 0.25)
    assert picture.units == ("micrometer", "micrometer")


@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_colour_of_a_tiff_file_is_known_wherever_it_stands(tmp_path, layout):
    rgb = ramp((3, 40, 50), np.uint8)
    data = rgb if layout == "separate" else np.moveaxis(rgb, 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", planarconfig=layout)

    picture = read_image(tmp_path / "a.tif")

    assert picture.rgb
    assert picture.source().plane_shape(picture.plane()) == (40, 50)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_large_tiff_file_is_read_only_where_it_is_sliced(tmp_path, monkeypatch, compression):
    monkeypatch.setattr(picture_files, "LAZY_BYTES", 100)
    tifffile.imwrite(tmp_path / "a.tif", ramp((64, 64)), tile=(16, 16), compression=compression)

    picture = read_image(tmp_path / "a.tif")

    assert not isinstance(picture.data, np.ndarray) or isinstance(picture.data, np.memmap)
    assert np.array_equal(np.asarray(picture.data[20:30, 40:50]), ramp((64, 64))[20:30, 40:50])


def test_the_pyramid_of_a_large_tiff_file_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_files, "LAZY_BYTES", 100)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(ramp((64, 64)), tile=(16, 16), compression="zlib", subifds=1)
        tiff.write(ramp((64, 64))[::2, ::2], tile=(16, 16), compression="zlib", subfiletype=1)

    picture = read_image(tmp_path / "a.tif")

    assert [level.shape for level in picture.levels] == [(64, 64), (32, 32)]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "P", "LA", "I;16"])
def test_a_png_file_of_any_mode_becomes_grey_or_colour(tmp_path, mode):
    grey = Image.fromarray(ramp((40, 50), np.uint8))
    image = Image.fromarray(ramp()) if mode == "I;16" else grey.convert(mode)
    image.save(tmp_path / "a.png")

    picture = read_image(tmp_path / "a.png")

    color = mode in ("RGB", "RGBA", "P")
    assert picture.rgb == color
    assert len(picture.shape) == 2 + color
    assert picture.source().plane_shape(picture.plane()) == (40, 50)


def test_a_picture_is_what_its_bytes_say_not_its_name(tmp_path):
    Image.fromarray(ramp((40, 50), np.uint8)).save(tmp_path / "a.png", format="JPEG")

    assert read_image(tmp_path / "a.png").shape == (40, 50)


def test_an_npy_file_is_mapped(tmp_path):
    np.save(tmp_path / "a.npy", ramp())

    picture = read_image(str(tmp_path / "a.npy"))

    assert isinstance(picture.data, np.memmap)
    assert np.array_equal(picture.data, ramp())


def test_a_zarr_array_is_not_read_when_it_is_opened(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(40, 50), chunks=(16, 16), dtype="u2")
    array[:] = ramp()

    picture = read_image(tmp_path / "a.zarr")

    assert isinstance(picture.data, zarr.Array)
    assert np.array_equal(np.asarray(picture), ramp())


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_picture_has_its_levels_axes_and_scale(tmp_path, version):
    ome_zarr(tmp_path / "a.ome.zarr", [ramp((2, 40, 50)), ramp((2, 20, 25))], version=version)

    picture = read_image(tmp_path / "a.ome.zarr")

    assert [level.shape for level in picture.levels] == [(2, 40, 50), (2, 20, 25)]
    assert picture.axes == ("c", "y", "x")
    assert picture.channel_axis == 0
    assert picture.scale == (0.5, 0.25)
    assert picture.units == ("micrometer", "micrometer")


def test_of_a_collection_of_ome_zarr_pictures_the_first_is_taken(tmp_path):
    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs["ome"] = {"bioformats2raw.layout": 3}
    ome_zarr(tmp_path / "a.zarr" / "0", [ramp((2, 40, 50))])

    assert read_image(tmp_path / "a.zarr").shape == (2, 40, 50)


def test_a_zarr_group_of_several_arrays_asks_which(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for name in ("first", "second"):
        group.create_array(name, shape=(4, 4), dtype="u2")

    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / "a.zarr")

    assert "first, second" in caught.value.hint
    assert read_image(tmp_path / "a.zarr" / "first").shape == (4, 4)


def test_an_ome_zarr_picture_that_lacks_an_array_says_which(tmp_path):
    ome_zarr(tmp_path / "a.zarr", [ramp((2, 40, 50)), ramp((2, 20, 25))])
    (tmp_path / "a.zarr" / "1").rename(tmp_path / "elsewhere")

    with pytest.raises(ImageError, match="1"):
        read_image(tmp_path / "a.zarr")


def cut_off(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("name", ["a.tif", "packed.tif", "a.png", "a.jpg", "a.npy"])
def test_a_file_that_was_cut_off_is_refused(tmp_path, name):
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    if path.suffix == ".tif":
        tifffile.imwrite(path, noise, compression="zlib" if name == "packed.tif" else None)
    elif path.suffix == ".npy":
        np.save(path, noise)
    else:
        Image.fromarray(noise).save(path)
    cut_off(path)

    with pytest.raises(ImageError) as caught:
        read_image(path)

    assert name in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.npy"])
@pytest.mark.parametrize("content", [b"", b"hello, this is text"])
def test_text_under_the_name_of_a_picture_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / name)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "says"), [("nowhere.tif", "no file"), ("a.xyz", "of a kind"), ("folder", "is a folder")]
)
def test_what_is_no_picture_file_is_refused_with_a_hint(tmp_path, name, says):
    (tmp_path / "a.xyz").write_text("what")
    (tmp_path / "folder").mkdir()

    with pytest.raises(ImageError, match=says) as caught:
        read_image(tmp_path / name)

    assert caught.value.hint


def test_python_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, 1], object), allow_pickle=True)

    with pytest.raises(ImageError, match="Python objects"):
        read_image(tmp_path / "a.npy")


def test_a_compression_that_takes_another_package_says_which(tmp_path):
    Image.fromarray(ramp((40, 50), np.uint8)).save(tmp_path / "a.tif", compression="tiff_lzw")

    try:
        picture = read_image(tmp_path / "a.tif")
    except ImageError as error:
        assert "LZW" in error.message  # noqa: PT017 - one of two good ends
        assert "pip install imagecodecs" in error.hint  # noqa: PT017
    else:
        assert picture.shape == (40, 50)
