"""Where a server is: from what people type or paste to the address of its WebSocket."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from napari_sam3_assistant.core.errors import AssistantError, EngineError

USUAL_PORT = 8000
"""Where ``serve`` listens unless it is told."""
SOCKET_PATH = "/ws/realtime"
EXAMPLES = "Type it as gpu-box:8000 or https://gpu.example.org/sam3."
_SECURE = {"http": False, "ws": False, "https": True, "wss": True}
_PORTS = {False: 80, True: 443}
_PAGES = (SOCKET_PATH, "/app")
_NAME = re.compile(r"[\w.-]+|[0-9a-fA-F:.%]+")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server.

    Attributes
    ----------
    host : str
        A name, or a number without brackets.
    port : int
    path : str
        Where a proxy puts the server, such as ``/sam3``; empty for the top.
    secure : bool
        Whether the connection is encrypted (TLS).
    token : str or None
        What an address that the server has printed brings along.
    """

    host: str
    port: int
    path: str = ""
    secure: bool = False
    token: str | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self._place}"

    @property
    def socket_url(self) -> str:
        """Where its WebSocket is."""
        return f"{'wss' if self.secure else 'ws'}://{self._place}{SOCKET_PATH}"

    @property
    def _place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == _PORTS[self.secure]
        return f"{host}{'' if usual else f':{self.port}'}{self.path}"


def server_address(text: str) -> Address:
    """Return the address that somebody has typed.

    Parameters
    ----------
    text : str
        ``host``, ``host:port``, or an address that begins with ``http://``, ``https://``, ``ws://`` or ``wss://``,
        of the server, of its page or of its WebSocket. Without a scheme the port is 8000 unless it is said.

    Raises
    ------
    EngineError
        If it is none.
    """
    typed = text.strip()
    if not typed:
        raise EngineError("No server is named.", hint=EXAMPLES)
    scheme, there, _ = typed.partition("://")
    try:
        parts = urlsplit(typed if there else f"//{typed}")
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise _no_address(text) from error
    if (there and scheme.lower() not in _SECURE) or not host or not _NAME.fullmatch(host) or port == 0:
        raise _no_address(text)
    if parts.username is not None or parts.query:
        raise _no_address(text)
    secure = _SECURE[scheme.lower()] if there else False
    usual = _PORTS[secure] if there else USUAL_PORT
    return Address(host, port or usual, _path(parts.path), secure, _token(parts.fragment))


def _path(path: str) -> str:
    path = path.rstrip("/")
    for page in _PAGES:
        path = path.removesuffix(page)
    return path.rstrip("/")


def _token(fragment: str) -> str | None:
    name, _, token = fragment.partition("=")
    return unquote(token) if name == "token" and token else None


def _no_address(text: str) -> AssistantError:
    return EngineError(f"{text.strip()[:100]!r} is no address of a server.", hint=EXAMPLES)
