"""What is told of a Python's packages: of environments whose packages fail as soon as they are imported."""

import sys
import venv

import pytest

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.engines.meta import installed
from napari_sam3_assistant.engines.starting import environment_of

WHOLE = dict.fromkeys(installed.PACKAGES.values(), "1.0") | {"sam3": "0.1.4", "torch": "2.12.1"}
DISTRIBUTIONS = {"cv2": "opencv-python-headless", "skimage": "scikit-image"}


class Environment:
    """A virtual environment with packages that have names and versions, and cannot be imported."""

    def __init__(self, folder):
        venv.create(folder, with_pip=False, symlinks=sys.platform != "win32")
        self.python = next(one for one in (folder / "bin/python", folder / "Scripts/python.exe") if one.exists())
        self.packages = next(folder.glob("**/site-packages"))

    def add(self, module, number, *, where=None, asks=(), **files):
        root = where or self.packages
        (root / module).mkdir(parents=True, exist_ok=True)
        (root / module / "__init__.py").write_text("raise RuntimeError('was imported')")
        for name, text in files.items():
            (root / module / f"{name}.py").write_text(text)
        record = root / f"{DISTRIBUTIONS.get(module, module)}-{number}.dist-info"
        record.mkdir(exist_ok=True)
        lines = ["Metadata-Version: 2.1", f"Name: {DISTRIBUTIONS.get(module, module)}", f"Version: {number}"]
        (record / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {one}" for one in asks)]) + "\n")

    def look(self):
        return installed.look_in(str(self.python), timeout_s=60)


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "environment")


@pytest.fixture
def whole(environment):
    """One with all that Meta's package needs."""
    for module, number in WHOLE.items():
        environment.add(module, number)
    environment.add("torch", "2.12.1", version="cuda: Optional[str] = '12.8'\n")
    environment.add("torchvision", "0.27.1", asks=["torch (==2.12.1)"])
    environment.add("sam3", "0.1.4", model_builder="def build_sam3_image_model(): ...\n")
    (environment.packages / "sam3/assets").mkdir()
    (environment.packages / "sam3/assets/bpe_simple_vocab_16e6.txt.gz").write_bytes(b"")
    return environment


def only(found, fatal):
    """Return the one problem there is."""
    (problem,) = found.problems
    assert problem.fatal is fatal
    assert problem.advice
    return problem.what


def test_all_that_is_needed_is_there(whole):
    found = whole.look()

    assert found.problems == ()
    assert found.usable
    assert found.versions["sam3"] == "0.1.4"
    assert found.cuda == "12.8"
    assert found.bpe.endswith(".gz")
    assert not found.multiplex
    assert found.interpreter == str(whole.python)


def test_code_of_sam31_is_seen(whole):
    whole.add("sam3", "0.1.4", model_builder="def build_sam3_multiplex_video_predictor(): ...\n")

    assert whole.look().multiplex


def test_without_the_package_it_is_said_how_to_install_it(environment):
    assert only(environment.look(), fatal=True) == "Meta's package sam3 is not installed."


def test_what_it_needs_without_asking_for_it_is_missed(whole):
    (whole.packages / "psutil/__init__.py").unlink()

    assert only(whole.look(), fatal=True) == "psutil not installed."


def test_torchvision_of_another_torch_is_seen_without_importing_it(whole):
    whole.add("torchvision", "0.27.1", asks=["torch==2.11.0"])

    assert "made for torch 2.11.0, and torch 2.12.1 is here" in only(whole.look(), fatal=True)


def test_torch_without_cuda_is_told_and_is_no_hindrance(whole):
    whole.add("torch", "2.12.1", version="cuda: Optional[str] = None\n")

    assert "without CUDA" in only(whole.look(), fatal=False)


def test_missing_triton_is_told_and_is_no_hindrance(whole):
    (whole.packages / "triton/__init__.py").unlink()

    assert "triton is not there" in only(whole.look(), fatal=False)


def test_missing_tokenizer_is_told_and_is_no_hindrance(whole):
    (whole.packages / "sam3/assets/bpe_simple_vocab_16e6.txt.gz").unlink()

    assert "no tokenizer of its own" in only(whole.look(), fatal=False)


def test_two_of_the_package_are_told_with_the_one_in_use_first(whole, tmp_path, monkeypatch):
    whole.add("sam3", "0.2.0", where=tmp_path / "clone")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "clone"))

    found = whole.look()

    assert found.where == (str(tmp_path / "clone/sam3"), str(whole.packages / "sam3"))
    assert found.versions["sam3"] == "0.2.0"
    assert any(one.what.startswith("There are two of sam3") and not one.fatal for one in found.problems)


def test_a_folder_of_that_name_is_no_package(environment, tmp_path, monkeypatch):
    (tmp_path / "here/sam3").mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "here"))

    assert "sam3" not in environment.look().versions


@pytest.mark.parametrize("what", ["", "nowhere", "folder", "text", "other"])
def test_what_is_no_python_is_an_error_with_advice(what, tmp_path):
    path = tmp_path / "program"
    if what == "folder":
        path.mkdir()
    elif what == "text":
        path.write_text("no program")
    elif what == "other":
        path.write_text("#!/bin/sh\necho hello\n")
        path.chmod(0o755)

    with pytest.raises(EngineError) as caught:
        installed.look_in(str(path) if what else "")

    assert "python" in caught.value.hint


def program(path, *lines):
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="a program is no script there")
@pytest.mark.parametrize("says", ["printf '\\377'", "cat /dev/zero", "printf '%.0s[' $(seq 9999)"])
def test_a_program_that_says_anything_at_all_is_no_python(says, tmp_path):
    with pytest.raises(EngineError, match="does not answer as a Python does"):
        installed.look_in(program(tmp_path / "program", says), timeout_s=60)


@pytest.mark.skipif(sys.platform == "win32", reason="a program is no script there")
def test_a_program_that_hangs_is_not_waited_for_nor_what_it_has_begun(tmp_path):
    with pytest.raises(EngineError, match=r"did not answer in 0\.1 s"):
        installed.look_in(program(tmp_path / "program", "sleep 30", "echo"), timeout_s=0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="a program is no script there")
def test_a_python_that_greets_first_and_one_under_pythonhome_are_understood(environment, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    greeting = program(tmp_path / "python", "echo Welcome", f'exec "{environment.python}" "$@"')

    assert installed.look_in(greeting, timeout_s=60).python


def test_what_pythonpath_adds_is_seen_with_pythonsafepath_too(environment, tmp_path, monkeypatch):
    environment.add("sam3", "0.2.0", where=tmp_path / "clone")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "clone"))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")

    assert environment.look().where == (str(tmp_path / "clone/sam3"),)


def test_pythonhome_is_kept_for_this_python_alone(environment, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/somewhere")

    assert "PYTHONHOME" in environment_of(sys.executable)
    assert "PYTHONHOME" not in environment_of(str(environment.python))


def test_this_python_is_told_as_another_one_tells_it():
    assert installed.look().versions == installed.look_in(sys.executable, timeout_s=60).versions
