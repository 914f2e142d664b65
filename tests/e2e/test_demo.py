"""The demo does what the README says of it, and fails where a mask does not fit."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.demo import __main__ as demo
from napari_sam3_assistant.demo.cases import CASES, MARKS, Case, Kind, Row
from napari_sam3_assistant.demo.fit import box_round, f1, iou, matched, next_click, zigzag
from napari_sam3_assistant.demo.play import run_case


def row(kind: Kind, fit: float, folder) -> Row:
    return Row("Nuclei", kind, "+", (0.2, fit), 0.9, 1, 1, 1, 1, folder)


@pytest.mark.timeout(180)
def test_the_demo_points_in_six_ways_on_three_samples_and_writes_masks_and_pictures(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "napari_sam3_assistant", "demo", "--out", str(tmp_path), "--no-keep-open"],
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 18 rows fit the truth" in done.stdout
    for column in ("pointed at by", "fit to the truth", "score", "actions", "encode ms", "decode ms", "plugin ms"):
        assert column in done.stdout
    for sample in ("Histology", "Nuclei", "Phase contrast"):
        masks = sorted(tmp_path.glob(f"{sample}_mask_0?.tif"))
        assert len(masks) == len(Kind) and all(tifffile.imread(path).any() for path in masks)
    assert len(list(tmp_path.glob("*.png"))) == 18


def test_every_kind_is_shown_on_every_sample():
    assert len({(case.kind, case.sample) for case in CASES}) == len(CASES) == len(Kind) * 3


def test_a_mask_that_does_not_fit_fails_the_demo(open_driver, tmp_path):
    # One click on one of two nuclei that touch takes both; without a correction that is no fit.
    found = run_case(open_driver(), Case(Kind.POINT, "nuclei", 61), tmp_path)

    assert not found.passed and found.fit < 0.85
    assert demo.outcome([found]) == 1


@pytest.mark.parametrize("kind", Kind)
def test_the_last_mask_of_a_row_must_reach_the_mark_of_its_kind(kind, tmp_path):
    good, bad = row(kind, MARKS[kind], tmp_path), row(kind, MARKS[kind] - 0.01, tmp_path)

    assert good.passed and demo.outcome([good]) == 0
    assert not bad.passed and demo.outcome([good, bad]) == 1


def test_fits_are_those_of_masks_and_truth():
    truth = np.zeros((40, 60), int)
    truth[5:15, 5:15], truth[20:30, 30:50] = 1, 2
    first, both = truth == 1, truth > 0

    assert iou(first, first) == 1 and iou(first, ~both) == 0
    assert matched(both, truth) == (2, iou(both, truth == 2)) and matched(truth == 0, truth) == (0, 0.0)
    assert f1([first, truth == 2], truth) == 1 and f1([first], truth) == pytest.approx(2 / 3)
    assert f1([first, first], truth) == 0.5, "an object that is found twice counts once"
    assert f1([], truth) == 0


def test_the_hand_goes_where_the_mask_is_most_wrong_and_paints_inside_the_object():
    truth = np.zeros((40, 60), bool)
    truth[10:31, 20:41] = True

    assert next_click(truth, np.zeros_like(truth)) == (20, 30, True)
    assert next_click(truth, np.ones_like(truth))[2] is False
    assert box_round(truth, 3) == (7, 17, 33, 43)
    corners = zigzag(truth, brush=4, share=0.8)
    assert len(corners) >= 6 and all(truth[round(row), round(col)] for row, col in corners)
