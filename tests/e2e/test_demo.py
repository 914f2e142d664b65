"""The demo does what the README says of it, and fails where a mask does not fit."""

from __future__ import annotations

import os
import subprocess
import sys

import tifffile

from napari_sam3_assistant.demo import __main__ as demo
from napari_sam3_assistant.demo.cases import Case, Row, run_case


def test_the_demo_clicks_in_a_real_viewer_and_writes_masks_and_pictures(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "napari_sam3_assistant", "demo", "--out", str(tmp_path), "--no-keep-open"],
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 4 masks fit the truth" in done.stdout
    for column in ("prompt", "IoU", "score", "encode ms", "decode ms", "plugin ms"):
        assert column in done.stdout
    masks = sorted(path.name for path in tmp_path.glob("*.tif"))
    assert masks == ["Histology_mask_01.tif", "Histology_mask_02.tif", "Nuclei_mask_01.tif", "Nuclei_mask_02.tif"]
    assert all(tifffile.imread(tmp_path / name).any() for name in masks)
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_a_mask_that_does_not_fit_fails_the_demo(open_driver, tmp_path):
    # One click on one of two nuclei that touch takes both; without a correction that is no fit.
    row = run_case(open_driver(), Case("1 point", "nuclei", 51), tmp_path)

    assert not row.passed and row.iou < 0.85
    assert demo.outcome([row]) == 1


def test_masks_that_fit_end_the_demo_well(tmp_path):
    row = Row("Nuclei", "1 point (+)", (0.9,), 0.9, 1, 1, 1, tmp_path)

    assert row.passed and demo.outcome([row]) == 0
