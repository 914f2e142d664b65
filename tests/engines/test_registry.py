"""Which engines there are and which one is used."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import EngineError, ModelFolderError, Unsupported
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.registry import BUILTIN, GROUP, EngineSpec, available, choose, create
from tests.engines.weights import small

OTHER = EngineSpec("other", "Other", factory=f"{__name__}:make_other")
NEEDY = EngineSpec("needy", "Needy", needs=("no_such_module_anywhere",), factory="nowhere:Engine")
LIAR = EngineSpec("liar", "Liar", factory="nowhere_at_all:Engine")
NOT_A_SPEC = "other"


class Other:
    name = "other"

    def __init__(self, folder=None):
        self.folder = folder


def make_other(folder=None):
    return Other(folder)


@pytest.fixture
def install(monkeypatch):
    """Return a function that registers entry points by the names of things in this module."""

    def add(**values):
        found = [
            EntryPoint(name, value if ":" in value else f"{__name__}:{value}", GROUP) for name, value in values.items()
        ]
        monkeypatch.setattr(registry, "entry_points", lambda group: found)
        registry._others.cache_clear()

    yield add
    registry._others.cache_clear()


@pytest.fixture
def sam3(monkeypatch):
    """Register an engine named sam3 with these needs."""

    def add(*needs):
        spec = EngineSpec("sam3", "SAM3", needs=needs, factory=OTHER.factory)
        monkeypatch.setattr(registry, "_OURS", (BUILTIN, spec))

    return add


def test_built_in_is_there_and_can_be_made():
    engine = create("builtin")

    assert available()[0].title == "Built-in (no model)"
    assert engine.name == "builtin"
    assert engine is not create("builtin")


def test_listing_and_choosing_import_no_engine():
    code = (
        "import sys; from napari_sam3_assistant.engines.registry import available, choose; available(); choose();"
        "print([m for m in sys.modules if 'builtin.' in m or m in ('scipy', 'torch')])"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_making_the_built_in_engine_imports_no_scipy():
    code = (
        "import sys; from napari_sam3_assistant.engines.registry import create; create('builtin');"
        "print('scipy' in sys.modules)"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["sam4", "", "Builtin"])
def test_unknown_engine_is_unsupported_and_the_hint_names_those_there_are(install, name):
    install(other="OTHER")

    for ask in (create, choose):
        with pytest.raises(Unsupported) as caught:
            ask(name)
        there = caught.value.hint.replace("sam3, ", "").replace(
            "meta, multiplex, ", ""
        )  # where their packages are installed
        assert "auto, builtin, remote, other" in there


def test_engine_of_another_package_is_listed_made_and_chosen(install):
    install(other="OTHER")

    assert [spec.name for spec in available()] == ["builtin", "sam3", "meta", "multiplex", "remote", "other"]
    assert create("other", folder="here").folder == "here"
    assert choose("other").title == "Other"


def test_broken_engines_are_listed_with_their_problem_and_raise_only_when_used(install):
    install(gone="no_such_package:SPEC", wrong="NOT_A_SPEC", other="OTHER")

    problems = {spec.name: spec.problem for spec in available()}

    assert "No module named" in problems["gone"]
    assert "no EngineSpec" in problems["wrong"]
    assert problems["other"] == ""
    for ask in (create, choose):
        with pytest.raises(Unsupported):
            ask("gone")


def test_engine_without_its_packages_says_which(install):
    install(needy="NEEDY")

    with pytest.raises(Unsupported, match="no_such_module_anywhere"):
        create("needy")


def test_engine_whose_module_fails_is_an_error_of_ours(install):
    install(liar="LIAR")

    with pytest.raises(EngineError) as caught:
        create("liar")

    assert caught.value.hint


def test_name_that_is_taken_is_left_out(install, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "OTHER", EngineSpec("builtin", "Mine", factory="x:y"))
    install(other="OTHER")

    assert [spec.title for spec in available()] == [
        "Built-in (no model)",
        "SAM3",
        "Meta's sam3",
        "SAM3.1 multiplex (unverified)",
        "Server...",
    ]


def test_automatic_is_built_in_without_a_model_folder():
    choice = choose()

    assert (choice.name, choice.title) == ("builtin", "Built-in (no model)")
    assert choice.reason == "Built-in: no model folder chosen"


def test_automatic_says_why_not_sam3(sam3, tmp_path):
    sam3("no_such_module_anywhere")
    assert "no_such_module_anywhere not installed" in choose(model_folder=tmp_path).reason

    sam3("json")
    assert "there is no folder" in choose(model_folder=tmp_path / "gone").reason
    assert "nothing in" in choose(model_folder=tmp_path).reason


def test_automatic_says_which_other_model_a_folder_holds(sam3, tmp_path):
    sam3("json")
    tensors = {"image_encoder.trunk.blocks.0.norm1.weight": np.zeros(2, "f4")}
    small.write_safetensors(tmp_path / "model.safetensors", tensors)

    reason = choose(model_folder=tmp_path).reason

    assert reason.startswith("Built-in: the file model.safetensors") and "is SAM 2, not SAM3" in reason


def test_automatic_takes_meta_s_file_and_says_that_it_is_converted(sam3, tmp_path):
    sam3("json")
    small.write_meta(tmp_path)

    choice = choose(model_folder=tmp_path)

    assert choice.name == "sam3"
    assert "converted once" in choice.reason


def test_automatic_is_sam3_with_packages_and_weights(sam3, tmp_path):
    sam3("json")
    small.write_sam3(tmp_path)

    choice = choose(model_folder=str(tmp_path))

    assert choice.name == "sam3"
    assert str(tmp_path) in choice.reason


def test_sam3_asked_for_by_name_needs_its_packages_and_a_folder_with_weights(sam3, tmp_path):
    sam3("no_such_module_anywhere")
    with pytest.raises(Unsupported, match="no_such_module_anywhere"):
        choose("sam3", tmp_path)

    sam3("json")
    for folder in (None, tmp_path, tmp_path / "gone"):
        with pytest.raises(ModelFolderError) as caught:
            choose("sam3", folder)
        assert caught.value.hint
    small.write_sam3(tmp_path)
    assert choose("sam3", tmp_path).reason == f"SAM3: model in {tmp_path}"


def test_engine_asked_for_is_chosen_whatever_the_folder():
    assert choose("builtin", "/nowhere").name == "builtin"
