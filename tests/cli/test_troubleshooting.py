"""docs/reference/troubleshooting.md: each state that it names is made here, and it must say what doctor says then."""

import json
import os
import re
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from napari_sam3_assistant.engines import devices, machine
from napari_sam3_assistant.engines.machine import Machine
from tests.cli.conftest import run_apart
from tests.engines.weights import small

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "troubleshooting.md"
SOURCES = PAGE.parents[2] / "src"
FOLDER = "/home/you/models/sam3"
BUILT = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
HEADINGS = (
    # napari-sam3-assistant 4.2.1
    "No mask appears and status says `objects=0`",
    "CUDA kernel image error",
    "Invalid GPU architecture",
    "BFloat16 conversion errors",
    "SAM3.1 `start_session` fails with `unexpected keyword argument 'offload_state_to_cpu'`",
    "SAM3.1 propagation fails later with `No available kernel. Aborting execution!` on Windows",
    "Text prompt creates no layer",
    # Real-time SAM3 Segmentation
    'Connection issues: "Disconnected from server"',
    "Performance issues: slow segmentation",
    "Segmentation quality: poor results",
)


@pytest.fixture(scope="module")
def page() -> str:
    return " ".join(PAGE.read_text(encoding="utf-8").split())


@pytest.fixture
def doctor(shell, monkeypatch, tmp_path):
    """Return what doctor finds, by group and name, with the folder of the model named as on the page."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(machine, "look", lambda: Machine("Linux", nvidia=True, torch="cuda", python="python"))

    def run(*arguments: object) -> dict[str, dict]:
        out = shell("doctor", "--json", *arguments).out.replace(str(tmp_path / "sam3"), FOLDER)
        return {f"{one['group']}/{one['name']}": one for one in json.loads(out)["findings"]}

    return run


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "sam3").mkdir()
    return tmp_path / "sam3"


def torch_with(monkeypatch, *, gpu=None, build="13.0", said="", name="NVIDIA GB10", gigabytes=120, visible=None):
    """Let torch be one that says this of the GPU."""

    def init():
        raise RuntimeError(said)

    cuda = types.SimpleNamespace(
        is_available=lambda: gpu is not None,
        init=init,
        get_device_name=lambda index: name,
        get_device_properties=lambda index: types.SimpleNamespace(total_memory=gigabytes * 1024**3),
        get_device_capability=lambda index: gpu,
        get_arch_list=lambda: list(BUILT),
    )
    torch = types.ModuleType("torch")
    torch.__spec__ = ModuleSpec("torch", None)
    torch.cuda = cuda
    torch.backends = types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: False))
    torch.version = types.SimpleNamespace(cuda=build, hip=None)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(devices, "find_spec", lambda name: object())
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)


def test_each_heading_of_the_earlier_programs_is_there():
    there = re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(HEADINGS) <= set(there)


def test_each_heading_says_what_doctor_prints():
    parts = re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]

    assert len(parts) >= len(HEADINGS)
    for part in parts:
        assert "octor" in part, part.partition("\n")[0]


@pytest.mark.parametrize(
    "torch",
    [
        {"gpu": (12, 1)},
        {"gpu": (6, 1), "name": "NVIDIA GeForce GTX 1080", "gigabytes": 8},
        {"build": None},
        {"said": "The NVIDIA driver on your system is too old (found version 12040)."},
        {"said": "Found no NVIDIA driver on your system."},
        {"visible": ""},
        {"said": "No CUDA GPUs are available"},
    ],
    ids=["a newer GPU of the same kind", "too old a GPU", "no CUDA", "old driver", "no driver", "hidden", "none found"],
)
def test_what_doctor_says_of_the_device_is_on_the_page(doctor, page, monkeypatch, torch):
    torch_with(monkeypatch, **torch)

    found = doctor("--probe")

    said = next(found[f"Device/{name}"]["detail"] for name in ("cuda", "cpu") if f"Device/{name}" in found)

    assert said in page


def test_what_doctor_says_of_a_torch_that_cannot_be_imported_is_on_the_page(doctor, page, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # so that importing it raises ImportError
    monkeypatch.setattr(devices, "find_spec", lambda name: object())

    said = doctor("--probe")["Device/cpu"]["detail"]

    before, _, after = said.partition("(")

    assert before in page and after.partition(")")[2] in page


def of_git(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")


def web_page(folder: Path) -> None:
    (folder / "model.safetensors").write_text("<!DOCTYPE html><html></html>")


def half(folder: Path) -> None:
    whole = small.write_sam3(folder) / "model.safetensors"
    whole.write_bytes(whole.read_bytes()[:-100])


def multiplex(folder: Path) -> None:
    small.write_pt(folder / "sam3.1_multiplex.pt", {"tracker.model.interactive_convs.0.weight": np.zeros((2, 2), "f4")})


def no_config(folder: Path) -> None:
    (small.write_sam3(folder) / "config.json").unlink()


def no_words(folder: Path) -> None:
    (small.write_sam3(folder) / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("write", "row"),
    [
        (lambda folder: None, "folder"),
        (lambda folder: folder.rmdir(), "folder"),
        (of_git, "folder"),
        (web_page, "folder"),
        (half, "folder"),
        (multiplex, "folder"),
        (no_config, "folder"),
        (no_words, "tokenizer"),
    ],
    ids=["empty", "not there", "of Git", "web page", "half", "SAM3.1", "no config", "no tokenizer"],
)
def test_what_doctor_says_of_a_model_folder_is_on_the_page(doctor, page, folder, write, row):
    write(folder)

    said = doctor("--model", folder)[f"Model folder/{row}"]

    # How much of a file is there is of this file.
    assert re.sub(r": [\d.]+ \w+ of [\d.]+ \w+ are there", "", said["detail"]) in page
    assert said["remedy"] in page


def package(folder: Path, name: str, version: str, asks: str = "") -> Path:
    """Write a package of which only the name and the version are there."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("")
    information = folder / f"{name}-{version}.dist-info"
    information.mkdir()
    needs = f"Requires-Dist: {asks}\n" if asks else ""
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    return folder


def twice(place: Path) -> str:
    there = [package(place / one, "sam3", version) for one, version in (("old", "0.1.3"), ("sam3", "0.1.4"))]
    return os.pathsep.join(map(str, there))


def unfit(place: Path) -> str:
    package(place, "sam3", "0.1.4")
    package(place, "torch", "2.11.0")
    return str(package(place, "torchvision", "0.27.1", "torch==2.12.1"))


def without_triton(place: Path) -> str:
    (place / "sitecustomize.py").write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n\nclass Without(PathFinder):\n"
        "    @classmethod\n    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name == 'triton' else super().find_spec(name, path, target)\n\n"
        "sys.meta_path[sys.meta_path.index(PathFinder)] = Without\n"
    )
    return str(package(place, "sam3", "0.1.4"))


@pytest.mark.parametrize(
    ("write", "tells"),
    [
        (twice, "There are two of sam3"),
        (unfit, "is made for torch"),
        (without_triton, "triton is not there"),
        (without_triton, "no code for it"),
    ],
)
def test_what_doctor_says_of_metas_package_is_on_the_page(page, tmp_path, write, tells):
    around = {"PYTHONPATH": write(tmp_path) + os.pathsep + str(SOURCES)}

    told = json.loads(run_apart("doctor", "--json", cwd=tmp_path, **around).out)["findings"]

    said = next(one for one in told if tells in one["detail"])
    for text in (said["detail"], said["remedy"]):
        assert text.replace(str(tmp_path), "/home/you") in page
