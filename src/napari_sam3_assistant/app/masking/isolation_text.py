"""What the tab ``Mask Isolation`` says of its candidates: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from napari_sam3_assistant.masks.isolation import Status, Verdict


def summary(
    names: Sequence[str] | None,
    verdicts: Sequence[Verdict] = (),
    classified: bool = False,
    stale: bool = False,
    changed: Mapping[str, str] | None = None,
) -> str:
    """Return how many candidates there are, of which kind, and whether what they came from is still so.

    Parameters
    ----------
    names : sequence of str, or None
        Of the layers that were harvested; None before any.
    verdicts : sequence of Verdict
        What each candidate is.
    classified : bool
        Whether they were classified.
    stale : bool
        Whether the numbers were changed since.
    changed : mapping of str to str, or None
        What has become of layers since, by their name.
    """
    if names is None:
        return "No candidates yet. Press Harvest Masks."
    count = Counter(one.status for one in verdicts)
    marked = sum(one.by_hand for one in verdicts)
    kinds = ", ".join(f"{status.value}={count[status]:,}" for status in Status if count[status])
    parts = [f"{len(verdicts):,} candidate(s) of {len(names)} layer(s){f': {kinds}' if classified or marked else ''}."]
    if marked:
        parts.append(f"{marked:,} marked by hand.")
    if verdicts and not classified:
        parts.append("Not classified yet.")
    if stale:
        parts.append("The numbers have changed: press Classify Candidates.")
    if changed:
        told = ", ".join(f"{name} was {what}" for name, what in changed.items())
        parts.append(f"Since the harvest, {told}; the candidates are as they were.")
    return " ".join(parts)


def found_none(minimum_area: int) -> str:
    """Return what to say where a harvest has brought nothing."""
    return (
        f"There is no object of {minimum_area:,} pixels or more in these layers. Lower Minimum area, or choose others."
    )
