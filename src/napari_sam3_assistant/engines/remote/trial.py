"""Whether a server can be used, and what it is, before an engine is made of it: what a test button asks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from napari_sam3_assistant.core.errors import Cancelled, EngineError
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.remote.addresses import Address, server_address
from napari_sam3_assistant.engines.remote.dialling import BUILTIN, CHECK, Line, dial
from napari_sam3_assistant.engines.remote.reading import capabilities_of
from napari_sam3_assistant.wire.replies import Welcome

TRY_S = 5.0
TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What a server says of itself.

    Attributes
    ----------
    address : str
        As it is written best.
    server : str
        Name and version of the program that serves.
    protocol : int
        Which version of the protocol is spoken.
    engine : str
        Title of its engine.
    weights : str
        Which weights that has loaded; empty where it needs none.
    capabilities : Capabilities
        What it can do.
    latency_s : float
        A round trip, in seconds.
    """

    address: str
    server: str
    protocol: int
    engine: str
    weights: str
    capabilities: Capabilities
    latency_s: float


def try_server(
    address: str, token: str | None = None, *, timeout_s: float = TRY_S, cancel: CancelToken | None = None
) -> ServerReport:
    """Return what a server says of itself. Blocks, for little longer than ``timeout_s``.

    Parameters
    ----------
    address : str
        See :func:`~napari_sam3_assistant.engines.remote.addresses.server_address`.
    token : str or None
        For servers that ask for one.
    timeout_s : float
        How long each step may take, in seconds.
    cancel : CancelToken or None

    Raises
    ------
    ServerUnreachable
        If nobody answers, or the server is full.
    TokenRefused
        If it asks for another token.
    EngineError
        If it is none of ours, speaks another version, its certificate does not fit, or its model is not there.
    Cancelled
        Soon after ``cancel`` was raised.
    """
    there = server_address(address)
    token = token or there.token
    line = _dialled(there, token, timeout_s, cancel or CancelToken())
    try:
        start = time.perf_counter()
        if not line.socket.ping().wait(timeout_s):
            raise EngineError(f"{there} does not answer any more.", hint=CHECK)
        latency_s = time.perf_counter() - start
    finally:
        line.socket.close()
    return _report(there, line.welcome, line.created.server, latency_s)


def _report(there: Address, welcome: Welcome, server: str, latency_s: float) -> ServerReport:
    told = welcome.capabilities
    if told is None or welcome.model in ("failed", "closed", "stuck"):
        raise EngineError("The server is there, but its model does not work.", hint=f"Ask who runs it, {BUILTIN}")
    if welcome.model == "loading":
        raise EngineError("The server is there, and still loads its model.", hint="Try again in a minute.")
    return ServerReport(
        address=str(there),
        server=server,
        protocol=welcome.protocol,
        engine=told.title or told.engine,
        weights=told.weights,
        capabilities=capabilities_of(told, welcome.limits, ""),
        latency_s=latency_s,
    )


def _dialled(there: Address, token: str | None, timeout_s: float, cancel: CancelToken) -> Line:
    """Return a connection, made on a thread of its own: finding a machine cannot be interrupted."""
    made: SimpleQueue[Line | Exception] = SimpleQueue()

    def run() -> None:
        try:
            line = dial(there, token, timeout_s=timeout_s)
        except Exception as error:  # a defect, too: who waits must hear of it
            made.put(error)
            return
        if cancel.cancelled:  # nobody waits for it
            line.socket.close()
        made.put(line)

    threading.Thread(target=run, name="sam3-assistant-trial", daemon=True).start()
    while True:
        try:
            result = made.get(timeout=TICK_S)
            break
        except Empty:
            cancel.raise_if_cancelled()
    if isinstance(result, Exception):
        raise result
    if cancel.cancelled:
        result.socket.close()
        raise Cancelled
    return result
