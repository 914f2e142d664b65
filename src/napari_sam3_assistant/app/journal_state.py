"""Accepted objects of the picture in use that an earlier process has kept: what is offered, and what is drawn of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.views import JournalView, action
from napari_sam3_assistant.layers import names

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Offer:
    """Accepted objects that can be brought back: how many, when the newest was accepted (seconds since 1970)."""

    count: int
    when: float
    paths: tuple[Path, ...]


@dataclass(eq=False)
class JournalState:
    """What is kept of the picture in use; controllers write it. ``reading``: it is being brought back."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    offer: Offer | None = None
    reading: bool = False


def journal_view(state: JournalState) -> JournalView:
    """Return what is drawn of an offer."""
    offer, waits = state.offer, "They are being read."
    them = "it" if offer is not None and offer.count == 1 else "them"
    verb = "was" if them == "it" else "were"
    text = "" if offer is None else f"{counted(offer.count)} of this picture {verb} kept from {day_of(offer.when)}."
    back = f"Put {them} into {names.ACCEPTED} again, as one step that can be undone."
    return JournalView(
        text,
        action(offer is not None and not state.reading, back, waits),
        action(offer is not None and not state.reading, f"Offer {them} no more. The file stays for 7 days.", waits),
    )


def counted(count: int) -> str:
    """Return how many accepted objects, in words."""
    return "1 accepted object" if count == 1 else f"{count:,} accepted objects"


def day_of(when: float) -> str:
    """Return a time as users read it: ``21 Nov, 10:32``, of another year with that year."""
    then, now = time.localtime(when), time.localtime()
    year = "" if then.tm_year == now.tm_year else f" {then.tm_year}"
    return f"{then.tm_mday} {MONTHS[then.tm_mon - 1]}{year}, {then.tm_hour:02}:{then.tm_min:02}"
