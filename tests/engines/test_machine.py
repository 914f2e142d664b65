"""What this machine has for SAM3: the command that installs its packages, and its device, without asking torch."""

import subprocess
import sys

import pytest

from napari_sam3_assistant.engines import machine, registry
from napari_sam3_assistant.engines.machine import Machine, device_words, expected_device, install_command
from napari_sam3_assistant.engines.registry import BUILTIN, EngineSpec

ALL = ("torch", "transformers", "safetensors", "huggingface_hub")
LINUX = Machine("Linux", python="/opt/napari/bin/python")


def test_looking_imports_nothing_heavy():
    code = "import sys; from napari_sam3_assistant.engines import machine; machine.look(); machine.missing_packages();"
    code += "print([name for name in ('torch', 'transformers', 'huggingface_hub') if name in sys.modules])"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_the_interpreter_that_runs_is_the_one_that_gets_the_packages():
    assert machine.look().python == sys.executable
    assert install_command(machine.look(), ("safetensors",)).find(sys.executable) >= 0


def test_linux_with_an_nvidia_driver_takes_plain_torch():
    command = install_command(Machine("Linux", nvidia=True, python="/opt/python"), ALL)

    assert command == ("/opt/python -m pip install 'torch>=2.6' 'transformers>=5.23' safetensors 'huggingface-hub>=1'")


def test_linux_without_one_takes_torch_for_the_cpu():
    torch, rest = install_command(LINUX, ALL).split(" && ")

    assert torch.endswith("'torch>=2.6' --index-url https://download.pytorch.org/whl/cpu")
    assert "index" not in rest and "transformers>=5.23" in rest and "torch" not in rest


def test_what_is_there_is_not_installed_again():
    assert install_command(LINUX, ("safetensors",)) == "/opt/napari/bin/python -m pip install safetensors"


@pytest.mark.parametrize(
    ("system", "python", "start"),
    [
        ("Windows", r"C:\Program Files\napari\python.exe", r'"C:\Program Files\napari\python.exe" -m pip install'),
        ("Windows", r"C:\napari\python.exe", r"C:\napari\python.exe -m pip install"),
        ("Darwin", "/Applications/my napari/python", "'/Applications/my napari/python' -m pip install"),
    ],
)
def test_windows_and_macos_take_the_usual_index_and_their_own_quotes(system, python, start):
    command = install_command(Machine(system, python=python), ALL)

    quote = '"' if system == "Windows" else "'"
    assert command.startswith(start) and f"{quote}torch>=2.6{quote}" in command and "index" not in command


def test_conda_is_asked_by_its_own_names():
    command = install_command(Machine("Linux", prefix="/opt/envs/napari", conda="mamba"), ALL)

    assert command.startswith("mamba install --prefix /opt/envs/napari --channel conda-forge 'pytorch>=2.6'")
    assert "'huggingface_hub>=1'" in command


def test_environments_without_pip_get_a_command_that_works_there():
    uv = install_command(Machine("Darwin", python="/e/bin/python", pip=False, uv="uv"), ("safetensors",))
    bare = install_command(Machine("Darwin", python="/e/bin/python", pip=False), ("safetensors",))

    assert uv == "uv pip install --python /e/bin/python safetensors"
    assert bare == "/e/bin/python -m ensurepip && /e/bin/python -m pip install safetensors"


@pytest.mark.parametrize(
    ("seen", "device", "words"),
    [
        (LINUX, "cpu", "no NVIDIA driver"),
        (Machine("Linux", nvidia=True, torch="cuda"), "cuda", "if torch finds the GPU"),
        (Machine("Windows", nvidia=True, torch="cpu"), "cpu", "built without CUDA"),
        (Machine("Windows", nvidia=True), "cuda", "when torch is installed"),
        (Machine("Darwin", arm=True), "mps", "CUDA needs an NVIDIA GPU"),
        (Machine("Darwin"), "cpu", "CUDA needs an NVIDIA GPU"),
    ],
)
def test_the_device_is_said_with_the_reason_and_nothing_is_promised(seen, device, words):
    assert expected_device(seen) == device
    assert words in device_words(seen)


def test_what_torch_has_found_goes_before_what_was_expected():
    driver = Machine("Linux", nvidia=True, torch="cuda")

    assert machine.loaded_words(driver, ("cuda", "cpu")) == "SAM3 runs on CUDA."
    assert "nvidia-smi" in machine.loaded_words(driver, ("cpu",))
    assert machine.loaded_words(LINUX, ("cpu",)) == "SAM3 runs on the CPU: no NVIDIA driver is seen."
    assert machine.loaded_words(driver, ("cpu", "cuda")) == "SAM3 runs on the CPU, as chosen."


@pytest.mark.parametrize(
    ("seen", "there"),
    [
        (LINUX, ("cpu",)),
        (Machine("Linux", nvidia=True, torch="cuda"), ("cuda", "cpu")),
        (Machine("Darwin", arm=True), ("mps", "cpu")),
    ],
)
def test_the_devices_that_may_be_chosen_are_those_that_are_seen(seen, there):
    assert machine.expected_devices(seen) == there


@pytest.mark.parametrize(
    ("text", "built"),
    [
        ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", "cuda"),
        ("cuda = None\nhip: Optional[str] = '6.2'\n", "cuda"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", "cpu"),
    ],
)
def test_how_torch_was_built_is_read_and_not_imported(tmp_path, monkeypatch, text, built):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise AssertionError('imported')")
    (tmp_path / "torch" / "version.py").write_text(text)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)

    assert machine.look().torch == built


def test_what_is_missing_includes_what_downloads(monkeypatch):
    monkeypatch.setattr(registry, "_OURS", (BUILTIN, EngineSpec("sam3", "SAM3", needs=("no_such_module_anywhere",))))
    monkeypatch.setattr(machine, "find_spec", lambda name: None)

    assert machine.missing_packages() == ("no_such_module_anywhere", "huggingface_hub")


@pytest.mark.parametrize(
    ("there", "old"), [("5.22.9", True), ("4.57", True), ("5.23", False), ("5.23.0.dev0", False), ("6.0+cu", False)]
)
def test_a_version_that_is_too_old_is_noticed(monkeypatch, there, old):
    monkeypatch.setattr(machine, "version", lambda name: there if name == "transformers" else "99.0")

    assert machine.old_packages() == (("transformers",) if old else ())
