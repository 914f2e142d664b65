"""What transformers' text video takes from a CUDA kernel on the internet, and leaves out where there is none.

Without it an object that is found twice is followed twice, and holes stay open.
"""

from __future__ import annotations

import numpy as np
import torch


def generic_nms(
    ious: torch.Tensor, scores: torch.Tensor, threshold: float, use_iou_matrix: bool = True
) -> torch.Tensor:
    """Return which of some masks are kept, the best first: one that overlaps a better one is left out.

    Parameters
    ----------
    ious : Tensor of shape (n, n)
        Intersections over unions.
    scores : Tensor of shape (n,)
    threshold : float
        The largest IoU of two masks that are kept.
    use_iou_matrix : bool
        As the kernel has it; always so here.
    """
    overlaps, kept = (ious > threshold).cpu().numpy(), []
    left = np.ones(len(overlaps), bool)
    for index in scores.argsort(descending=True, stable=True).tolist():
        if left[index]:
            kept.append(index)
            left &= ~overlaps[index]
    return torch.tensor(kept, dtype=torch.long, device=scores.device)


def cc_2d(masks: torch.Tensor, get_counts: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Return connected components, which hang together across corners.

    Parameters
    ----------
    masks : Tensor of shape (n, 1, h, w)
        0 for the background.
    get_counts : bool
        As the kernel has it; always so here.

    Returns
    -------
    labels, counts : Tensors of shape (n, 1, h, w), int32
        The component of each cell, from 1, and its number of cells; 0 on the background.
    """
    from scipy import ndimage

    labels, counts = np.zeros(masks.shape, np.int32), np.zeros(masks.shape, np.int32)
    for index, mask in enumerate(masks[:, 0].cpu().numpy()):
        pieces, _ = ndimage.label(mask, np.ones((3, 3)))
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        labels[index, 0], counts[index, 0] = pieces, sizes[pieces]
    return torch.from_numpy(labels).to(masks.device), torch.from_numpy(counts).to(masks.device)


def mask_iou(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return intersections over unions, shape (n, m), of masks of shapes (n, h, w) and (m, h, w).

    Notes
    -----
    As transformers', by a product of matrices: theirs makes arrays of n x m x h x w, 26 GB for 200 masks of 288 x 288.
    """
    first, second = (masks.flatten(1).float() for masks in (one, other))
    shared = first @ second.T
    return shared / (first.sum(1)[:, None] + second.sum(1)[None] - shared).clamp(min=1)
