"""Every layer name and metadata key of ours, once."""

from __future__ import annotations

POINTS = "SAM3 points"
PREVIEW_LABELS = "SAM3 preview labels"

EDITED_LABELS = "SAM3 edited labels"
"""What a preview is called from the moment a user's changes in it have to be kept."""

PREVIEWS = (PREVIEW_LABELS,)
"""Layers that ``Clear Preview`` removes."""

PROMPTS = (POINTS,)
"""Layers that hold prompts."""

POLARITY = "polarity"
"""The feature that tells positive from negative points."""

POLARITY_FEATURES = (POLARITY, "prompt", "label", "class", "kind")
"""Features read as polarity in layers that users made, the first one found."""

METADATA = "napari_sam3_assistant"
"""Key of our own entry in a layer's metadata: a dict, see ``previews.py``."""
