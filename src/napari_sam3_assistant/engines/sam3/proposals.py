"""Every reading of many points at once, each clicked alone: what a grid of points shows of a whole picture."""

from __future__ import annotations

from napari_sam3_assistant.engines.devices import kind_of
from napari_sam3_assistant.engines.protocol import Proposals

LEAST_SCORE, LEAST_STABILITY = 0.88, 0.95
"""Those of the automatic masks of Meta's first model of this kind."""
_POINTS = {"cpu": 4, "mps": 16}
_POINTS_ELSEWHERE = 64


def limits_on(device: str) -> Proposals:
    """Return how many points are read at once on a device, and what is kept unless the user says."""
    return Proposals(_POINTS.get(kind_of(device), _POINTS_ELSEWHERE), LEAST_SCORE, LEAST_STABILITY)
