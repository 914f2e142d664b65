"""segment(): one call from an image and prompts to masks."""

import dask.array as da
import numpy as np
import pytest
import zarr

import napari_sam3_assistant
from napari_sam3_assistant import segment
from napari_sam3_assistant.api import Segmenter, read_image
from napari_sam3_assistant.core.errors import (
    AssistantError,
    Cancelled,
    EngineError,
    ImageError,
    ModelFolderError,
    PromptError,
    SaveError,
    Unsupported,
)
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.export.images import read_labels

FIRST, SECOND = (20, 20), (60, 70)


def two_squares(dtype=np.uint8) -> np.ndarray:
    """Return 100 x 120: a square of 20 pixels round row 20, column 20, and one round row 60, column 70."""
    image = np.full((100, 120), 40, np.float64)
    image[10:30, 10:30] = 200
    image[50:70, 60:80] = 160
    return image.astype(dtype)


def iou(mask, rows, cols) -> float:
    truth = np.zeros(mask.shape, bool)
    truth[slice(*rows), slice(*cols)] = True
    return np.count_nonzero((mask > 0) & truth) / np.count_nonzero((mask > 0) | truth)


def test_a_point_gives_one_object_on_labels_of_the_planes_size():
    result = segment(two_squares(), points=[FIRST])

    assert result.labels.shape == (100, 120)
    assert result.labels.dtype == np.uint32
    assert iou(result.labels, (10, 30), (10, 30)) > 0.9
    assert result.areas == {1: np.count_nonzero(result.labels)}
    assert 0 <= result.scores[1] <= 1
    assert result.engine == "builtin"


def test_points_are_all_about_one_object():
    result = segment(two_squares(), points=[FIRST, SECOND])

    (one,) = result.objects
    assert one.prompt == "2 points"
    assert one.mask.value_at(*FIRST)
    assert one.mask.value_at(*SECOND)


@pytest.mark.parametrize("word", [False, 0, "-", "neg", "negative", np.bool_(False)])
def test_a_negative_point_lies_outside_the_object(word):
    (one,) = segment(two_squares(), points=[FIRST, (25, 25, word)]).objects

    assert one.mask.value_at(*FIRST)
    assert not one.mask.value_at(25, 25)


@pytest.mark.parametrize("word", [True, 1, "+", "pos"])
def test_a_third_part_may_say_positive(word):
    (one,) = segment(two_squares(), points=[(*FIRST, word)]).objects

    assert one.mask.value_at(*FIRST)


def test_each_box_gives_one_object_and_the_image_is_encoded_once(count_encodes):
    result = segment(two_squares(), boxes=[(8, 8, 32, 32), (48, 58, 72, 82)])

    assert [one.prompt for one in result.objects] == ["box 1", "box 2"]
    assert iou(result.labels == 1, (10, 30), (10, 30)) > 0.9
    assert iou(result.labels == 2, (50, 70), (60, 80)) > 0.9
    assert count_encodes() == 1


def test_prompts_of_all_kinds_take_one_encoding(count_encodes):
    rough = np.zeros((100, 120), bool)
    rough[51:68, 61:79] = True

    result = segment(two_squares(), boxes=[(8, 8, 32, 32)], masks=[rough], exemplars=[(8, 8, 32, 32)])

    assert [one.prompt for one in result.objects[:3]] == ["box 1", "mask 1", "like the example"]
    assert count_encodes() == 1


def test_a_rough_mask_is_drawn_to_the_outline():
    rough = np.zeros((100, 120), bool)
    rough[51:68, 61:79] = True

    result = segment(two_squares(), masks=[rough])

    assert iou(result.labels, (50, 70), (60, 80)) > 0.9


def test_each_label_of_a_label_image_gives_one_object():
    rough = np.zeros((100, 120), np.uint16)
    rough[13:26, 13:26] = 7
    rough[51:68, 61:79] = 300

    result = segment(two_squares(), masks=[rough])

    assert [one.prompt for one in result.objects] == ["mask 1, label 7", "mask 1, label 300"]
    assert iou(result.labels == 2, (50, 70), (60, 80)) > 0.9


def test_points_beside_one_box_correct_it():
    result = segment(two_squares(), boxes=[(8, 8, 32, 32)], points=[FIRST, (25, 25, "-")])

    (one,) = result.objects
    assert one.prompt == "box 1, 2 points"
    assert not one.mask.value_at(25, 25)


def test_points_beside_several_boxes_are_refused_with_a_way_out():
    with pytest.raises(PromptError, match="not clear") as caught:
        segment(two_squares(), boxes=[(8, 8, 32, 32), (48, 58, 72, 82)], points=[FIRST])

    assert "call of their own" in caught.value.hint


def test_exemplars_find_what_is_alike_and_a_higher_threshold_finds_less():
    image = np.full((120, 120), 30, np.uint8)
    for row in (20, 60, 100):
        for col in (20, 60, 100):
            image[row - 8 : row + 8, col - 8 : col + 8] = 180

    with Segmenter() as segmenter:
        many = segmenter.segment(image, exemplars=[(10, 10, 30, 30)], threshold=0)
        usual = segmenter.segment(image, exemplars=[(10, 10, 30, 30)])
        none = segmenter.segment(image, exemplars=[(10, 10, 30, 30)], threshold=1)

    assert len(usual.objects) == 9
    assert len(many.objects) >= len(usual.objects) >= len(none.objects)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.float16, np.float32, np.float64])
def test_any_real_data_type_can_be_segmented(dtype):
    image = two_squares() > 100 if dtype is bool else two_squares(dtype)

    assert iou(segment(image, points=[FIRST]).labels, (10, 30), (10, 30)) > 0.9


def test_nan_and_infinity_are_taken_for_black_and_white():
    image = two_squares(np.float32)
    image[:5] = np.nan
    image[90:] = np.inf

    assert iou(segment(image, points=[FIRST]).labels, (10, 30), (10, 30)) > 0.9


@pytest.mark.parametrize("image", [np.full((8, 8), np.nan), np.zeros((8, 8)), np.ones((1, 1), np.uint8)])
def test_an_image_without_any_structure_still_gives_the_pixel_that_was_pointed_at(image):
    (one,) = segment(image, points=[(0, 0)]).objects

    assert one.mask.value_at(0, 0)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((0, 4)), "empty"),
        (np.zeros((4, 4), complex), "complex"),
        (np.zeros(5), "no plane"),
        (np.zeros((4, 4), object), "not intensities"),
        ("nowhere.tif", "no file"),
        (None, "None is no image"),
        ({}, "A dict is no image"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_hint(image, says):
    with pytest.raises(ImageError, match=says) as caught:
        segment(image, points=[(0, 0)])

    assert caught.value.hint


@pytest.mark.parametrize(
    "prompts",
    [
        {},
        {"points": [(-1, 5)]},
        {"points": [(5, 120)]},
        {"points": [(float("nan"), 5)]},
        {"points": [(5,)]},
        {"points": [("a", 5)]},
        {"points": [(5, 5, "perhaps")]},
        {"points": [(5, 5, None)]},
        {"points": [(5, 5), (90, 90)], "window": (0, 0, 40, 40)},
        {"exemplars": [(50, 60, 70, 80)], "window": (0, 0, 40, 40)},
        {"points": (5, 5)},
        {"points": "5,5"},
        {"points": [(5, 5, "-")]},
        {"boxes": [(5, 5, 5, 9)]},
        {"boxes": [(9, 9, 5, 5)]},
        {"boxes": [(200, 0, 300, 10)]},
        {"boxes": [(0, 0, 10)]},
        {"masks": [np.ones((3, 3), bool)]},
        {"masks": [np.zeros((100, 120), bool)]},
        {"masks": [np.zeros((100, 120))]},
        {"masks": np.ones((100, 120), bool)},
        {"exemplars": [(0, 0, 9, 9, "-")]},
        {"exemplars": [(200, 0, 300, 10)]},
        {"points": [(5, 5)], "window": (0, 0, 0, 0)},
        {"points": [(5, 5)], "window": 0},
        {"exemplars": [(0, 0, 9, 9)], "threshold": 2},
    ],
    ids=str,
)
def test_a_prompt_that_cannot_be_is_refused_with_a_hint(prompts):
    with pytest.raises(PromptError) as caught:
        segment(two_squares(), **prompts)

    assert caught.value.hint


def test_a_box_that_reaches_out_of_the_image_is_cut():
    result = segment(two_squares(), boxes=[(-50, -50, 32, 32)])

    assert iou(result.labels, (10, 30), (10, 30)) > 0.9


def test_an_unknown_engine_is_refused_with_those_there_are():
    with pytest.raises(Unsupported, match="nix") as caught:
        segment(two_squares(), points=[FIRST], engine="nix")

    assert "builtin" in caught.value.hint


def test_a_model_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelFolderError, match="no folder"):
        segment(two_squares(), points=[FIRST], model=tmp_path / "nowhere")


@pytest.mark.parametrize("point", [(3, 34, 33), (3, 34, 2), (3.0, 34.0, 0.5), np.array([3, 34, 33])])
def test_a_point_of_a_stack_is_told_from_a_signed_one(point):
    with pytest.raises(PromptError, match="sign of a point") as caught:
        segment(np.stack([two_squares()] * 4), points=[point], plane=3)

    assert "(row, col, sign)" in caught.value.hint
    assert "plane=" in caught.value.hint


@pytest.mark.parametrize("sign", [-1, 0, -1.0, np.int64(-1), np.bool_(False), "-1"])
def test_a_sign_of_a_point_may_be_a_number(sign):
    assert segment(two_squares(), points=[FIRST, (25, 25, sign)]).labels[25, 25] == 0
    assert segment(two_squares(), points=[(*FIRST, 1)]).labels[FIRST] == 1


@pytest.mark.parametrize(
    "prompts", [{"points": [FIRST]}, {"boxes": [(5, 5, 9, 9)]}, {"exemplars": [(5, 5, 9, 9)]}], ids=str
)
def test_a_prompt_outside_the_window_is_said_to_be_outside_the_window(prompts):
    with pytest.raises(PromptError, match="outside the window 50,50,90,90") as caught:
        segment(two_squares(), window=(50, 50, 90, 90), **prompts)

    assert "--window" in caught.value.in_shell


# -- stacks, channels and colour ---------------------------------------------------------------------


def test_a_stack_asks_which_plane_and_says_how_to_tell():
    with pytest.raises(ImageError, match=r"3 positions along axis 0 times 2 along axis 1") as caught:
        segment(np.zeros((3, 2, 100, 120)), points=[FIRST])

    assert "plane=(0, 0)" in caught.value.hint
    assert "--plane 0,0" in caught.value.in_shell
    assert "plane=" not in caught.value.in_shell


@pytest.mark.parametrize("plane", [(2, 0, 1), [2, 1], {0: 2, 2: 1}])
def test_a_plane_of_five_dimensions_is_told_by_its_positions(plane):
    stack = np.zeros((3, 1, 2, 100, 120), np.uint8)
    stack[2, 0, 1] = two_squares()

    result = segment(stack, points=[FIRST], plane=plane)

    assert iou(result.labels, (10, 30), (10, 30)) > 0.9


@pytest.mark.parametrize("plane", [3, -1, (0, 0), {1: 0}, {"t": 0}])
def test_a_plane_that_is_not_there_is_refused(plane):
    with pytest.raises(ImageError) as caught:
        segment(np.zeros((3, 100, 120)), points=[FIRST], plane=plane)

    assert caught.value.hint


def test_axes_of_length_one_need_not_be_told():
    assert segment(two_squares()[None, None], points=[FIRST]).shape == (100, 120)


def test_eight_bit_rgb_is_known_by_its_shape_and_other_colour_is_told():
    rgb = np.stack([two_squares()] * 3, axis=-1)

    assert segment(rgb, points=[FIRST]).shape == (100, 120)
    assert segment(rgb.astype(np.float32), points=[FIRST], rgb=True).shape == (100, 120)
    assert segment(np.moveaxis(rgb, -1, 0), points=[FIRST], rgb=True, channel_axis=0).shape == (100, 120)


def test_colour_that_was_not_told_is_not_guessed_and_the_hint_says_so():
    with pytest.raises(ImageError) as caught:
        segment(np.zeros((100, 120, 3), np.float32), points=[FIRST])

    assert "rgb=True" in caught.value.hint


def test_colour_in_front_is_found_for_who_asks_for_colour():
    with pytest.raises(ImageError, match="last axis") as caught:
        segment(np.stack([two_squares()] * 3), points=[FIRST], rgb=True)

    assert "channel_axis=0" in caught.value.hint
    assert "--channels 0 --rgb" in caught.value.in_shell


def test_an_axis_that_is_not_there_leads_to_one_that_is():
    stack = np.stack([two_squares()] * 3)

    with pytest.raises(ImageError, match="no axis z") as caught:
        segment(stack, points=[FIRST], plane={"z": 1})

    assert "--plane 0=0" in caught.value.in_shell
    assert segment(stack, points=[FIRST], plane={"0": 1}).plane == ((0, 1),)


def test_a_saved_mask_knows_the_plane_it_is_of(tmp_path):
    stack = np.stack([two_squares()] * 3)

    for suffix in (".tif", ".png"):
        path = segment(stack, points=[FIRST], plane=2).save(tmp_path / f"m{suffix}")
        assert read_labels(path).place.plane == ((0, 2),)
        flat = segment(two_squares(), points=[FIRST]).save(tmp_path / f"flat{suffix}")
        assert read_labels(flat).place.plane is None


def test_a_channel_last_is_chosen_by_its_axis():
    image = np.stack([np.zeros((100, 120)), two_squares(float)], axis=-1)

    result = segment(image, points=[FIRST], channel_axis=-1, plane=1)

    assert iou(result.labels, (10, 30), (10, 30)) > 0.9


# -- large and lazy ----------------------------------------------------------------------------------


def test_a_click_on_a_large_lazy_plane_reads_only_its_window():
    read = []

    def block(block_info):
        location = block_info[None]["array-location"]
        read.append(location)
        return np.full([b - a for a, b in location], 60, np.uint8)

    chunks = ((512,) * 40, (512,) * 40)
    plane = da.map_blocks(block, dtype=np.uint8, chunks=chunks, meta=np.empty((0, 0), np.uint8))

    result = segment(plane, points=[(10_000, 10_000)])

    assert 4 <= len(read) <= 9
    assert result.windows[0].shape == (1024, 1024)


def test_an_object_of_a_sparse_plane_is_seen_though_tiles_of_the_plane_are_empty(tmp_path):
    plane = zarr.create_array(tmp_path / "a.zarr", shape=(30_000, 30_000), chunks=(512, 512), dtype="u2", fill_value=7)
    plane[20_010:20_030, 10_010:10_030] = 3000

    (one,) = segment(plane, points=[(20_020, 10_020)]).objects

    assert one.box == (20_010, 10_010, 20_030, 10_030)


def test_what_is_looked_at_can_be_told():
    image = two_squares()

    square = segment(image, points=[FIRST], window=64)
    rectangle = segment(image, points=[FIRST], window=(0, 0, 50, 50))

    assert square.windows[0].shape == (64, 64)
    assert rectangle.windows[0].box.corners == (0, 0, 50, 50)
    assert iou(rectangle.labels, (10, 30), (10, 30)) > 0.9


# -- several questions -------------------------------------------------------------------------------


def test_the_same_array_is_encoded_once_for_several_questions(count_encodes):
    image = two_squares()

    with Segmenter() as segmenter:
        first = segmenter.segment(image, points=[FIRST])
        second = segmenter.segment(image, points=[SECOND])

    assert count_encodes() == 1
    assert first.encode_ms > 0
    assert second.encode_ms == 0


def test_an_array_that_was_written_to_is_encoded_again(count_encodes):
    image = two_squares()

    with Segmenter() as segmenter:
        segmenter.segment(image, points=[FIRST])
        image[:] = image[::-1].copy()
        again = segmenter.segment(image, points=[(80, 20)])

    assert count_encodes() == 2
    assert iou(again.labels, (70, 90), (10, 30)) > 0.9


def test_a_closed_segmenter_says_so():
    segmenter = Segmenter()
    segmenter.close()
    segmenter.close()

    with pytest.raises(EngineError, match="closed"):
        segmenter.segment(two_squares(), points=[FIRST])


def test_progress_is_told():
    told = []

    segment(two_squares(), points=[FIRST], progress=lambda fraction, message="": told.append(fraction))

    assert told[-1] == 1


# -- results -----------------------------------------------------------------------------------------


def test_of_two_objects_on_a_pixel_the_better_one_keeps_it():
    result = segment(two_squares(), boxes=[(8, 8, 32, 32), (0, 0, 40, 40)])

    best = max(result.objects, key=lambda one: one.score)
    assert np.count_nonzero(result.labels == best.label) == best.area


def test_a_file_takes_its_format_from_its_name_and_is_not_overwritten(tmp_path):
    result = segment(two_squares(), points=[FIRST])

    path = result.save(tmp_path / "mine.png")

    assert np.array_equal(read_labels(path).labels, result.labels)
    with pytest.raises(SaveError, match="there already"):
        result.save(path)
    assert result.save(path, overwrite=True) == path


def test_in_a_folder_the_next_free_name_is_taken(tmp_path):
    image = tmp_path / "scan_0.5um.npy"
    np.save(image, two_squares())
    result = segment(image, points=[FIRST])

    names = [result.save(tmp_path / "out", format="npy").name for _ in range(2)]

    assert names == ["scan_0.5um_mask_01.npy", "scan_0.5um_mask_02.npy"]


def test_of_a_large_plane_the_part_with_the_objects_is_written_with_its_place(tmp_path):
    plane = np.zeros((100, 5000), np.uint8)
    plane[:, 3000:3120] = two_squares()
    result = segment(plane, points=[(20, 3020)])

    path = result.save(tmp_path)

    saved = read_labels(path)
    assert path.name == "image_roi_mask_01.tif"
    assert saved.labels.shape == (20, 20)
    assert saved.place.offset == (10, 3010)
    assert saved.place.plane_shape == (100, 5000)


def test_an_ome_zarr_is_a_file_to_the_user_and_not_a_folder_to_save_into(tmp_path):
    result = segment(two_squares(), points=[FIRST])

    path = result.save(tmp_path / "mine.ome.zarr")

    assert path == tmp_path / "mine.ome.zarr" and read_labels(path).labels.shape == two_squares().shape
    with pytest.raises(SaveError, match="there already"):
        result.save(path)


def test_what_cannot_be_saved_is_refused_with_a_hint(tmp_path):
    result = segment(two_squares(), points=[FIRST])
    (tmp_path / "file").write_text("in the way")

    for where, more in (
        (tmp_path / "file" / "folder", {}),
        (tmp_path / "a.png", {"format": "tiff"}),
        (tmp_path / "a.xyz", {}),
        (tmp_path, {"format": "bmp"}),
        (tmp_path / "nowhere" / "a.png", {}),
    ):
        with pytest.raises(SaveError) as caught:
            result.save(where, **more)
        assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_result_without_objects_saves_nothing_and_says_so(tmp_path):
    result = segment(np.zeros((50, 50), np.uint8), exemplars=[(10, 10, 20, 20)], threshold=1)

    if not result.objects:
        with pytest.raises(SaveError, match="no mask"):
            result.save(tmp_path)


def test_a_result_tells_in_one_line_what_it_is():
    text = repr(segment(two_squares(), boxes=[(8, 8, 32, 32), (48, 58, 72, 82)]))

    assert "2 objects by builtin" in text
    assert "\n" not in text


def test_the_public_names_are_there_on_demand():
    assert napari_sam3_assistant.segment is segment
    assert napari_sam3_assistant.Result.__name__ == "Result"
    assert issubclass(PromptError, AssistantError)


def test_a_picture_that_was_read_is_an_array_too(tmp_path):
    np.save(tmp_path / "a.npy", two_squares())

    picture = read_image(tmp_path / "a.npy")

    assert np.array_equal(np.asarray(picture), two_squares())
    assert segment(picture, points=[FIRST]).name == "a.npy"


# -- what others raise -------------------------------------------------------------------------------


def test_a_lazy_image_that_raises_while_it_is_read_says_what_it_said():
    def broken(block):
        raise OSError("the server is gone")

    image = da.zeros((50, 50), dtype=np.uint8).map_blocks(broken, meta=np.empty((0, 0), np.uint8))

    with pytest.raises(ImageError, match="the server is gone"):
        segment(image, points=[FIRST])


@pytest.mark.parametrize(
    ("method", "prompts"), [("segment", {"points": [FIRST]}), ("find", {"exemplars": [(8, 8, 32, 32)]})]
)
def test_a_foreign_error_of_an_engine_becomes_one_of_ours(monkeypatch, method, prompts):
    def fail(self, *arguments):
        raise ZeroDivisionError("of somebody else")

    monkeypatch.setattr(BuiltinEngine, method, fail)

    with pytest.raises(EngineError, match="of somebody else") as caught:
        segment(two_squares(), **prompts)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_call_that_was_cancelled_ends():
    cancel = CancelToken()
    cancel.cancel()

    with Segmenter() as segmenter, pytest.raises(Cancelled):
        segmenter.segment(two_squares(), points=[FIRST], cancel=cancel)
