"""How often something may happen: token buckets."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """Lets through ``burst`` at once, and ``rate`` a second in the long run.

    Parameters
    ----------
    rate : float
        Tokens that come back, a second.
    burst : float
        Most tokens it holds; it starts full.
    clock : callable
        Returns seconds, and never goes back.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._filled = float(burst), clock()

    def take(self) -> bool:
        """Take a token; return whether there was one."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait_s(self) -> float:
        """Return the seconds until there is a token; 0 if there is one."""
        self._fill()
        return max(0.0, (1 - self._tokens) / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
