"""Every layer name and metadata key of ours, once."""

from __future__ import annotations

POINTS = "SAM3 points"
PREVIEW_LABELS = "SAM3 preview labels"

PREVIEWS = (PREVIEW_LABELS,)
"""Layers that ``Clear Preview`` removes."""

PROMPTS = (POINTS,)
"""Layers that hold prompts."""

POLARITY = "polarity"
"""The feature that tells positive from negative points."""

POLARITY_FEATURES = (POLARITY, "prompt", "label", "class", "kind")
"""Features read as polarity in layers that users made, the first one found."""

METADATA = "napari_sam3_assistant"
"""Key of our own entry in a layer's metadata: a dict with ``image`` (unique id of the picture)."""
