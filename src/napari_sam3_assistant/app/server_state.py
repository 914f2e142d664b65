"""The state of a server whose engine answers in the place of one here, and of the dialog that chooses it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.engines import registry

REMOTE = registry.REMOTE.name
"""The engine on a server, as in the registry."""


class Link(StrEnum):
    """How one stands with the server. The first is before anything was asked of it."""

    IDLE = "idle"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    OFFLINE = "offline"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """A test of a server: whether it runs, what it has shown; or why it failed (``problem``), and what to do now."""

    running: bool = False
    text: str = ""
    problem: str = ""
    hint: str = ""


@dataclass(eq=False)
class ServerState:
    """Which server, and how one stands with it.

    The user's: ``address`` (of the server in use; empty for none), ``recent`` (addresses used, the newest first),
    ``keep`` (whether tokens are kept in the system's keyring), ``asking`` (whether the dialog is open).

    Facts: ``link``; ``title`` (of the engine on the server) and ``latency_ms`` (of the newest round trip), while they
    are known; ``keyring`` (what the system's keyring is called, empty where there is none that can be used, None
    before it was looked for); and the ``trial`` of the dialog. No token is in the state.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    address: str = ""
    recent: tuple[str, ...] = ()
    keep: bool = True
    asking: bool = False
    link: Link = Link.IDLE
    title: str = ""
    latency_ms: int | None = None
    keyring: str | None = None
    trial: Trial = Trial()
