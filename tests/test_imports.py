"""What is imported when: opening a widget loads nothing heavy, and the core does without a screen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import napari_sam3_assistant
from benchmarks.imports import HEAVY, heavy_among

PACKAGE = "napari_sam3_assistant"
ROOT = Path(napari_sam3_assistant.__file__).parent
WITHOUT_SCREEN = ("core", "wire", "engines", "tasks", "masks", "export", "samples", "server", "cli", "api")
# These sub-packages import torch at their top and are loaded by the registry alone.
MODELS = ("engines.sam3", "engines.meta")
SCREEN = ("napari", "vispy", "qtpy", "superqt", "magicgui", "PyQt5", "PyQt6", "PySide2", "PySide6")

BLOCK = f"""
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {SCREEN}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
"""

# napari's window without opening it, and with it every layer: less than what napari loads for a user.
NAPARI = """
import napari, napari.layers, napari._qt.qt_main_window
from qtpy import QtWidgets
"""


def printed(program: str):
    """Run a program in a fresh process and return the JSON of its last line."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def loaded_by(what: str, before: str = "") -> list[str]:
    """Return the modules that ``what`` loads beyond those that ``before`` loads."""
    return printed(
        f"import json, sys\n{before}\nbefore = set(sys.modules)\n{what}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )


def modules_without_screen() -> list[str]:
    """Return the modules that must not need a screen, found without importing any."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name.partition(".")[0] in WITHOUT_SCREEN and not name.startswith(MODELS):
            found.append(f"{PACKAGE}.{name}")
    return found


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_by(f"import {PACKAGE}")

    ours = [name for name in loaded if name.startswith(PACKAGE)]
    assert ours == [PACKAGE]
    assert heavy_among(loaded) == []
    assert not {"numpy", "napari", "qtpy", "rich", "typer", "psygnal"} & set(loaded)


def test_reading_the_manifest_loads_nothing_of_ours():
    manifest = str(ROOT / "napari.yaml")

    loaded = loaded_by(f"PluginManifest.from_file({manifest!r})", before="from npe2 import PluginManifest")

    assert [name for name in loaded if name.startswith(PACKAGE)] == []
    assert heavy_among(loaded) == []


@pytest.mark.parametrize("widget", ["main_widget", "mask_operations_widget"])
def test_importing_a_widget_loads_nothing_heavy_beyond_what_napari_has_loaded(widget):
    loaded = loaded_by(f"import {PACKAGE}.widgets.{widget}", before=NAPARI)

    assert f"{PACKAGE}.widgets.{widget}" in loaded
    assert heavy_among(loaded) == []


def test_the_core_the_shell_and_python_do_without_napari_and_qt():
    modules = modules_without_screen()
    assert {f"{PACKAGE}.core.windows", f"{PACKAGE}.engines.builtin.engine", f"{PACKAGE}.api"} <= set(modules)
    program = (
        f"{BLOCK}\nimport importlib, json\n"
        f"for name in {modules}:\n    importlib.import_module(name)\n"
        f"print(json.dumps([name for name in sys.modules if name.partition('.')[0] in {SCREEN}]))"
    )

    assert printed(program) == []


def test_a_mask_is_made_where_napari_and_qt_are_missing():
    program = f"""{BLOCK}
import json
import numpy as np
from {PACKAGE} import segment
picture = np.full((64, 64), 20, np.uint8)
picture[20:40, 20:40] = 200
print(json.dumps(int(segment(picture, points=[(30, 30)]).labels.any())))
"""

    assert printed(program) == 1


def test_heavy_packages_are_told_from_their_namesakes():
    assert heavy_among(["dask", "dask.array.core", "scipyfoo", "torch", "zarr.core"]) == [
        "dask.array.core",
        "torch",
        "zarr.core",
    ]
    assert "dask.array" in HEAVY
