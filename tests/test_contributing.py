"""What CONTRIBUTING.md shows is done as it stands there: an engine is added, and an operation on masks."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.blocks import ROOT, Block, blocks_of, changed

BLOCKS = blocks_of(ROOT / "CONTRIBUTING.md")
SRC = ROOT / "src"
IN_REPOSITORY = ("src/", "tests/")


def titled(title: str) -> Block:
    (block,) = [block for block in BLOCKS if block.title == title]
    return block


def run(folder: Path, *command: object, paths: tuple[Path, ...]) -> str:
    """Run Python in ``folder`` with only these paths before those of the environment, and return what it says."""
    more = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "COLUMNS": "200", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def by_pytest(folder: Path, *more: str, paths: tuple[Path, ...]) -> str:
    """Run pytest with this project's strictness."""
    options = ("-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder, "-W", "error")
    return run(folder, "-m", "pytest", *options, "--import-mode=importlib", *more, paths=paths)


# -- an engine ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Write the package of the page, with what pip would note of it, and return its folder."""
    folder = tmp_path_factory.mktemp("engine")
    for block in BLOCKS:
        if "." in block.title and not block.title.startswith(IN_REPOSITORY):
            path = folder / block.title
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    project = tomllib.loads(titled("pyproject.toml").text)["project"]
    noted = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    noted.mkdir()
    (noted / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = (
        "\n".join((f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())))
        for group, entries in project["entry-points"].items()
    )
    (noted / "entry_points.txt").write_text("\n\n".join(groups))
    return folder


def test_the_engine_of_the_page_passes_the_tests_for_engines(package):
    commands = shlex.split(titled("engine").text)
    said = by_pytest(package, commands[commands.index("pytest") + 1], paths=(package, SRC))

    assert " passed" in said and "failed" not in said


def test_the_engine_of_the_page_is_listed_and_segments_in_the_shell(package):
    *_, made, segment, doctor = titled("engine").text.splitlines()
    run(package, *shlex.split(made)[1:], paths=(package, SRC))

    for line in (segment, doctor):
        said = run(package, "-m", "napari_sam3_assistant", *shlex.split(line)[1:], paths=(package, SRC))
        assert "otsu" in segment and ("847" in said or "Bright objects" in said)

    labels = tifffile.imread(package / "masks" / "cells_mask_01.tif")
    assert labels[343, 331] == 1
    assert np.count_nonzero(labels) == 847


# -- an operation on masks ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changed_copy(tmp_path_factory) -> Path:
    """Return a copy of the repository in which everything is done that the page says."""
    copy = tmp_path_factory.mktemp("operation")
    for name in ("src", "tests", "docs", "scripts"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "images"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for block in BLOCKS:
        path = copy / block.title
        if block.kind == "diff":
            path.write_text(changed(path.read_text(encoding="utf-8"), block.text), encoding="utf-8")
        elif block.title.startswith(IN_REPOSITORY):
            path.write_text(block.text, encoding="utf-8")
    return copy


def test_the_operation_of_the_page_keeps_the_rules_of_all_operations(changed_copy):
    said = by_pytest(
        changed_copy, "tests/masks/test_flat.py", "tests/masks/test_every_operation.py", "-k", "flat",
        paths=(changed_copy / "src", changed_copy),
    )  # fmt: skip

    assert " passed" in said and "failed" not in said


def test_the_operation_of_the_page_is_offered_by_the_shell_and_does_it(changed_copy, tmp_path):
    labels = np.zeros((20, 20), np.uint8)
    labels[2, 2:12], labels[8:14, 2:12] = 1, 2
    tifffile.imwrite(tmp_path / "scratched.tif", labels)

    run(
        tmp_path, "-m", "napari_sam3_assistant", "masks", "clean", "scratched.tif", "--remove-flat", "--out", "clean",
        paths=(changed_copy / "src",),
    )  # fmt: skip

    np.testing.assert_array_equal(tifffile.imread(tmp_path / "clean" / "scratched.tif"), np.where(labels == 2, 2, 0))


def test_the_operation_of_the_page_breaks_no_rule_of_the_house(changed_copy):
    run(
        changed_copy, "-c", "from importlinter.cli import lint_imports_command as check; check()", "--no-logo",
        "--no-cache", paths=(changed_copy / "src",),
    )  # fmt: skip
    ruff = Path(sys.executable).with_name("ruff")
    touched = [block.title for block in BLOCKS if block.title.startswith(IN_REPOSITORY)]
    for command in (("check", "--quiet"), ("format", "--check", "--quiet")):
        done = subprocess.run([ruff, *command, *touched], cwd=changed_copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


WINDOW = """
import numpy as np
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.masking.controller import MaskController
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.widgets.bind import Bindings, on_main
from napari_sam3_assistant.widgets.masks.cleanup import CleanupTab

qt = QApplication([])
on_main(lambda: None)
viewer = ViewerModel()
labels = np.zeros((20, 20), np.uint8)
labels[2, 2:12], labels[8:14, 2:12] = 1, 2
layer = viewer.add_labels(labels)
masks = MaskController(viewer, MaskState(), runtime.acquire(), on_main)
tab = CleanupTab(masks, Bindings())
(entry,) = [one for one in tab.components.entries.actions() if one.text() == "Remove Flat Objects"]
entry.trigger()
while masks.state.busy:
    qt.processEvents()
assert "Remove Flat Objects" in tab.components.more.toolTip()
print(masks.state.message, np.unique(layer.data))
masks.undo()
while masks.state.busy:
    qt.processEvents()
print(np.unique(layer.data))
masks.close()
runtime.release()
"""


def test_the_operation_of_the_page_is_in_the_menu_and_is_taken_back(changed_copy, monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")

    said = run(changed_copy, "-c", WINDOW, paths=(changed_copy / "src",))

    first, second = said.splitlines()
    assert first.startswith("Removed components one pixel thick") and first.endswith("[0 2]")
    assert second == "[0 1 2]"


def test_a_change_that_fits_nowhere_is_an_error():
    with pytest.raises(ValueError, match="0 times"):
        changed("one\n", "@@\n two\n+three\n")
