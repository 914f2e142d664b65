"""napari-sam3-assistant doctor and demo, and what the command as a whole promises."""

import json
import subprocess
import sys

import numpy as np
import pytest

import napari_sam3_assistant
import napari_sam3_assistant.cli.main
from tests.cli.conftest import run_apart
from tests.engines.weights import small

demo_module = sys.modules["napari_sam3_assistant.cli.demo"]


def findings(ended) -> dict[str, dict]:
    return {f"{one['group']}/{one['name']}": one for one in json.loads(ended.out)["findings"]}


def test_doctor_is_content_with_what_the_tests_run_on(shell):
    ended = shell("doctor", "--json")

    found = findings(ended)
    assert ended.code == 0
    assert found["Program/numpy"]["ok"]
    assert found["Engines/builtin"]["ok"]
    assert found["Engines/auto"]["detail"].startswith("Built-in")


def test_each_no_says_what_to_do(shell, tmp_path):
    found = findings(shell("doctor", "--json", "--model", tmp_path))

    assert all(one["remedy"] for one in found.values() if not one["ok"])


def test_the_table_says_the_same_as_json(shell):
    found = findings(shell("doctor", "--json"))

    table = shell("doctor").out

    assert all(one["name"] in table for one in found.values())


def test_a_model_folder_that_is_not_there_fails(shell, tmp_path):
    ended = shell("doctor", "--model", tmp_path / "nowhere", "--json")

    assert ended.code == 1
    assert "There is no folder" in findings(ended)["Model folder/folder"]["detail"]


def test_a_model_folder_is_told_what_it_lacks(shell, tmp_path):
    (tmp_path / "config.json").write_text("{}")

    ended = shell("doctor", "--model", tmp_path, "--json")

    found = findings(ended)
    assert ended.code == 1
    assert found["Model folder/config.json"]["ok"]
    assert not found["Model folder/weights"]["ok"]
    assert "sam3.pt" in found["Model folder/folder"]["detail"]
    assert "get-model" in found["Model folder/weights"]["remedy"]


def test_a_whole_model_folder_is_good(shell, tmp_path):
    small.write_sam3(tmp_path)

    ended = shell("doctor", "--model", tmp_path, "--json")

    found = findings(ended)
    assert ended.code == 0
    assert "model.safetensors" in found["Model folder/weights"]["detail"]
    assert found["Model folder/serves"]["detail"] == "points, boxes, masks, text, exemplars, video"
    assert all(one["ok"] for name, one in found.items() if name.startswith("Model folder/"))


def test_meta_s_file_is_good_and_says_where_its_copy_goes(shell, tmp_path):
    small.write_meta(tmp_path)

    ended = shell("doctor", "--model", tmp_path, "--json")

    found = findings(ended)
    assert ended.code == 0
    assert "Meta" in found["Model folder/model"]["detail"]
    assert "not made yet" in found["Model folder/converted copy"]["detail"]


def test_another_model_is_named(shell, tmp_path):
    small.write_pt(tmp_path / "sam2.pt", {"sam_mask_decoder.iou_token.weight": np.zeros(2, "f4")})

    ended = shell("doctor", "--model", tmp_path, "--json")

    found = findings(ended)
    assert ended.code == 1
    assert found["Model folder/model"]["detail"] == "SAM 2"
    assert all(one["remedy"] for one in found.values() if not one["ok"])


@pytest.fixture
def pretend_torch(tmp_path) -> str:
    """Return a folder with a torch that leaves a file where it is imported."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(
        "import pathlib; pathlib.Path(__file__).with_name('was_imported').touch()\n"
        "class version: cuda = None\n"
        "class cuda:\n    is_available = staticmethod(lambda: False)\n"
        "class backends:\n    class mps:\n        is_available = staticmethod(lambda: False)\n"
    )
    (tmp_path / "torch-9.9.dist-info").mkdir()
    (tmp_path / "torch-9.9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    return str(tmp_path)


def test_torch_is_imported_only_where_it_shall_be_asked(pretend_torch, tmp_path):
    marker = tmp_path / "torch" / "was_imported"

    looked = findings(run_apart("doctor", "--json", cwd=tmp_path, PYTHONPATH=pretend_torch))
    was_imported = marker.exists()
    probed = findings(run_apart("doctor", "--json", "--probe", cwd=tmp_path, PYTHONPATH=pretend_torch))

    assert looked["SAM3/torch"]["detail"] == "9.9"
    assert "--probe" in looked["Device/GPU"]["remedy"]
    assert not was_imported
    assert marker.exists()
    assert "no CUDA" in probed["Device/cpu"]["detail"]


# -- demo --------------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch) -> list[list[str]]:
    """Return the commands that ``demo`` starts; none runs."""
    commands: list[list[str]] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(demo_module, "_run", lambda command: commands.append(command) or 0)
    return commands


def test_demo_starts_the_demo_with_what_it_was_told(shell, started, tmp_path):
    shell("demo")
    shell("demo", "--out", tmp_path, "--keep-open")
    shell("demo", "--no-keep-open")

    start = [sys.executable, "-m", "napari_sam3_assistant.demo", "--out"]
    assert started == [
        [*start, "demo-output"],
        [*start, str(tmp_path), "--keep-open"],
        [*start, "demo-output", "--no-keep-open"],
    ]


@pytest.mark.parametrize(
    ("missing", "says"), [({"napari"}, "napari is not installed"), (set(demo_module.QT_BINDINGS), "no Qt binding")]
)
def test_demo_says_what_is_missing(shell, started, monkeypatch, missing, says):
    monkeypatch.setattr(demo_module, "find_spec", lambda name: None if name in missing else object())

    ended = shell("demo")

    assert ended.code == 1
    assert says in ended.err
    assert "pip install" in ended.err
    assert started == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")
def test_demo_without_a_display_says_how_to_get_one(shell, started, monkeypatch):
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    ended = shell("demo")

    assert ended.code == 1
    assert "xvfb-run" in ended.err
    assert started == []


@pytest.mark.parametrize(("script", "code"), [("", 0), ("raise SystemExit(1)", 1), ("raise SystemExit(130)", 130)])
def test_the_exit_code_of_the_demo_is_the_commands(script, code):
    assert demo_module._run([sys.executable, "-c", script]) == code


# -- the command -------------------------------------------------------------------------------------


def test_the_version_is_told(shell):
    ended = shell("--version")

    assert (ended.code, ended.out) == (0, f"napari-sam3-assistant {napari_sam3_assistant.__version__}\n")


@pytest.mark.parametrize("command", [(), ("segment",), ("doctor",), ("get-model",), ("demo",)])
def test_each_command_has_help(shell, command):
    ended = shell(*command, "--help")

    assert ended.code == 0
    assert "Usage" in ended.out


def test_an_unknown_command_is_wrong_use(shell):
    assert shell("segmet").code == 2


LOADED = "import sys; {}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"


def loaded_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOADED.format(code)], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_loads_nothing_heavy():
    loaded = loaded_by("import napari_sam3_assistant.cli.main")

    assert not loaded & {"numpy", "scipy", "skimage", "tifffile", "zarr", "dask", "PIL", "torch", "napari", "qtpy"}


def test_the_shell_and_python_load_neither_napari_nor_qt():
    package = "napari_sam3_assistant"
    loaded = loaded_by(
        f"import {package}.cli.main, {package}.cli.segmenting, {package}.cli.examining; from {package} import segment"
    )

    assert not loaded & {"napari", "qtpy", "PyQt6", "PySide6", "vispy", "torch", "skimage", "zarr", "dask", "tifffile"}


@pytest.mark.skipif(sys.platform == "win32", reason="a program of Unix")
def test_of_a_python_without_meta_s_package_nothing_is_said_about_what_is_in_it(shell, tmp_path):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)

    found = findings(shell("doctor", "--json", "--python", bare))

    there = {name.split("/")[1] for name in found if name.startswith("Meta's package, there/")}
    assert "usable" in there and not there & {"CUDA", "tokenizer (BPE)", "SAM3.1 multiplex"}
