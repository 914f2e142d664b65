"""Float32 or bfloat16 for the two towers: on a CPU whichever is quicker there, measured once and remembered.

The towers (vision and text) are nine tenths of SAM3's arithmetic. All that follows them stays in
float32: there bfloat16 gains nothing, and on a CPU it loses.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from pathlib import Path
from typing import Any

import platformdirs
import torch

FLOAT32, BFLOAT16 = "float32", "bfloat16"
# bfloat16 rounds: it has to be worth it.
WORTH = 1.25

_log = logging.getLogger(__name__)


def cache_file() -> Path:
    """Return the file in which measurements are kept: one entry for each processor and version of torch."""
    return platformdirs.user_cache_path("napari-sam3-assistant") / "precision.json"


def quicker_on_cpu() -> str:
    """Return the precision in which this CPU runs the towers sooner; measured (about a second) if it is not known."""
    path, key = cache_file(), f"{_processor()}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    known = _read(path)
    if known.get(key) not in (FLOAT32, BFLOAT16):
        known[key] = measured()
        _write(path, known)
    return known[key]


def measured() -> str:
    """Return the precision in which a piece of the vision tower takes less time on this CPU."""
    seconds = {name: _seconds(getattr(torch, name)) for name in (FLOAT32, BFLOAT16)}
    quicker = BFLOAT16 if seconds[BFLOAT16] * WORTH < seconds[FLOAT32] else FLOAT32
    _log.info("SAM3 runs in %s on this CPU (%s).", quicker, seconds)
    return quicker


def cast_towers(net: Any, name: str) -> None:
    """Bring the vision and text towers of a model to a precision; what they return stays float32."""
    if name == FLOAT32:
        return
    for tower in (net.detector_model.vision_encoder.backbone, net.detector_model.text_encoder):
        tower.to(getattr(torch, name))
        tower.register_forward_hook(_widen)


def _widen(module: Any, given: Any, output: Any) -> None:
    output.last_hidden_state = output.last_hidden_state.float()


def _seconds(dtype: torch.dtype) -> float:
    """Return the best of two runs of one block of SAM3's vision tower (widths of the released model) on a window."""
    with torch.inference_mode():
        tokens = torch.randn(576, 1024).to(dtype)
        up, down = (torch.randn(*shape).to(dtype) for shape in ((4736, 1024), (1024, 4736)))
        heads = tokens.view(1, 576, 16, 64).transpose(1, 2)
        runs = []
        for _ in range(3):  # the first one warms up
            start = time.perf_counter()
            torch.nn.functional.scaled_dot_product_attention(heads, heads, heads)
            torch.nn.functional.linear(torch.nn.functional.linear(tokens, up), down)
            runs.append(time.perf_counter() - start)
    return min(runs[1:])


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # Windows and macOS have no such file
        pass
    return platform.processor() or platform.machine()


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there yet, or damaged: it is measured again
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, known: dict[str, str]) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known, indent=2), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        _log.warning("The measurement cannot be kept in %s (%s); it is made again next time.", path, error)
