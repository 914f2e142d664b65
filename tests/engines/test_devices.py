"""Devices, and why not CUDA."""

import subprocess
import sys
import types

import pytest

from napari_sam3_assistant.core.errors import DeviceError
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.devices import report

NO_DRIVER = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver."
OLD_DRIVER = "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver."
BUILT = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")


def fake_torch(*, gpu=None, built=BUILT, build="12.8", mps=False, said="", hip=None):
    """The few names of torch that are asked: no machine has all these devices."""

    def init():
        if said:
            raise RuntimeError(said)

    cuda = types.SimpleNamespace(
        is_available=lambda: gpu is not None,
        init=init,
        get_device_name=lambda index: "NVIDIA GeForce",
        get_device_properties=lambda index: types.SimpleNamespace(total_memory=16 * 1024**3),
        get_device_capability=lambda index: gpu,
        get_arch_list=lambda: list(built),
    )
    return types.SimpleNamespace(
        cuda=cuda,
        backends=types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: mps)),
        version=types.SimpleNamespace(cuda=build, hip=hip),
    )


@pytest.fixture
def with_torch(monkeypatch):
    def install(torch, *, system="Linux", machine="x86_64", visible=None):
        monkeypatch.setattr(devices, "find_spec", lambda name: object())
        monkeypatch.setattr(devices.platform, "system", lambda: system)
        monkeypatch.setattr(devices.platform, "machine", lambda: machine)
        monkeypatch.setitem(sys.modules, "torch", torch)
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return install


def test_without_torch_there_is_the_cpu_and_the_reason_says_so(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)

    for probe in (False, True):
        found = report(probe=probe)
        assert found.devices == ("cpu",)
        assert "torch is not installed" in found.reason


@pytest.mark.parametrize(
    ("torch", "machine", "expected", "words"),
    [
        (fake_torch(gpu=(8, 6)), {}, ("cuda", "cpu"), "NVIDIA GeForce, 16 GB"),
        (fake_torch(build=None, mps=True), {"system": "Darwin", "machine": "arm64"}, ("mps", "cpu"), "Mac"),
        (fake_torch(build=None), {"system": "Darwin", "machine": "x86_64"}, ("cpu",), "Mac"),
        (fake_torch(build=None), {}, ("cpu",), "has no CUDA"),
        (fake_torch(build=None), {"machine": "aarch64"}, ("cpu",), "for ARM has no CUDA"),
        (fake_torch(said=NO_DRIVER), {}, ("cpu",), "no NVIDIA driver"),
        (fake_torch(said=OLD_DRIVER), {}, ("cpu",), "too old for CUDA 12.8"),
        (fake_torch(said="No CUDA GPUs are available"), {}, ("cpu",), "nvidia-smi"),
        (fake_torch(), {"visible": ""}, ("cpu",), "CUDA_VISIBLE_DEVICES"),
        (fake_torch(), {"visible": "-1"}, ("cpu",), "Unset it"),
        (fake_torch(gpu=(8, 6)), {"visible": "0"}, ("cuda", "cpu"), "NVIDIA GeForce"),
        (fake_torch(gpu=(6, 1)), {}, ("cpu",), "is sm_61"),
        (fake_torch(gpu=(9, 0), build=None, hip="6.2"), {}, ("cuda", "cpu"), "16 GB"),
        (fake_torch(build=None, hip="6.2"), {}, ("cpu",), "rocminfo"),
    ],
    ids=[
        "cuda", "mps", "a Mac without", "cpu build", "cpu build on ARM", "no driver", "old driver", "no GPU",
        "hidden", "hidden by a number", "one chosen", "too old a GPU", "AMD", "no AMD GPU",
    ],
)  # fmt: skip
def test_probe_says_what_is_used_and_why_not_cuda(with_torch, torch, machine, expected, words):
    with_torch(torch, **machine)

    found = report(probe=True)

    assert found.devices == expected
    assert found.best == expected[0]
    assert words in found.reason
    assert found.probed
    assert found.reason.startswith(expected[0].upper()) and found.reason.endswith(".")


@pytest.mark.parametrize(
    ("gpu", "built", "runs"),
    [
        ((8, 6), ("sm_86",), True),
        ((8, 9), ("sm_80", "sm_86"), True),  # the same major: binary compatible
        ((12, 1), ("sm_90", "sm_120"), True),
        ((8, 0), ("sm_86",), False),  # a lower minor is not
        ((9, 0), ("sm_80", "sm_86"), False),
        ((7, 0), ("sm_75", "sm_80"), False),
        ((12, 0), ("sm_90", "compute_90"), True),  # PTX is compiled on the machine
        ((8, 9), ("sm_80", "compute_90"), True),
        ((7, 5), ("compute_80",), False),
        ((9, 0), ("sm_90a",), True),
        ((10, 0), ("sm_90a", "compute_90a"), False),  # with a letter it is for that one GPU
        ((10, 3), ("sm_100f",), True),
        ((12, 0), ("compute_100f",), False),
        ((8, 6), (), True),
        ((8, 6), ("gfx906",), False),
    ],
)
def test_gpu_is_used_where_the_build_can_run_on_it(with_torch, gpu, built, runs):
    with_torch(fake_torch(gpu=gpu, built=built))

    found = report(probe=True)

    assert (found.best == "cuda") is runs
    if not runs:
        assert f"sm_{gpu[0]}{gpu[1]}" in found.reason and built[0] in found.reason


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


@pytest.mark.parametrize(("device", "units", "expected"), [("cuda", True, "bfloat16"), ("cuda", False, "float32")])
def test_precision_on_a_gpu_is_bfloat16_where_it_has_units_for_it(with_torch, device, units, expected):
    torch = fake_torch(gpu=(8, 6))
    torch.cuda.is_bf16_supported = lambda including_emulation: units
    with_torch(torch)

    assert devices.precision_on(device) == expected
    assert devices.precision_on("mps") == "float32"
    assert devices.precision_on(device, "float32") == "float32"


def test_one_gpu_of_several_is_picked_by_its_number(with_torch):
    torch = fake_torch(gpu=(8, 6))
    torch.cuda.device_count = lambda: 2
    with_torch(torch)

    assert devices.pick("cuda:1") == "cuda:1"
    with pytest.raises(DeviceError, match="no CUDA:2 to compute on") as missing:
        devices.pick("cuda:2")
    assert missing.value.hint == "Its GPUs are 0 to 1."


@pytest.mark.parametrize(
    ("device", "around", "name", "visible"),
    [
        ("cuda:1", {}, "cuda", "1"),
        ("cuda:1", {"CUDA_VISIBLE_DEVICES": "4, GPU-5f"}, "cuda", "GPU-5f"),
        ("cuda", {"CUDA_VISIBLE_DEVICES": "4"}, "cuda", "4"),
        ("cpu", {}, "cpu", None),
    ],
)
def test_a_process_sees_its_own_gpu_and_no_other(device, around, name, visible):
    named, environment = devices.seen_alone(device, around)

    assert (named, environment.get("CUDA_VISIBLE_DEVICES")) == (name, visible)


def test_names_of_devices_are_told_from_other_words():
    assert all(map(devices.is_name, ("auto", "cpu", "mps", "cuda", "cuda:0", "cuda:12")))
    assert not any(map(devices.is_name, ("", "gpu", "cuda:", "cuda:-1", "cpu:0", "CUDA:0", "cuda:0,cuda:1")))
