"""SAM3 of the released size with random weights: the time it takes is the real one's, its answers mean nothing."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from napari_sam3_assistant.engines.sam3 import upstream
from napari_sam3_assistant.engines.weights.tokenizer import USUAL, letters

_BESIDE_MERGES = 2 * 256 + 2


@torch.no_grad()
def make(folder: Path) -> Path:
    """Write such a model, 3.4 GB, and a tokenizer that knows as many tokens, into a folder."""
    net = upstream.model_class()(transformers.Sam3VideoConfig()).eval()
    random = torch.Generator().manual_seed(0)
    for name, one in net.named_parameters():
        noise = torch.randn(one.shape, generator=random)
        if name.endswith("bias"):
            one.copy_(0.05 * noise)
        elif one.ndim == 1:  # of normalisations
            one.copy_(1 + 0.1 * noise)
        elif any(part in name for part in ("embed", "token", "positional", "no_")):
            one.copy_(noise)
        else:
            one.copy_(0.8 * noise * one[0].numel() ** -0.5)
    folder.mkdir(parents=True, exist_ok=True)
    net.save_pretrained(folder, save_original_format=False)
    pairs = [f"{left} {right}" for left in letters() for right in letters()][: USUAL - _BESIDE_MERGES]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *pairs, ""]), encoding="utf-8")
    return folder
