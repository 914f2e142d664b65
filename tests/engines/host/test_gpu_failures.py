"""What torch says of a GPU that it cannot use reaches the user as what to do."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from napari_sam3_assistant.core.errors import DeviceError, EngineError
from napari_sam3_assistant.engines.hosting_failures import failed


@pytest.mark.parametrize(
    ("error", "says", "advises"),
    [
        (
            RuntimeError("CUDA error: no kernel image is available for execution on the device\nCompile with ..."),
            "SAM3 needs code for this GPU",
            "doctor --probe",
        ),
        (RuntimeError("nvrtc: error: invalid value for --gpu-architecture (-arch)"), "older than this GPU", "CPU"),
        (AssertionError("Torch not compiled with CUDA enabled"), "built without it", "choose CPU"),
    ],
)
def test_torch_and_gpu_that_do_not_go_together_are_told_with_what_to_do(error, says, advises):
    told = failed(error, "SAM3").error

    assert isinstance(told, DeviceError)
    assert says in told.message
    assert advises.lower() in told.hint.lower()
    assert "CUDA error" not in told.message


def test_attention_that_torch_cannot_compute_is_told_with_what_to_do():
    ones = torch.ones(1, 1, 4, 8)

    with pytest.raises(RuntimeError) as caught, sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION):
        torch.nn.functional.scaled_dot_product_attention(ones, ones, ones)

    told = failed(caught.value, "Meta's sam3").error
    assert "way of computing attention" in told.message
    assert "engine SAM3" in told.hint


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("no kernel image is available")])
def test_other_errors_are_told_as_before(error):
    told = failed(error, "SAM3").error

    assert type(told) is EngineError
    assert str(error) in told.message
