"""Masks that this program wrote are told from pictures."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam3_assistant.export.images import save_labels
from napari_sam3_assistant.export.own_masks import is_own_mask

LABELS = np.ones((8, 9), np.uint8)


@pytest.mark.parametrize("name", ["a_mask_01.tif", "a_roi_mask_12.tif", "a_mask_100.png"])
def test_a_mask_is_known_by_its_name_and_its_note(tmp_path, name):
    path = save_labels(LABELS, tmp_path / name, offset=(0, 0), plane_shape=(8, 9))

    assert is_own_mask(path)


def test_the_note_alone_or_the_name_alone_make_no_mask(tmp_path):
    noted = save_labels(LABELS, tmp_path / "mask.tif", offset=(0, 0), plane_shape=(8, 9))
    tifffile.imwrite(tmp_path / "a_mask_01.tif", LABELS)
    Image.fromarray(LABELS).save(tmp_path / "a_mask_01.png")
    (tmp_path / "a_mask_02.tif").write_text("text")

    assert not any(map(is_own_mask, [noted, *sorted(tmp_path.glob("a_mask_*")), tmp_path / "no_mask_01.tif"]))


def test_an_array_is_a_mask_beside_its_picture_only(tmp_path):
    np.save(tmp_path / "a_mask_01.npy", LABELS)
    np.save(tmp_path / "b_mask_01.npy", LABELS)
    (tmp_path / "a.ome.tif").touch()

    assert is_own_mask(tmp_path / "a_mask_01.npy")
    assert not is_own_mask(tmp_path / "b_mask_01.npy")


def test_an_array_of_a_slice_is_a_mask_beside_its_stack(tmp_path):
    (tmp_path / "a_t5.tif").touch()
    for name in (
        "a_t5_z003_mask_01.npy",
        "a_t5_t001_slice003-004_mask_01.npy",
        "a_t5_mask_01.npy",
        "a_z003_mask_01.npy",
    ):
        np.save(tmp_path / name, LABELS)

    own = [is_own_mask(path) for path in sorted(tmp_path.glob("*.npy"))]

    assert own == [True, True, True, False]
