"""Devices, and why not CUDA."""

import subprocess
import sys
import types

import pytest

from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.devices import report


def fake_torch(*, cuda=False, mps=False, build=None):
    """The few names of torch that are asked: no machine has all these devices."""
    return types.SimpleNamespace(
        cuda=types.SimpleNamespace(is_available=lambda: cuda, get_device_name=lambda index: "NVIDIA T4"),
        backends=types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: mps)),
        version=types.SimpleNamespace(cuda=build),
    )


@pytest.fixture
def with_torch(monkeypatch):
    def install(torch):
        monkeypatch.setattr(devices, "find_spec", lambda name: object())
        monkeypatch.setitem(sys.modules, "torch", torch)

    return install


def test_without_torch_there_is_the_cpu_and_the_reason_says_so(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)

    for probe in (False, True):
        found = report(probe=probe)
        assert found.devices == ("cpu",)
        assert "torch is not installed" in found.reason


@pytest.mark.parametrize(
    ("torch", "expected", "words"),
    [
        (fake_torch(cuda=True, build="12.4"), ("cuda", "cpu"), "NVIDIA T4"),
        (fake_torch(mps=True), ("mps", "cpu"), "Mac"),
        (fake_torch(build="12.4"), ("cpu",), "nvidia-smi"),
        (fake_torch(), ("cpu",), "no CUDA"),
    ],
    ids=["cuda", "mps", "no driver", "cpu build"],
)
def test_probe_asks_torch(with_torch, torch, expected, words):
    with_torch(torch)

    found = report(probe=True)

    assert found.devices == expected
    assert found.best == expected[0]
    assert words in found.reason
    assert found.probed


def test_broken_torch_is_told_and_not_raised(with_torch):
    with_torch(None)  # importing it raises ImportError

    found = report(probe=True)

    assert found.devices == ("cpu",)
    assert "cannot be imported" in found.reason


def test_looking_imports_no_torch():
    code = (
        "import sys; from napari_sam3_assistant.engines.devices import report; report(); print('torch' in sys.modules)"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"
