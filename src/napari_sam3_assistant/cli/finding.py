"""What ``doctor`` has found out about one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    group, name : str
        What it belongs to, and what it is.
    ok : bool
        Whether it is there, or as it should be.
    detail : str
        Its version, or what was found.
    remedy : str
        What to do about a "no"; empty where there is nothing to do.
    needed : bool
        Whether nothing works without it.
    """

    group: str
    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = False
