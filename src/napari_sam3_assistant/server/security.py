"""Who may come in: the names of this server, the pages that may use it, and tokens.

Every request and every handshake is looked at before anything of it is read. A page that a browser got from elsewhere
is refused by its ``Origin``; one whose name was made to lead to this machine (DNS rebinding), where ``Origin`` and
``Host`` agree, by its ``Host``. A token, where there is one, comes as ``Authorization: Bearer``, or, from browsers,
which cannot set that for a WebSocket, as the subprotocol ``bearer.TOKEN`` beside :data:`SUBPROTOCOL`.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import secrets
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from napari_sam3_assistant.server.addresses import is_loopback
from napari_sam3_assistant.server.settings import ServerSettings

SUBPROTOCOL = "sam3.v1"
BEARER = "bearer."
OPEN_PATHS = ("/", "/health", "/healthz", "/readyz", "/app", "/favicon.ico")
"""What answers without a token: the probes, and the page, which holds no secret."""
OPEN_FOLDERS = ("/static/",)
CONTENT_SECURITY = (
    "default-src 'self'; img-src 'self' blob: data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
PERMISSIONS = "camera=(self), microphone=(), geolocation=()"
"""What the page itself may ask for: it takes photos."""
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_CHANGING = ("POST", "PUT", "PATCH", "DELETE")
_BODIES = ("application/json", "multipart/form-data")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a request is refused.

    Attributes
    ----------
    status : int
        Of HTTP.
    reason : str
        For metrics: ``"host"``, ``"origin"``, ``"token"`` or ``"content_type"``.
    detail : str
        For the client.
    """

    status: int
    reason: str
    detail: str


HOST = Denial(403, "host", "This server is not called that. Start it with --allow-host NAME.")
ORIGIN = Denial(403, "origin", "Pages of this origin may not use the server. Start it with --allow-origin URL.")
TOKEN = Denial(401, "token", "A token is needed: Authorization: Bearer TOKEN.")
CONTENT_TYPE = Denial(415, "content_type", "Send application/json or multipart/form-data.")


class Security:
    """Middleware that lets in who may, and says on each answer what a browser may do with it.

    Parameters
    ----------
    app : callable
        What is guarded.
    settings : ServerSettings
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._hosts = HostNames(settings)
        self._origins = frozenset(one.rstrip("/").lower() for one in settings.allow_origins)
        self._tokens = Tokens(settings.tokens)
        self._root = settings.root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a handshake on, or answer why not."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._root and scope["path"].startswith(f"{self._root}{self._root}/"):
            # Uvicorn puts the prefix before what a proxy leaves of a path; some proxies leave the prefix there too.
            scope["path"] = scope["path"].removeprefix(self._root)
        send = _with_headers(scope, send)
        headers = Headers(scope=scope)
        tenant = self._tokens.tenant(_token_in(scope, headers))
        denial = self._denial(scope, headers, tenant)
        if denial is not None:
            await _refuse(denial, scope, receive, send)
            return
        scope.setdefault("state", {})["tenant"] = tenant or ""
        if scope["type"] == "websocket":
            offered = scope["subprotocols"]
            scope["subprotocols"] = [one for one in offered if not one.startswith(BEARER)]
            if SUBPROTOCOL in offered:
                send = _with_subprotocol(send)
        await self._app(scope, receive, send)

    def _denial(self, scope: Scope, headers: Headers, tenant: str | None) -> Denial | None:
        host = headers.getlist("host")
        if len(host) != 1 or not self._hosts.holds(host[0]):
            return HOST
        origins = headers.getlist("origin")
        if not all(self._is_known(one, host[0]) for one in origins):
            return ORIGIN
        if tenant is None and not self._is_open(scope["path"].removeprefix(self._root) or "/"):
            return TOKEN
        if scope["type"] == "http" and scope["method"] in _CHANGING and not _is_body(headers.get("content-type", "")):
            return CONTENT_TYPE
        return None

    def _is_known(self, origin: str, host: str) -> bool:
        origin = origin.lower()
        if origin in self._origins:
            return True
        try:
            own, named = _authority(origin), _authority(f"{urlsplit(origin).scheme}://{host.lower()}")
        except ValueError:
            return False
        return own is not None and own == named

    def _is_open(self, path: str) -> bool:
        return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


class HostNames:
    """The names that this server answers to, with any port."""

    def __init__(self, settings: ServerSettings) -> None:
        allowed = {_bare(one) for one in settings.allow_hosts}
        self._names = {*_LOOPBACK_NAMES, _bare(settings.host), *allowed}
        self._any_address = not is_loopback(settings.host)
        if self._any_address:
            self._names.add(socket.gethostname().lower())

    def holds(self, host: str) -> bool:
        """Whether a header ``Host`` names this server. An address cannot be rebound, so any will do off loopback."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if name is None or "@" in host:
            return False
        return name in self._names or (self._any_address and _is_address(name))


class Tokens:
    """The tokens that let in, kept as hashes.

    Parameters
    ----------
    tokens : sequence of str
        None lets in everybody.
    """

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._digests = [_digest(token.encode()) for token in tokens]
        self._key = secrets.token_bytes(32)

    def tenant(self, given: bytes | None) -> str | None:
        """Return who has come, ``""`` where no token is asked for; None is for nobody known.

        Every token is compared, and in full, so that the time says nothing about them.
        """
        if not self._digests:
            return ""
        digest = _digest(given or b"")
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if given is None or not any(matches):
            return None
        return hmac.new(self._key, digest, hashlib.sha256).hexdigest()[:12]


def tenant_of(scope: Scope) -> str:
    """Return a short name of the token that a request came with; ``""`` where none is asked for."""
    return str(scope.get("state", {}).get("tenant", ""))


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _token_in(scope: Scope, headers: Headers) -> bytes | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip().encode("latin-1")
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(BEARER):
            return str(offered[len(BEARER) :]).encode("latin-1", "replace")
    return None


def _authority(url: str) -> tuple[str, int] | None:
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or parts.hostname is None:
        return None
    return parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]


def _bare(name: str) -> str:
    return name.strip().strip("[]").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_body(content_type: str) -> bool:
    """Whether a body is of a kind that a page of another origin cannot send unasked; none at all is nobody's."""
    return content_type.partition(";")[0].strip().lower() in ("", *_BODIES)


async def _refuse(denial: Denial, scope: Scope, receive: Receive, send: Send) -> None:
    scope["app"].state.metrics.refused(denial.reason)
    _log.warning("refused: %s", denial.reason)
    headers = {"WWW-Authenticate": "Bearer"} if denial.status == 401 else {}
    await JSONResponse({"detail": denial.detail}, denial.status, headers)(scope, receive, send)


def _with_headers(scope: Scope, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = CONTENT_SECURITY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            headers["Permissions-Policy"] = PERMISSIONS
            kind = headers.get("content-type", "").partition(";")[0]
            # The page and its files change with an upgrade: they are kept, and asked for whether they still hold.
            headers.setdefault("Cache-Control", "no-store" if kind == "application/json" else "no-cache")
            # By the route and not by what was asked for: nobody can make as many series as he likes.
            scope["app"].state.metrics.request(getattr(scope.get("route"), "path", "other"), message["status"])
        await send(message)

    return sending


def _with_subprotocol(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "websocket.accept":
            message = {**message, "subprotocol": SUBPROTOCOL}
        await send(message)

    return sending
