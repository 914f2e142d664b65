"""Every layer name and metadata key of ours, once."""

from __future__ import annotations

POINTS = "SAM3 points"
BOXES = "SAM3 boxes"
MASK_PROMPT = "SAM3 mask prompt"
PREVIEW_LABELS = "SAM3 preview labels"
PREVIEW_MASKS = "SAM3 preview masks"
PREVIEW_BOXES = "SAM3 preview boxes"
HELD = "SAM3 held objects"
ACCEPTED = "SAM3 live accepted labels"
IN_VIEW = "SAM3 accepted in view"
ROI = "SAM3 active ROI"

SAVED = "SAM3 saved labels"

PROPAGATED = "SAM3 propagated preview labels"
SAVED_PROPAGATED = "SAM3 saved propagated labels"
ACCEPTED_PROPAGATED = "SAM3 accepted propagated labels"

EDITED_LABELS = "SAM3 edited labels"
"""What a preview, or a copy of accepted labels, is called once it is the user's own: it keeps what was painted."""

PREVIEWS = (PREVIEW_LABELS, PREVIEW_MASKS, PREVIEW_BOXES, HELD)
"""Layers that ``Clear Preview`` removes."""

PROMPTS = (POINTS, BOXES, MASK_PROMPT)
"""Layers that hold prompts."""

OURS = (*PROMPTS, *PREVIEWS, ACCEPTED, IN_VIEW, SAVED, ROI, PROPAGATED, SAVED_PROPAGATED, ACCEPTED_PROPAGATED)
"""How the names of all layers of ours begin; napari numbers the second one of a name."""


def in_batch(name: str, picture: str, words: str = "") -> str:
    """Return the name that a preview layer has for a result of a batch: ``{name} [{picture} - {words}]``."""
    title = f"{picture} - {words}" if words else picture
    return f"{name} [{safe(title)}]"


def safe(title: str) -> str:
    """Return a title in which all but letters, digits, ``-``, ``_`` and blanks have become ``_``."""
    return "".join(one if one.isalnum() or one in "-_ " else "_" for one in title)


POLARITY = "polarity"
"""The feature that tells positive from negative points."""

OBJECT = "object"
"""The feature that says which object a point is about: a whole number from 1."""

PICTURE = "image"
"""The feature that says which picture a click in a layer of ours was about: the unique id of its layer."""

POLARITY_FEATURES = (POLARITY, "prompt", "label", "class", "kind")
"""Features read as polarity in layers that users made, the first one found."""

METADATA = "napari_sam3_assistant"
"""Key of our own entry in a layer's metadata: a dict, see ``previews.py``."""

ROLE, STATUS, CLASS_NAME, CLASS_VALUE = "sam3_role", "review_status", "class_name", "class_value"
"""Keys at the top level of a layer's metadata: what it is for Mask Operations, what was decided about it, its class.
The last three are columns of its table of features too, for its objects."""
