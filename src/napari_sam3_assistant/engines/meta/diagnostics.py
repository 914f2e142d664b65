"""What Meta's package is at, in lines for those who look for a fault; nothing is looked at unless that was asked for.

Times are by this process's clock. On CUDA a call may return before the GPU is done: what is still computed then is in
the time of the next line. Memory is what torch has taken and kept; other programs' is not in it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.engines.diagnosing import LOG

ENVIRONMENT = ("USE_PERFLIB", "SAM3_FORCE_SDPA_FALLBACK", "SAM3_FORCE_SLOW_EDT")
_MB = 2**20

_log = logging.getLogger(LOG)


class Teller:
    """Writes lines to the log of diagnostics, or does nothing.

    Parameters
    ----------
    on : bool
        Whether lines are wanted.
    model : str
        Which model they are about; each line begins with it.
    """

    def __init__(self, on: bool = False, model: str = "SAM3.1") -> None:
        self._on, self._model = on, model

    def line(self, text: str) -> None:
        """Write a line."""
        if self._on:
            _log.info("%s %s", self._model, text)

    def prompt(self, frame: int, shape: tuple[int, int], prompts: Collection[Prompts]) -> None:
        """Tell what is said of objects on a frame, in its pixels."""
        if self._on:
            boxes = [
                (one.box.box.top, one.box.box.left, one.box.box.bottom, one.box.box.right) for one in prompts if one.box
            ]
            points = sum(len(one.points) for one in prompts)
            self.line(f"prompt diagnostics: frame={frame}, image_hw={shape}, boxes={boxes}, points={points}")

    def cuda(self, stage: str) -> None:
        """Tell what torch says of the GPU."""
        if not self._on:
            return
        there = torch.cuda.is_available()
        told: dict[str, object] = {"available": there, "torch_cuda": torch.version.cuda}
        if there:
            index = torch.cuda.current_device()
            told |= {
                "current_device": index,
                "name": torch.cuda.get_device_name(index),
                "capability": ".".join(map(str, torch.cuda.get_device_capability(index))),
                "allocated": f"{torch.cuda.memory_allocated(index) / _MB:.0f} MB",
                "reserved": f"{torch.cuda.memory_reserved(index) / _MB:.0f} MB",
            }
        self.line(f"CUDA diagnostics ({stage}): {_listed(told)}")

    def runtime(self, stage: str, predictor: Any, model_type: str) -> None:
        """Tell how Meta's predictor, and torch, are set."""
        if not self._on:
            return
        told: dict[str, object] = {
            "predictor_type": type(predictor).__name__,
            "model_type": model_type,
            "async_loading_frames": getattr(predictor, "async_loading_frames", "unknown"),
            "video_loader_type": getattr(predictor, "video_loader_type", "unknown"),
            "thread_id": threading.get_ident(),
            **{f"env_{name}": os.environ.get(name, "not set") for name in ENVIRONMENT},
            "flash_sdp": torch.backends.cuda.flash_sdp_enabled(),
            "math_sdp": torch.backends.cuda.math_sdp_enabled(),
            "mem_efficient_sdp": torch.backends.cuda.mem_efficient_sdp_enabled(),
            "matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
            "cudnn_tf32": torch.backends.cudnn.allow_tf32,
            "perflib_enabled": _perflib(),
        }
        self.line(f"runtime diagnostics ({stage}): {told}")

    def session(self, stage: str, state: Mapping[str, Any]) -> None:
        """Tell how much Meta's package keeps of a film, as far as it says so."""
        if not self._on:
            return
        trackers = state.get("tracker_inference_states") or state.get("sam2_inference_states") or ()
        told = {
            "num_frames": state.get("num_frames", "unknown"),
            "feature_cache": sorted(map(str, state.get("feature_cache") or ())),
            "cached_frame_outputs": len(state.get("cached_frame_outputs") or ()),
            "states": len(trackers),
            "obj_ids": _ids(trackers),
        }
        self.line(f"session diagnostics ({stage}): {told}")


QUIET = Teller()
"""Tells nothing."""


def _listed(told: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in told.items())


def _perflib() -> object:
    """Return whether Meta's fast kernels are used; its package has been imported where anybody asks."""
    from sam3 import perflib

    return getattr(perflib, "is_enabled", "unknown")


def _ids(trackers: Sequence[Any]) -> list[int]:
    return sorted(int(number) for one in trackers if isinstance(one, Mapping) for number in one.get("obj_ids", ()))
