"""When a chime sounds, and what it sounds like: pure functions and bytes."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.app.state import Phase

LONG_S = 60.0
"""Of a shorter run one has seen the end."""
RATE_HZ, LENGTH_S = 44_100, 1.10
BASE_HZ, OVERTONE_HZ, OVERTONE = 345.0, 888.0, 0.025
AMPLITUDE = 0.13
RISE_S, FADE_S = 0.01, 0.35
"""How fast the tone comes, and how long it takes to lose all but a third."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What runs: when it has begun, in seconds of some clock, and whether it may still succeed."""

    began: float
    good: bool = True


def step(run: Timed | None, phase: Phase, now: float) -> tuple[Timed | None, bool]:
    """Return what runs once ``phase`` was entered, and whether a long run has succeeded by that.

    Parameters
    ----------
    run : Timed or None
        What has run until now.
    phase : Phase
    now : float
        In seconds, by the same clock.
    """
    if phase in (Phase.LOADING, Phase.RUNNING):
        return run or Timed(now), False
    if phase is Phase.CANCELLING:
        return (Timed(run.began, False) if run is not None else None), False
    return None, phase is Phase.IDLE and run is not None and run.good and now - run.began > LONG_S


def wav() -> bytes:
    """Return the chime as a WAV file: mono, 16 bits, :data:`RATE_HZ`."""
    at = np.arange(round(LENGTH_S * RATE_HZ)) / RATE_HZ
    tone = np.sin(2 * np.pi * BASE_HZ * at) + OVERTONE * np.sin(2 * np.pi * OVERTONE_HZ * at)
    shape = np.minimum(at / RISE_S, 1) * np.exp(-at / FADE_S) * np.minimum((LENGTH_S - at) / RISE_S, 1)
    samples = np.round(AMPLITUDE * 32_767 / (1 + OVERTONE) * tone * shape).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(samples.tobytes())
    return file.getvalue()
