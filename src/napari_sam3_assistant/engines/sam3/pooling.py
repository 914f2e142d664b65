"""The one operation that transformers' SAM3 takes from torchvision, in plain torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def roi_align(features: torch.Tensor, boxes: Sequence[torch.Tensor], size: int) -> torch.Tensor:
    """Return the features in some boxes, each brought to the same size.

    Parameters
    ----------
    features : Tensor of shape (B, C, H, W)
    boxes : sequence of B tensors of shape (n, 4)
        ``x0, y0, x1, y1`` in cells of ``features``.
    size : int
        Side of what comes back, in cells.

    Returns
    -------
    Tensor of shape (sum of n, C, size, size)

    Notes
    -----
    ``torchvision.ops.roi_align`` with its defaults (``spatial_scale=1``, ``sampling_ratio=-1``,
    ``aligned=False``): each cell is the mean of bilinear samples on a regular grid. Such a mean is
    separable, so a box costs two products of small matrices.
    """
    height, width = features.shape[-2:]
    pooled = [
        _weights(y0, y1, size, height).to(features) @ one @ _weights(x0, x1, size, width).to(features).T
        for one, some in zip(features, boxes, strict=True)
        for x0, y0, x1, y1 in some.tolist()
    ]
    return torch.stack(pooled) if pooled else features.new_zeros(0, features.shape[1], size, size)


def _weights(start: float, end: float, size: int, cells: int) -> torch.Tensor:
    """Return how much each of ``cells`` counts for each of ``size`` bins between two places; float64."""
    length = max(end - start, 1.0)
    samples = max(math.ceil(length / size), 1)
    places = start + (torch.arange(size * samples, dtype=torch.float64) + 0.5) * (length / (size * samples))
    counts = (places >= -1) & (places <= cells)  # what lies further outside is no part of the picture
    places = places.clamp(0, cells - 1)
    low = places.floor().long()
    beyond = (low + 1).clamp(max=cells - 1)
    share = places - low
    weights = torch.zeros(size * samples, cells, dtype=torch.float64)
    weights.scatter_add_(1, low[:, None], ((1 - share) * counts)[:, None])
    weights.scatter_add_(1, beyond[:, None], (share * counts)[:, None])
    return weights.view(size, samples, cells).mean(dim=1)
