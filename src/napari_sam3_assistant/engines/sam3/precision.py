"""How the two towers are computed: in which precision, and by which library; on a CPU whichever is quicker there.

The towers (vision and text) are nine tenths of SAM3's arithmetic. All that follows them stays in
float32: there bfloat16 gains nothing, and on a CPU it loses. What is quicker is measured once, at the
first load, and remembered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from napari_sam3_assistant.engines.sam3 import linear, remembered

FLOAT32, BFLOAT16 = "float32", "bfloat16"
BY_ONEDNN = "float32 by oneDNN"
"""Torch computes products in bfloat16 by oneDNN anyway."""
WORTH = {BFLOAT16: 1.25, BY_ONEDNN: 1.1}
"""So many times as quick each has to be: bfloat16 rounds, and another library is one more thing to go wrong."""

# The released vision tower: a block's width and that of its inner layer, heads, tokens of a window, windows,
# blocks that look at windows and at the whole picture.
_WIDTH, _INNER, _HEADS, _TOKENS, _WINDOWS = 1024, 4736, 16, 576, 9
_BY_WINDOWS, _WHOLE = 28, 4
_FEW = 64
_ROUNDS = 4
# What comes between the products, and the two pyramids after the tower.
_REST = 1.35

_log = logging.getLogger(__name__)

Works = list[tuple[int, Callable[[], object]]]


@dataclass(frozen=True, slots=True)
class Way:
    """How the towers are computed.

    Attributes
    ----------
    precision : str
        ``"float32"`` or ``"bfloat16"``.
    onednn : bool
        Whether products are oneDNN's, of the towers and of all else.
    seconds : float or None
        About how long encoding takes the released model; None if it was not measured.
    """

    precision: str
    onednn: bool = False
    seconds: float | None = None


def cache_file() -> Path:
    """Return the file in which measurements are kept: one entry for each processor and version of torch."""
    return remembered.cache_file("precision.json")


def on_cpu(wanted: str = "auto") -> Way:
    """Return the quickest way on this CPU, in a precision if one is wanted; measured (seconds) if it is not known."""
    seconds = _known_seconds()
    onednn = seconds.get(BY_ONEDNN, float("inf")) * WORTH[BY_ONEDNN] < seconds[FLOAT32]
    exact, rough = seconds[BY_ONEDNN if onednn else FLOAT32], seconds.get(BFLOAT16)
    if wanted == "auto":
        wanted = BFLOAT16 if rough is not None and rough * WORTH[BFLOAT16] < exact else FLOAT32
    return Way(wanted, onednn, rough if wanted == BFLOAT16 else exact)


def measured() -> dict[str, float]:
    """Return how long encoding takes the released model, in seconds, for each way; from pieces of the vision tower.

    Notes
    -----
    The ways take turns, and of each the least counts: other programs that run meanwhile choose for none of them.
    A processor without units for bfloat16 may be a hundred times slower with it: a few tokens are tried first.
    """
    few = {name: _pieces(name, _FEW) for name in (FLOAT32, BFLOAT16)}
    exact, rough = (min(_time(few[name])[0] for _ in range(_ROUNDS)) for name in few)
    names = [FLOAT32, *([BY_ONEDNN] if linear.there() else []), *([BFLOAT16] if rough < 3 * exact else [])]
    ways = {name: _pieces(name, _TOKENS) for name in names}
    rounds = [{way: _time(pieces) for way, pieces in ways.items()} for _ in range(_ROUNDS)]
    seconds = {way: _encoding(*(min(one[way][part] for one in rounds) for part in (0, 1))) for way in ways}
    _log.info("SAM3 would take an encoding on this CPU, in seconds: %s.", seconds)
    return seconds


def cast_towers(net: Any, name: str) -> None:
    """Bring the vision and text towers of a model to a precision; what they return stays float32."""
    if name == FLOAT32:
        return
    for tower in (net.detector_model.vision_encoder.backbone, net.detector_model.text_encoder):
        tower.to(getattr(torch, name))
        tower.register_forward_hook(_widen)


def _widen(module: Any, given: Any, output: Any) -> None:
    output.last_hidden_state = output.last_hidden_state.float()


def _known_seconds() -> dict[str, float]:
    path, key = cache_file(), remembered.machine()
    known = remembered.read(path)
    if not _sound(known.get(key)):
        known[key] = measured()
        remembered.write(path, known)
    return dict(known[key])


def _sound(seconds: object) -> bool:
    return (
        isinstance(seconds, dict)
        and FLOAT32 in seconds
        and all(isinstance(one, float) and one > 0 for one in seconds.values())
    )


def _encoding(products: float, attention: float) -> float:
    """Return what a whole encoding takes, from the products and the attention of one window in one block."""
    blocks = _BY_WINDOWS + _WHOLE
    return _REST * _WINDOWS * (blocks * products + (_BY_WINDOWS + _WHOLE * _WINDOWS) * attention)


def _pieces(way: str, count: int) -> tuple[Works, Works]:
    """Return the products and the attention of a block on a window of ``count`` tokens, and how often each is done."""
    dtype = torch.bfloat16 if way == BFLOAT16 else torch.float32
    product = linear.product if way == BY_ONEDNN else torch.nn.functional.linear
    tokens = {width: torch.randn(count, width).to(dtype) for width in (_WIDTH, _INNER)}
    heads = tokens[_WIDTH].view(1, count, _HEADS, -1).transpose(1, 2)
    products: Works = []
    for times, shape in ((4, (_WIDTH, _WIDTH)), (1, (_INNER, _WIDTH)), (1, (_WIDTH, _INNER))):
        weight, bias = torch.randn(shape).to(dtype), torch.zeros(shape[0], dtype=dtype)
        products.append((times, partial(product, tokens[shape[1]], weight, bias)))
    attention: Works = [(1, partial(torch.nn.functional.scaled_dot_product_attention, heads, heads, heads))]
    return products, attention


def _time(pieces: tuple[Works, Works]) -> tuple[float, float]:
    """Return the seconds that products and attention take."""
    seconds = [0.0, 0.0]
    with torch.inference_mode():
        for index, part in enumerate(pieces):
            for times, work in part:
                start = time.perf_counter()
                work()
                seconds[index] += times * (time.perf_counter() - start)
    return seconds[0], seconds[1]
