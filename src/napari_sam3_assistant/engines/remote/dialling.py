"""How a connection to a server begins: reach it, come in, say hello; and what is wrong where that fails.

A :class:`~napari_sam3_assistant.core.errors.ServerUnreachable` may be better the next time; every other error stays
until somebody changes something, and is not tried again.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from dataclasses import dataclass

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)
from websockets.sync.client import ClientConnection, connect

from napari_sam3_assistant import __version__
from napari_sam3_assistant.core.errors import AssistantError, EngineError, ServerUnreachable, TokenRefused
from napari_sam3_assistant.engines.remote.addresses import Address
from napari_sam3_assistant.wire.frames import packed
from napari_sam3_assistant.wire.messages import Hello
from napari_sam3_assistant.wire.parsing import parse_server
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import Error, SessionCreated, Welcome
from napari_sam3_assistant.wire.values import PROTOCOL, Message

PING_S = 5.0
"""How often the server is asked for a sign of life, and the latency measured, in seconds."""
DEAD_S = 15.0
"""A server that gives no sign of life for so long is gone, in seconds."""
MOST_ANSWER = 2**28
"""The largest message that is taken, in bytes."""
BUILTIN = "or choose the engine Built-in."
CHECK = f"Check the address and that the server runs, {BUILTIN}"
TOKEN_HINT = "Ask who runs it for the token, and type it here."
HELLO = Hello(
    protocol=PROTOCOL,
    client=f"napari-sam3-assistant {__version__}",
    mask_formats=("bits",),
    binary=True,
    progress=True,
)

_BAD_GATEWAYS = (408, 429, 500, 502, 503, 504)
_NAME_MISMATCH, _EXPIRED, _IP_MISMATCH = 62, 10, 64
_log = logging.getLogger(__name__)
_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.INFO)  # below, websockets writes every header, and with them the token


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A connection on which both have said hello.

    Attributes
    ----------
    socket : ClientConnection
    created : SessionCreated
    welcome : Welcome
    hello_s : float
        How long the server took to answer, in seconds.
    """

    socket: ClientConnection
    created: SessionCreated
    welcome: Welcome
    hello_s: float

    @property
    def latency_s(self) -> float:
        """The newest round trip, in seconds."""
        return self.socket.latency or self.hello_s


def dial(address: Address, token: str | None = None, *, timeout_s: float) -> Line:
    """Return a connection to a server. Blocks.

    Parameters
    ----------
    address : Address
    token : str or None
        None takes that of the address.
    timeout_s : float
        How long each step may take, in seconds.

    Raises
    ------
    ServerUnreachable
        If nobody answers, or there is no room.
    TokenRefused
        If the server asks for another token.
    EngineError
        If it is no server of ours, or one that cannot serve this program.
    """
    token = token or address.token
    if token and not (token.isascii() and token.isprintable()):  # no header can hold it
        raise TokenRefused(
            "This is no token of a server: one has plain letters, digits and signs only.", hint=TOKEN_HINT
        )
    started = _reached(address, token, timeout_s)
    try:
        return _introduced(started, address, timeout_s)
    except BaseException:
        started.close()
        raise


def _reached(address: Address, token: str | None, timeout_s: float) -> ClientConnection:
    try:
        # Entered, and left by `close`: from websockets 17.1 on a connection wants that, and before it may.
        return connect(
            address.socket_url,
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            compression=None,  # pictures and masks hardly shrink, and it costs more than the network
            open_timeout=timeout_s,
            ping_interval=PING_S,
            ping_timeout=DEAD_S,
            close_timeout=1.0,
            max_size=MOST_ANSWER,
            logger=_wire_log,
        ).__enter__()
    except InvalidStatus as error:
        raise _turned_away(error.response.status_code, address, token) from error
    except (ProxyError, InvalidProxy) as error:
        raise ServerUnreachable(
            f"The proxy does not let through to {address}.",
            hint="Check HTTPS_PROXY, or name the server in NO_PROXY.",
        ) from error
    except InvalidMessage as error:
        raise _not_ours(address) from error
    except (OSError, EOFError) as error:
        raise _unreached(error, address, timeout_s) from error
    except (InvalidHandshake, WebSocketException) as error:
        raise _not_ours(address) from error
    except (ImportError, ValueError, UnicodeError) as error:  # a SOCKS proxy without its package; a name too long
        _log.info("A connection to %s could not begin.", address, exc_info=True)
        raise EngineError(f"The way to {address} cannot be taken.", hint=CHECK) from error


def _unreached(error: Exception, address: Address, timeout_s: float) -> AssistantError:
    match error:
        case ssl.SSLCertVerificationError():
            return _untrusted(error, address)
        case ssl.SSLError():
            return EngineError(
                f"{address} does not answer with encryption.", hint="Try the address with http:// in front."
            )
        case TimeoutError():
            return ServerUnreachable(f"{address} did not answer within {timeout_s:g} s.", hint=CHECK)
        case socket.gaierror():
            return ServerUnreachable(f"No machine is called {address.host}.", hint=CHECK)
        case ConnectionRefusedError():
            return ServerUnreachable(f"Nothing listens at {address}.", hint=CHECK)
    return ServerUnreachable(f"{address} cannot be reached.", hint=CHECK)


def _untrusted(error: ssl.SSLCertVerificationError, address: Address) -> EngineError:
    match error.verify_code:
        case code if code in (_NAME_MISMATCH, _IP_MISMATCH):
            return EngineError(
                f"The certificate of {address} is for another name.",
                hint="Use the name that is in it, or have the server get one for this name.",
            )
        case code if code == _EXPIRED:
            return EngineError(
                f"The certificate of {address} has expired.", hint="Ask who runs the server to renew it."
            )
    return EngineError(
        f"The certificate of {address} is signed by nobody whom this computer trusts.",
        hint="If it is your own, set SSL_CERT_FILE to the file of who signed it, and start again.",
    )


def _turned_away(status: int, address: Address, token: str | None) -> AssistantError:
    if status == 401:
        said = "does not know this token" if token else "asks for a token"
        return TokenRefused(
            f"The server {address} {said}.",
            hint=TOKEN_HINT,
            in_shell="Ask who runs it for the token, and set NAPARI_SAM3_SERVER_TOKEN to it, or give --token.",
        )
    if status == 403:
        return EngineError(
            f"The server does not answer to the name {address.host}.",
            hint=f"Have it started with --allow-host {address.host}.",
        )
    if status in _BAD_GATEWAYS:
        return ServerUnreachable(f"Behind {address} no server answers now.", hint=f"Try again later, {BUILTIN}")
    return _not_ours(address)


def _not_ours(address: Address) -> EngineError:
    other = "http" if address.secure else "https"
    return EngineError(
        f"{address} is no server of napari-sam3-assistant.",
        hint=f"Check the port and the path, or try {other}:// in front.",
    )


def _introduced(started: ClientConnection, address: Address, timeout_s: float) -> Line:
    """Return a connection once both ends have said who they are."""
    created = _next(started, address, timeout_s)
    if isinstance(created, Error):
        raise _no_room(created)
    if not isinstance(created, SessionCreated):
        raise _not_ours(address)
    if "predict" not in created.features:
        raise EngineError(
            f"{address} is the plain real-time server: it serves its web page only, not this program.",
            hint=f"Use a server started with napari-sam3-assistant serve, {BUILTIN}",
        )
    start = time.perf_counter()
    try:
        started.send(packed(HELLO))
    except ConnectionClosed as error:
        raise _hung_up(address) from error
    welcome = _next(started, address, timeout_s)
    hello_s = time.perf_counter() - start
    if not isinstance(welcome, Welcome) or welcome.capabilities is None:
        raise _not_ours(address)
    if welcome.protocol != PROTOCOL:
        raise EngineError(
            f"The server speaks version {welcome.protocol} of the protocol, this program version {PROTOCOL}.",
            hint="Install the same version of napari-sam3-assistant here and there.",
        )
    return Line(started, created, welcome, hello_s)


def _next(started: ClientConnection, address: Address, timeout_s: float) -> Message:
    try:
        return parse_server(started.recv(timeout_s))
    except TimeoutError as error:
        raise _not_ours(address) from error
    except Refusal as error:
        raise _not_ours(address) from error
    except ConnectionClosed as error:
        raise _hung_up(address) from error


def _hung_up(address: Address) -> ServerUnreachable:
    return ServerUnreachable(f"{address} has hung up.", hint=f"Try again, {BUILTIN}")


def _no_room(said: Error) -> AssistantError:
    if said.code == "server_full":
        return ServerUnreachable("The server has no room for another client now.", hint=f"Try again later, {BUILTIN}")
    return ServerUnreachable("The server takes nobody in now.", hint=f"Try again later, {BUILTIN}")
