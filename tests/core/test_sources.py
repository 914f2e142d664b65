"""Sources read one window of one plane, never more."""

import dask.array as da
import numpy as np
import pytest
import zarr
from dask.callbacks import Callback
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.planes import Plane, plane_of
from napari_sam3_assistant.core.sources import Source, array_source, estimate_limits
from napari_sam3_assistant.core.windows import Window


class CountingStore(zarr.storage.MemoryStore):
    """A zarr store that counts the chunks read."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks: list[str] = []

    async def get(self, key, prototype, byte_range=None):
        if "/c/" in f"/{key}":
            self.chunks.append(key)
        return await super().get(key, prototype, byte_range)


def counting_zarr(shape, chunks, dtype=np.uint16):
    store = CountingStore()
    array = zarr.create_array(store, shape=shape, chunks=chunks, dtype=dtype, fill_value=1)
    return array, store


@st.composite
def pictures(draw):
    """A small array of 2 to 5 axes, the axes of a plane, and an index on the others."""
    ndim = draw(st.integers(2, 5))
    shape = tuple(draw(st.integers(1, 6)) for _ in range(ndim))
    row, col = draw(st.permutations(range(ndim)))[:2]
    index = tuple((axis, draw(st.integers(0, shape[axis] - 1))) for axis in range(ndim) if axis not in (row, col))
    top, left = draw(st.integers(0, shape[row] - 1)), draw(st.integers(0, shape[col] - 1))
    bottom, right = draw(st.integers(top + 1, shape[row])), draw(st.integers(left + 1, shape[col]))
    return shape, Plane(row, col, index), Window(top, left, bottom, right)


@given(pictures(), st.sampled_from(["numpy", "dask", "zarr"]))
@settings(deadline=None, max_examples=60)
def test_every_pixel_of_a_window_is_the_one_of_the_array(picture, kind):
    shape, plane, window = picture
    values = np.arange(np.prod(shape)).reshape(shape)
    data = {"numpy": lambda: values, "dask": lambda: da.from_array(values), "zarr": lambda: zarr.array(values)}[kind]()

    read = Source("a", (data,)).read(plane, window)

    assert isinstance(read, np.ndarray) and read.shape == window.shape
    at = dict(plane.index)
    for r in range(window.shape[0]):
        for c in range(window.shape[1]):
            place = {**at, plane.row_axis: window.top + r, plane.col_axis: window.left + c}
            assert read[r, c] == values[tuple(place[axis] for axis in range(len(shape)))]


def test_colour_comes_last_wherever_its_axis_is():
    values = np.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7)
    source = Source("a", (values,), rgb=True, channel_axis=1)

    read = source.read(Plane(2, 3, ((0, 1),)), Window(1, 2, 4, 6))

    np.testing.assert_array_equal(read, np.moveaxis(values[1], 0, -1)[1:4, 2:6])


def test_a_lazy_picture_is_read_by_the_chunks_under_the_window_alone():
    array, store = counting_zarr((3, 4096, 4096), (1, 256, 256))
    source = array_source(array, identity="a", rgb=False)

    source.read(Plane(1, 2, ((0, 2),)), Window(300, 300, 700, 1000))

    assert len(store.chunks) == 2 * 3
    assert all("/2/" in f"/{key.split('c/')[-1]}" or key.split("c/")[-1].startswith("2/") for key in store.chunks)


def test_a_dask_picture_computes_the_chunks_under_the_window_alone():
    computed = []

    def block(block_info=None):
        computed.append(block_info[None]["chunk-location"])
        return np.zeros(block_info[None]["chunk-shape"], np.uint8)

    data = da.map_blocks(block, chunks=((100,) * 20, (100,) * 20), dtype=np.uint8, meta=np.zeros((0, 0), np.uint8))

    array_source(data, identity="a").read(Plane(0, 1), Window(150, 150, 250, 250))

    assert sorted(computed) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_limits_of_a_huge_lazy_plane_read_64_tiles_and_are_those_of_the_picture():
    array, store = counting_zarr((16_384, 16_384), (256, 256))
    source = array_source(array, identity="a")

    estimate_limits(source, Plane(0, 1))

    assert len(store.chunks) <= 64 * 4


def test_limits_of_a_pyramid_come_from_its_coarsest_level():
    full, store = counting_zarr((8192, 8192), (256, 256))
    coarse = np.tile(np.arange(300, dtype=np.uint16), (100, 1))

    limits = estimate_limits(Source("a", (full, coarse)), Plane(0, 1))

    assert not store.chunks and limits.high[0] == pytest.approx(299, abs=1)


def test_limits_of_a_pyramid_down_to_one_pixel_are_those_of_the_picture():
    full = np.tile(np.arange(512, dtype=np.uint16), (512, 1))
    levels = tuple(full[:: 2**k, :: 2**k] for k in range(10))

    limits = estimate_limits(Source("a", levels), Plane(0, 1))

    assert levels[-1].shape == (1, 1) and limits.high[0] == pytest.approx(511, abs=2)


def test_limits_are_the_same_for_every_slice_and_another_for_every_channel():
    stack = np.zeros((4, 2, 32, 32), np.float32)
    stack[:, 0] = np.arange(4)[:, None, None]
    stack[:, 1] = 100
    source = Source("a", (stack,), channel_axis=1)

    first, last = (estimate_limits(source, Plane(2, 3, ((0, z), (1, 0)))) for z in (0, 3))
    other = estimate_limits(source, Plane(2, 3, ((0, 0), (1, 1))))

    assert first == last and first.high[0] == pytest.approx(3)
    assert other.high[0] == pytest.approx(100)


def test_a_coarser_level_is_read_at_the_slice_it_has():
    full, half = np.zeros((10, 8, 8)), np.broadcast_to(np.arange(5)[:, None, None], (5, 4, 4))
    source = Source("a", (full, half))

    assert source.read(Plane(1, 2, ((0, 9),)), Window(0, 0, 4, 4), level=1)[0, 0] == 4
    assert source.factors(Plane(1, 2, ((0, 9),)), 1) == (2, 2)


def test_the_coarsest_level_that_is_large_enough_is_chosen():
    levels = tuple(np.zeros((side, side)) for side in (4096, 2048, 1024, 512))

    source, all_of_it = Source("a", levels), Window(0, 0, 4096, 4096)

    assert source.level_for(Plane(0, 1), all_of_it, 1000) == 2
    assert source.level_for(Plane(0, 1), all_of_it, 9000) == 0
    assert source.level_for(Plane(0, 1), Window(1000, 1000, 3000, 2000), 1000) == 1


def test_writing_into_the_array_changes_the_checksum_and_lazy_pictures_are_not_read():
    picture = np.zeros((3000, 3000), np.uint8)
    source, plane, window = array_source(picture, identity="a"), Plane(0, 1), Window(0, 0, 3000, 3000)
    before = source.checksum(plane, window)
    array, store = counting_zarr((512, 512), (256, 256))

    picture[100:300, 100:300] = 9

    assert source.checksum(plane, window) != before
    assert array_source(array, identity="b").checksum(plane, Window(0, 0, 512, 512)) == 0 and not store.chunks


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (np.zeros((0, 5)), {}),
        (np.zeros((5, 5), complex), {}),
        (np.zeros((5, 5), object), {}),
        (np.zeros(5), {}),
        (np.zeros((5, 5, 2)), {"rgb": True, "channel_axis": 2}),
        (np.zeros((5, 5)), {"channel_axis": 7}),
        (np.zeros((5, 3)), {"rgb": True, "channel_axis": 1}),
    ],
)
def test_pictures_that_cannot_be_segmented_are_refused_with_a_hint(data, options):
    with pytest.raises(ImageError) as caught:
        Source("a", (data,), **options)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("error", "hint"), [(OSError("the disk is gone"), "can still be reached"), (ValueError("no chunk"), "damaged here")]
)
def test_a_source_that_fails_in_the_middle_says_which_picture_and_what_to_do(error, hint):
    def broken(block):
        raise error

    data = da.zeros((100, 100), chunks=50).map_blocks(broken, dtype=float, meta=np.zeros((0, 0)))

    with pytest.raises(ImageError, match=rf"slide 7 could not be read.*{error}") as caught:
        Source("a", (data,), name="slide 7").read(Plane(0, 1), Window(0, 0, 9, 9))

    assert hint in caught.value.hint


def test_a_length_of_three_is_no_channel_axis_unless_told():
    assert not array_source(np.zeros((3, 50, 50), np.uint8), identity="a").rgb
    assert not array_source(np.zeros((50, 50, 3), np.uint16), identity="a").rgb
    assert array_source(np.zeros((50, 50, 3), np.uint8), identity="a").rgb
    assert array_source(np.zeros((50, 50, 3), np.uint16), identity="a", rgb=True).rgb


def test_the_plane_on_screen_is_cut_at_the_nearest_slice_inside():
    plane = plane_of((5, 6, 7, 8), (3, 1), (9.0, 0, -3.2, 0))

    assert plane == Plane(3, 1, ((0, 4), (2, 0)))
    assert plane.at(2, 5).position(2) == 5 and plane.position(3) is None
    with pytest.raises(ImageError):
        plane.at(1, 0)


def test_a_channel_axis_on_screen_is_refused_and_those_that_fit_are_named():
    with pytest.raises(ImageError) as caught:
        plane_of((3, 50, 50), (1, 2), (0, 0, 0), color_axis=2)

    assert "[0]" in caught.value.hint


def test_channels_of_a_mix_come_as_colours_wherever_the_plane_is_cut():
    values = np.arange(2 * 4 * 5 * 7).reshape(2, 4, 5, 7)
    source = Source("a", (values,), channel_axis=1, mix=(3, None, 0))
    here, there = Plane(2, 3, ((0, 1), (1, 0))), Plane(2, 3, ((0, 1), (1, 2)))

    read = source.read(here, Window(1, 2, 4, 6))

    np.testing.assert_array_equal(read[..., 0], values[1, 3, 1:4, 2:6])
    np.testing.assert_array_equal(read[..., 2], values[1, 0, 1:4, 2:6])
    assert not read[..., 1].any() and source.color and source.channels_of(here) == (3, None, 0)
    np.testing.assert_array_equal(read, source.read(there, Window(1, 2, 4, 6)))
    assert source.seen_plane(here) == source.seen_plane(there) == Plane(2, 3, ((0, 1),))


def test_a_mix_reads_the_chunks_of_its_channels_alone_and_has_limits_for_each():
    array, store = counting_zarr((4, 512, 512), (1, 256, 256))
    array[0], array[2] = 100, np.tile(np.arange(512), (512, 1))
    source = Source("a", (array,), channel_axis=0, mix=(0, 2, 2))
    store.chunks.clear()

    source.read(Plane(1, 2, ((0, 1),)), Window(0, 0, 256, 256))
    count = len(store.chunks)
    limits = estimate_limits(source, Plane(1, 2, ((0, 1),)))

    assert count == 2
    assert limits.high == pytest.approx((100, 511, 511), abs=1)


@pytest.mark.parametrize("mix", [(0, 1, 4), (-1, 0, 1), (None, None, None)])
def test_a_mix_of_channels_that_are_not_there_is_refused_and_those_that_are_named(mix):
    with pytest.raises(ImageError) as caught:
        Source("a", (np.zeros((4, 9, 9)),), channel_axis=0, mix=mix)

    assert "0 to 3" in caught.value.hint


def test_an_axis_of_channels_without_a_channel_is_refused():
    with pytest.raises(ImageError, match="is empty"):
        Source("a", (np.zeros((0, 9, 9)),), channel_axis=0)


def test_a_lazy_picture_whose_folder_is_gone_is_an_error_and_not_what_zarr_fills_in(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(20, 20), dtype=np.uint8)
    source = Source("a", (da.from_zarr(array),), path=str(tmp_path / "a.zarr"))
    assert not source.read(Plane(0, 1), Window(0, 0, 5, 5)).any(), "chunks that were never written"

    (tmp_path / "a.zarr").rename(tmp_path / "b.zarr")

    with pytest.raises(ImageError, match=r"a\.zarr is gone") as caught:
        source.read(Plane(0, 1), Window(0, 0, 5, 5))
    assert caught.value.hint


def test_a_lazy_picture_is_read_without_the_callbacks_of_the_whole_process():
    def fail(*_):
        raise KeyError("the cache of another thread")

    source = array_source(da.from_array(np.arange(64.0).reshape(8, 8), chunks=4), identity="lazy")

    with Callback(posttask=fail):
        pixels = source.read(Plane(0, 1), Window(2, 2, 6, 6))

    np.testing.assert_array_equal(pixels, np.arange(64.0).reshape(8, 8)[2:6, 2:6])
