"""SAM3's vision tower, a row of windows at a time: the same answer as transformers', sooner on a CPU.

Most blocks look at windows only. One row of windows is taken through a whole block before the next one:
what comes between fits the processor's cache, and there is a place to stop every fraction of a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Tell = Callable[[float], None]
"""Called with the share done, before each step; what it raises ends the work."""

# Of the blocks that look at the whole picture: so many times the work of one that looks at windows,
# so many heads and tokens in one step.
_WORK = 3.0
_HEADS, _TOKENS = 2, 1296


def features(backbone: Any, pixels: torch.Tensor, tell: Tell) -> torch.Tensor:
    """Return what the tower makes of a picture.

    Parameters
    ----------
    backbone : Sam3ViTModel
        In evaluation mode.
    pixels : Tensor of shape (1, 3, side, side)
        Of the tower's dtype.
    tell : callable

    Returns
    -------
    Tensor of shape (rows, columns, C), of the tower's dtype
        One cell for each patch.
    """
    tell(0.0)
    rows, columns = (length // backbone.config.patch_size for length in pixels.shape[-2:])
    cells = backbone.layer_norm(backbone.embeddings(pixels).view(rows, columns, -1))
    work = [1.0 if layer.window_size else _WORK for layer in backbone.layers]
    for index, layer in enumerate(backbone.layers):
        done, whole, own = sum(work[:index]), sum(work), work[index]

        def within(share: float, done: float = done, whole: float = whole, own: float = own) -> None:
            tell((done + share * own) / whole)

        cells = _block(layer, cells, within)
    return cells


def _block(layer: Any, cells: torch.Tensor, tell: Tell) -> torch.Tensor:
    size = layer.window_size
    if not size:
        return _whole(layer, cells, tell)
    if cells.shape[0] % size or cells.shape[1] % size:  # transformers pads such a grid
        tell(0.0)
        made: torch.Tensor = layer(cells[None])[0]
        return made
    return _by_windows(layer, cells, tell)


def _by_windows(layer: Any, cells: torch.Tensor, tell: Tell) -> torch.Tensor:
    """Return what a block makes of cells, shape (rows, columns, C), of which each looks at its own window."""
    size, (rows, columns, width) = layer.window_size, cells.shape
    made, turn = torch.empty_like(cells), _turn(layer, cells)
    for top in range(0, rows, size):
        tell(top / rows)
        strip = cells[top : top + size].view(size, columns // size, size, width).transpose(0, 1)
        tokens = strip.reshape(columns // size, size * size, width)
        tokens = tokens + _attended(layer, layer.layer_norm1(tokens), turn)
        tell((top + size / 2) / rows)
        tokens = tokens + layer.mlp(layer.layer_norm2(tokens))
        strip = tokens.view(columns // size, size, size, width).transpose(0, 1)
        made[top : top + size] = strip.reshape(size, columns, width)
    return made


def _whole(layer: Any, cells: torch.Tensor, tell: Tell) -> torch.Tensor:
    """Return what a block makes of cells, shape (rows, columns, C), of which each looks at all others."""
    tokens, made = cells.view(-1, cells.shape[-1]), torch.empty_like(cells)
    count, out = len(tokens), made.view_as(tokens)
    tell(0.0)
    normed = layer.layer_norm1(tokens)[None]
    seen = _attended(layer, normed, _turn(layer, cells), _HEADS, lambda share: tell(0.8 * share))[0]
    for start in range(0, count, _TOKENS):
        tell(0.8 + 0.2 * start / count)
        some = tokens[start : start + _TOKENS] + seen[start : start + _TOKENS]
        out[start : start + _TOKENS] = some + layer.mlp(layer.layer_norm2(some))
    return made


def _attended(
    layer: Any, tokens: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor], heads: int = 0, tell: Tell | None = None
) -> torch.Tensor:
    """Return what tokens, shape (windows, tokens, C), see in their windows; ``heads`` in one step, 0 for all."""
    attention = layer.attention
    count, step = attention.num_attention_heads, heads or attention.num_attention_heads
    query, key, value = (
        project(tokens).view(*tokens.shape[:2], count, attention.head_dim)
        for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    query, key = _turned(query, turn), _turned(key, turn)
    seen = torch.empty_like(value)
    for first in range(0, count, step):
        if tell is not None:
            tell(first / count)
        some = (one[:, :, first : first + step].transpose(1, 2) for one in (query, key, value))
        made = torch.nn.functional.scaled_dot_product_attention(*some, scale=attention.scaling)
        seen[:, :, first : first + step] = made.transpose(1, 2)
    made = attention.o_proj(seen.view_as(tokens))
    return made


def _turn(layer: Any, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the cosines and sines by which the features of each place are turned, shape (tokens, 1, C / 2)."""
    pairs = (one.view(-1, one.shape[-1])[:, None, ::2] for one in layer.rotary_emb(cells, layer.position_ids))
    cosines, sines = pairs
    return cosines.contiguous(), sines.contiguous()


def _turned(features: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Return features with each pair of them turned, computed in float32."""
    first, second = features.float().unflatten(-1, (-1, 2)).unbind(-1)
    cosines, sines = turn
    turned = torch.stack((first * cosines - second * sines, second * cosines + first * sines), dim=-1)
    return turned.flatten(-2).to(features.dtype)
