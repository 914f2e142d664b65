"""What torch raises where a GPU and the code built for it do not go together, told as what to do about it.

torch has no kinds of error for these: their texts are all there is to go by, and CUDA's own texts have not changed for
years.
"""

from __future__ import annotations

from napari_sam3_assistant.core.errors import DeviceError

ASK = "napari-sam3-assistant doctor --probe"
_OTHER_BUILD = f"Install a torch for this GPU from pytorch.org, or choose CPU; {ASK} says which GPUs this one runs on."
_KNOWN = (
    (
        ("no kernel image is available",),
        "{title} needs code for this GPU that a package was built without.",
        _OTHER_BUILD,
    ),
    (
        ("invalid value for --gpu-architecture",),
        "The CUDA that came with torch is older than this GPU, and cannot compile for it.",
        _OTHER_BUILD,
    ),
    (
        ("no available kernel", "no viable backend for scaled_dot_product_attention"),  # of CUDA, of the CPU
        "{title} asked for a way of computing attention that this build of torch does not have.",
        "Update the package of the model, or choose the engine SAM3. The page about installing on Windows says more.",
    ),
    (
        ("torch not compiled with cuda enabled",),
        "{title} asked for CUDA, and this torch was built without it.",
        f"Choose CPU, or install a torch with CUDA from pytorch.org; {ASK} says what it finds.",
    ),
)


def told(error: BaseException, title: str) -> DeviceError | None:
    """Return an error of torch's about a GPU as one that says what to do; None for any other.

    Parameters
    ----------
    error : BaseException
    title : str
        The engine's name for users.
    """
    if not isinstance(error, RuntimeError | AssertionError):  # torch raises the second where it has no CUDA
        return None
    said = str(error).lower()
    for words, message, hint in _KNOWN:
        if any(one in said for one in words):
            return DeviceError(message.format(title=title), hint=hint)
    return None
