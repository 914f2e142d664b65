"""Tables of objects: every row, in pixels and world units, in files that are there whole or not at all."""

from __future__ import annotations

import csv
import errno

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.export.tables import Entry, Grid, save_table, tab_separated

MICROMETERS = Grid(np.diag([0.5, 0.25]), np.array([10.0, 20.0]), (0, 1), ("micrometer", "micrometer"))


def entry(id: int = 1, *, layer: str = "cells", prompt: str = "points", index=(), grid: Grid = MICROMETERS) -> Entry:
    mask = PlacedMask(np.ones((2, 4), bool), (6, 8))
    row = ObjectRow(layer, prompt, "i", Plane(1, 2, index), id, 0.12345, mask.area)
    return Entry(row, mask, grid, "/data/cells.tif", "nucleus", "Built-in", "accepted")


def read(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_has_every_row(tmp_path):
    path = save_table([entry(id) for id in range(1, 5001)], tmp_path / "all.csv")

    assert [row["Object ID"] for row in read(path)] == [str(id) for id in range(1, 5001)]


def test_sizes_and_places_are_told_in_pixels_and_in_the_units_of_the_picture(tmp_path):
    (row,) = read(save_table([entry()], tmp_path / "one.csv"))

    assert (row["Area"], row["Area (world)"], row["Area unit"]) == ("8", "1", "micrometer^2")
    assert (row["Centroid row"], row["Centroid column"]) == ("6.5", "9.5")
    assert (row["Centroid row (world)"], row["Centroid column (world)"]) == ("13.25", "22.375")
    assert [row[edge] for edge in ("Top", "Left", "Bottom", "Right")] == ["6", "8", "8", "12"]
    assert [row[key] for key in ("Class", "Engine", "Status")] == ["nucleus", "Built-in", "accepted"]
    assert (row["Picture"], row["Score"], row["Frame"]) == ("/data/cells.tif", "0.12345", "")


def test_the_area_of_pixels_is_that_of_rotated_and_sheared_ones():
    turn = np.array([[0.0, -2.0], [3.0, 1.0]])
    tilted = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    assert Grid(turn, np.zeros(2), (0, 1), ("mm", "mm")).pixel_area == pytest.approx(6)
    assert Grid(tilted, np.zeros(3), (0, 2), ("mm", "s")).pixel_area == pytest.approx(np.sqrt(2))
    assert Grid(tilted, np.zeros(3), (0, 2), ("mm", "s")).area_unit == "mm * s"


@pytest.mark.parametrize("name", ['a "b", c', "two\nlines", "cells \N{MICROSCOPE}", "=1+1", "tab\there"])
def test_names_come_back_as_they_were(tmp_path, name):
    path = save_table([entry(layer=name, prompt=name), entry(2)], tmp_path / "names.csv")

    rows = read(path)
    assert len(rows) == 2 and rows[0]["Layer"] == rows[0]["Prompt"] == name


def test_a_name_that_is_no_text_is_written_all_the_same(tmp_path):
    (row,) = read(save_table([entry(layer="a\udcff")], tmp_path / "one.csv"))

    assert row["Layer"] == "a\\udcff"


def test_a_file_that_is_there_is_replaced_only_where_the_user_agreed(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("mine")

    with pytest.raises(SaveError, match="is there already"):
        save_table([entry()], path)
    assert path.read_text() == "mine"
    save_table([entry()], path, overwrite=True)
    assert len(read(path)) == 1


def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "mine.csv"
    path.write_text("mine")

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_sam3_assistant.export.atomic.os.fsync", full)
    with pytest.raises(SaveError, match="full"):
        save_table([entry()], path, overwrite=True)

    assert path.read_text() == "mine" and [one.name for one in tmp_path.iterdir()] == ["mine.csv"]


def test_the_clipboard_gets_a_header_and_a_line_a_row():
    text = tab_separated([entry(index=((0, 3),)).row, entry(2, layer="a\tb\nc", prompt="", index=()).row])

    assert text.splitlines() == [
        "Layer\tPrompt\tFrame\tObject ID\tScore\tArea\tStatus",
        "cells\tpoints\t3\t1\t0.123\t8\t-",
        "a b c\t-\t-\t2\t0.123\t8\t-",
    ]
