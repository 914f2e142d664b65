"""How a connection ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Farewell:
    """The end of a connection.

    Attributes
    ----------
    code : int
        Of the WebSocket's close frame; 0 where the client has gone already.
    reason : str
        For who looks at the frame; at most 123 bytes.
    """

    code: int
    reason: str = ""


GONE = Farewell(0)
"""The client has gone: there is nobody to tell."""
GOODBYE = Farewell(1000)
"""The client has said ``close``."""
