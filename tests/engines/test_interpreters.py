"""The Python of another environment: found however it is named, checked before an engine runs in it."""

import os
import sys
from pathlib import Path

import pytest

from napari_sam3_assistant.core.errors import EngineError, ModelFolderError, Unsupported
from napari_sam3_assistant.engines import interpreters, registry
from napari_sam3_assistant.engines.interpreters import VARIABLE, check_meta, fatal_in, find_interpreter, meta_python
from napari_sam3_assistant.engines.meta.installed import Installed, Problem
from napari_sam3_assistant.tasks.engine_given import engine_given
from tests.engines.weights import small


@pytest.fixture
def environment(tmp_path) -> Path:
    """Return the folder of an environment, with a blank in its name, whose Python is a link."""
    made = tmp_path / "my env"
    (made / "bin").mkdir(parents=True)
    (made / "bin" / "python").symlink_to(sys.executable)
    (made / "bin" / "activate").write_text("# no program")
    (made / "bin" / "activate").chmod(0o644)
    return made


@pytest.mark.parametrize("named", ["{}", "{}/bin", "{}/bin/python", '"{}/bin/python"', "{}/bin/activate", " {} "])
def test_a_python_is_found_by_its_file_and_by_its_environment(environment, named):
    assert find_interpreter(named.format(environment)) == str(environment / "bin" / "python")


@pytest.mark.parametrize("named", ["", "/no/such/python", "no-such-command-anywhere", "\0", "~nobody-of-that-name/x"])
def test_what_is_no_python_is_said_with_an_example_of_one(named):
    with pytest.raises(EngineError) as caught:
        find_interpreter(named)

    assert caught.value.message.startswith("There is no Python") and "sam3-env" in caught.value.hint


def test_a_file_that_is_no_program_is_said(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")

    with pytest.raises(EngineError, match="is no program"):
        find_interpreter(str(tmp_path / "notes.txt"))


def test_the_one_named_comes_before_the_environment_variable(environment, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert meta_python() == ""
    monkeypatch.setenv(VARIABLE, str(environment))
    assert meta_python() == str(environment / "bin" / "python")
    assert meta_python(sys.executable) == os.path.abspath(sys.executable)
    monkeypatch.setenv(VARIABLE, "/gone/python")
    with pytest.raises(EngineError, match=VARIABLE):
        meta_python()


def test_a_python_that_is_too_old_comes_before_what_it_lacks():
    lacks = Problem("sam3 is not installed.", "Install it.", True)
    noted = Problem("There are two.", "Remove one.", False)

    assert "3.9.2, too old" in fatal_in(Installed(python="3.9.2", problems=(lacks,))).what
    assert fatal_in(Installed(python="3.12.1", problems=(noted, lacks))) == lacks
    assert fatal_in(Installed(python="3.11.0", problems=(noted,))) is None


def test_a_python_without_the_package_is_refused_with_what_to_do(monkeypatch):
    lacks = Problem("Meta's package sam3 is not installed.", "Run pip.", True)
    monkeypatch.setattr(interpreters.installed, "look_in", lambda interpreter: Installed(problems=(lacks,)))

    with pytest.raises(EngineError) as caught:
        check_meta("/envs/sam3/bin/python")

    assert (caught.value.message, caught.value.hint) == (f"/envs/sam3/bin/python: {lacks.what}", "Run pip.")


def test_the_engine_is_hosted_in_the_python_that_is_named(environment, tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters.installed, "look_in", lambda interpreter: Installed(python="3.11.7"))
    folder = small.write_meta(tmp_path / "meta")

    choice, engine = engine_given("meta", folder, python=environment, device="cpu")

    assert choice.reason == f"Meta's sam3: sam3.pt in {folder}"
    assert engine._interpreter == str(environment / "bin" / "python")
    assert engine._question.options == {"folder": folder, "device": "cpu"} and engine.pid is None


def test_a_python_for_another_engine_is_refused():
    with pytest.raises(Unsupported) as caught:
        engine_given("sam3", None, python=sys.executable)

    assert "--engine meta" in caught.value.in_shell


def test_without_the_package_anywhere_it_is_said_how_to_name_a_python(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(registry.EngineSpec, "missing", ("sam3",))

    with pytest.raises(Unsupported) as caught:
        engine_given("meta", None)

    assert "--python" in caught.value.in_shell and VARIABLE in caught.value.hint


def test_a_folder_in_transformers_form_alone_is_not_for_metas_package(tmp_path, environment):
    folder = small.write_sam3(tmp_path / "sam3")

    with pytest.raises(ModelFolderError) as caught:
        registry.choose("meta", folder, interpreter=str(environment))

    assert "reads sam3.pt" in caught.value.message and "engine SAM3" in caught.value.hint
