"""Changes to Meta's own modules. They are imported here, in the order in which they can be."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_sam3_assistant.engines.meta.compat import Patch, has_triton, here, stand_in

_EIGHT = np.ones((3, 3))


def _module(name: str) -> Any:
    return import_module(f"sam3.{name}")


def _wrapped(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a method or function: ``around`` is called with the original first."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(owner, name, called)


# -- triton, pkg_resources -------------------------------------------------------------------------


def distances(masks: torch.Tensor) -> torch.Tensor:
    """Return how far each pixel of masks, shape (n, h, w), is from the nearest one that is off; float32."""
    from scipy.ndimage import distance_transform_edt

    far = [distance_transform_edt(one) for one in masks.cpu().numpy()]
    made = np.stack(far).astype(np.float32) if far else np.zeros(masks.shape, np.float32)
    return torch.from_numpy(made).to(masks.device)


def _edt() -> None:
    # Not a stand-in for triton itself: torch finds a hollow one and fails in torch._dynamo.
    stand_in("sam3.model.edt", edt_triton=distances)


def _asks_pkg_resources() -> bool:
    if find_spec("pkg_resources") is not None:
        return False
    text = Path(str(find_spec("sam3").origin)).with_name("model_builder.py").read_text(encoding="utf-8")  # type: ignore[union-attr]
    return "pkg_resources" in text


def _pkg_resources() -> None:
    def resource_filename(package: str, name: str) -> str:
        spec = find_spec(package)
        return str(Path(str(spec.origin if spec else "")).parent / name)

    stand_in("pkg_resources", resource_filename=resource_filename)


# -- what is made on "cuda" --------------------------------------------------------------------------


def _positions() -> None:
    def init(original: Callable[..., None], self: Any, *args: Any, **kwargs: Any) -> None:
        if not here.cuda:
            kwargs["precompute_resolution"] = None
        original(self, *args, **kwargs)

    _wrapped(_module("model.position_encoding").PositionEmbeddingSine, "__init__", init)


def _fills_positions() -> bool:
    kind = _module("model.position_encoding").PositionEmbeddingSine
    return not here.cuda and "precompute_resolution" in signature(kind.__init__).parameters


def _coordinates() -> None:
    kind = _module("model.decoder").TransformerDecoder
    original = kind._get_coords

    def coordinates(H: int, W: int, device: Any) -> Any:
        return original(H, W, device=device if here.cuda or str(device) != "cuda" else here.device)

    kind._get_coords = staticmethod(coordinates)


def _tracker_state() -> None:
    def init_state(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return original(*args, **(kwargs if here.cuda else kwargs | {"offload_state_to_cpu": True}))

    _wrapped(_module("model.sam3_tracking_predictor").Sam3TrackerPredictor, "init_state", init_state)


def _gathered() -> None:
    def gather(original: Callable[..., Any], self: Any, features: torch.Tensor) -> Any:
        narrow = not here.cuda and features.dtype == torch.bfloat16
        return original(self, features.float() if narrow else features)

    _wrapped(_module("model.sam3_image").Sam3ImageOnVideoMultiGPU, "_gather_tensor", gather)


def _gpu_properties() -> None:
    def told(original: Callable[..., str], self: Any) -> str:
        return original(self) if here.cuda else f"torch {torch.__version__} on {here.device}"

    kind = _module("model.sam3_video_predictor").Sam3VideoPredictor
    _wrapped(kind, "_get_torch_and_gpu_properties", told)


# -- kernels -----------------------------------------------------------------------------------------


def pieces(masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pieces of masks, shape (n, h, w) or (n, 1, h, w): their numbers, and the area of each pixel's piece.

    Pieces hang together across corners; 0 is background, whose area is 0.
    """
    from scipy import ndimage

    numbers, areas = np.zeros(masks.shape, np.int64), np.zeros(masks.shape, np.int64)
    for index, mask in enumerate(masks.cpu().numpy()):
        found, _ = ndimage.label(mask.reshape(mask.shape[-2:]), _EIGHT)
        counts = np.bincount(found.ravel())
        counts[0] = 0
        numbers[index], areas[index] = found.reshape(mask.shape), counts[found].reshape(mask.shape)
    return torch.from_numpy(numbers).to(masks.device), torch.from_numpy(areas).to(masks.device)


def _pieces() -> None:
    module = _module("perflib.connected_components")

    def find(original: Callable[..., Any], masks: torch.Tensor) -> Any:
        has_kernel = here.cuda and masks.is_cuda and (module.HAS_CC_TORCH or has_triton())
        return original(masks) if has_kernel else pieces(masks)

    module.connected_components_cpu = pieces
    _everywhere(module.connected_components, find)


def _suppression() -> None:
    module = _module("perflib.nms")

    def nms(original: Callable[..., Any], ious: torch.Tensor, scores: torch.Tensor, iou_threshold: float = 0.5) -> Any:
        has_kernel = not ious.is_cuda or module.GENERIC_NMS_AVAILABLE or has_triton()
        return (original if has_kernel else module.generic_nms_cpu)(ious, scores, iou_threshold)

    _everywhere(module.generic_nms, nms)


def overlaps(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return the overlap (IoU) of each of n masks with each of m, shape (n, m), float32."""
    a, b = some.flatten(1).float(), others.flatten(1).float()
    # float32 counts exactly up to 16 million pixels, and bfloat16 does not.
    with torch.autocast(a.device.type, enabled=False):
        both = a @ b.T
    union = a.sum(1)[:, None] + b.sum(1)[None] - both
    return both / union.clamp(min=1)


def _overlaps() -> None:
    _module("model_builder")  # so that all who use it are loaded
    _everywhere(_module("perflib.masks_ops").mask_iou, lambda original, a, b: overlaps(a, b))


def _everywhere(original: Any, around: Callable[..., Any]) -> None:
    """Replace a function in every module of Meta's that has imported it."""
    name = original.__name__
    loaded: Mapping[str, Any] = dict(sys.modules)
    for module in [one for key, one in loaded.items() if key.startswith("sam3.")]:
        if getattr(module, name, None) is original:
            _wrapped(module, name, around)


def _always() -> bool:
    return True


def _elsewhere() -> bool:
    return not here.cuda


PATCHES: tuple[tuple[Patch, Callable[[], bool], Callable[[], None]], ...] = (
    (
        Patch("sam3.model.edt", "it imports triton, which Windows and macOS have not; its kernel runs on CUDA alone"),
        lambda: not here.cuda or not has_triton(),
        _edt,
    ),
    (
        Patch("pkg_resources", "setuptools 81 has it no more, and this sam3 finds its tokenizer by it"),
        _asks_pkg_resources,
        _pkg_resources,
    ),
    (Patch("PositionEmbeddingSine", "its constructor fills a cache on CUDA"), _fills_positions, _positions),
    (Patch("TransformerDecoder._get_coords", "its constructor asks for CUDA"), _elsewhere, _coordinates),
    (Patch("Sam3TrackerPredictor.init_state", "what objects were is kept on CUDA"), _elsewhere, _tracker_state),
    (
        Patch(
            "Sam3ImageOnVideoMultiGPU._gather_tensor",
            "the tracker's features become bfloat16, which its float32 layers do not take without autocast",
        ),
        _elsewhere,
        _gathered,
    ),
    (Patch("Sam3VideoPredictor's log line", "it tells the properties of the GPU"), _elsewhere, _gpu_properties),
    (
        Patch("connected_components", "without CUDA it loops over each piece, and fails where there is no mask at all"),
        _always,
        _pieces,
    ),
    (
        Patch("generic_nms", "on CUDA without triton it has no kernel"),
        lambda: here.cuda and not has_triton(),
        _suppression,
    ),
    (
        Patch("mask_iou", "it takes 83 KB for each pair of masks: 26 GB for 200 objects and 200 others"),
        _always,
        _overlaps,
    ),
)
"""What may be changed, when it has to be, and how. Each of them looks again at every call."""
