"""The work of ``serve``: what was typed becomes settings, the address is taken, and the server runs on it."""

from __future__ import annotations

import errno
import os
import re
import secrets
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.elsewhere import TOKEN_VARIABLE
from napari_sam3_assistant.core.errors import AssistantError, ModelFolderError, Unsupported
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.tasks.engine_given import engine_given

if TYPE_CHECKING:
    from napari_sam3_assistant.server.running import Server
    from napari_sam3_assistant.server.settings import ServerSettings

NEEDS = ("fastapi", "httpx2", "multipart", "prometheus_client", "pydantic", "uvicorn", "websockets")
GIB = 2**30
_TOKEN = re.compile(r"[A-Za-z0-9._~+-]{8,}")


@dataclass(frozen=True, slots=True)
class Options:
    """What ``serve`` was told."""

    engine: str
    model: Path | None
    host: str
    port: int
    tokens: tuple[str, ...]
    insecure: bool
    allow_origins: tuple[str, ...]
    allow_hosts: tuple[str, ...]
    cache_gib: float | None
    sessions: int | None
    idle_minutes: float | None
    drain_seconds: float | None
    allow_urls: bool
    root_path: str
    forwarded_allow_ips: str
    log_json: bool
    devices: tuple[str, ...] = ()
    python: str | None = None


def run(options: Options) -> int:
    """Serve until somebody stops it, and return the exit code."""
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        screen.stop(
            AssistantError(
                f"The server needs {', '.join(missing)}, not installed.",
                hint='Install it: pip install "napari-sam3-assistant[server]".',
            )
        )
    settings, made = settings_of(options)
    if options.devices:
        from napari_sam3_assistant.cli import several

        return several.run(options, settings, made)
    server, listening = prepared(options, settings, lambda ready: _tell(settings, ready, made))
    server.run(sockets=listening)
    return screen.STOPPED if server.stopped_by == signal.SIGINT else 0


@dataclass(frozen=True, slots=True)
class Ready:
    """What there is to say of a server that answers: its port, and who answers."""

    port: int
    reason: str


def prepared(
    options: Options, settings: ServerSettings, on_start: Callable[[Ready], None], device: str | None = None
) -> tuple[Server, list[socket.socket]]:
    """Return a server that is not started yet, and the sockets it is to serve; what cannot be ends the command."""
    try:
        choice, engine = engine_given(options.engine, options.model, device=device, python=options.python)
        listening = listen(settings.host, settings.port)
    except (Unsupported, ModelFolderError) as error:
        screen.stop(error, screen.WRONG_USE)
    except AssistantError as error:
        screen.stop(error)

    from napari_sam3_assistant.server import logs
    from napari_sam3_assistant.server.running import server_of

    logs.configure(as_json=options.log_json, tokens=settings.tokens)
    ready = Ready(port_of(listening), choice.reason)
    return server_of(engine, settings, on_start=lambda: on_start(ready)), listening


def settings_of(options: Options) -> tuple[ServerSettings, bool]:
    """Return the settings, and whether a token was made because none was given.

    Raises
    ------
    typer.BadParameter
        If a value cannot be.
    """
    from napari_sam3_assistant.server.addresses import is_loopback
    from napari_sam3_assistant.server.settings import Limits, ServerSettings

    _check(options)
    tokens = options.tokens or tuple(filter(None, [os.environ.get(TOKEN_VARIABLE, "")]))
    for token in tokens:
        if not _TOKEN.fullmatch(token):
            raise typer.BadParameter(
                "A token is 8 or more letters, digits and . _ ~ + -, such as that of: "
                'python -c "import secrets; print(secrets.token_urlsafe())"',
                param_hint="--token",
            )
    made = not (tokens or options.insecure or is_loopback(options.host))
    if made:
        tokens = (secrets.token_urlsafe(24),)
    given = {
        "cache_bytes": None if options.cache_gib is None else int(options.cache_gib * GIB),
        "limits": None if options.sessions is None else Limits(sessions=options.sessions),
        "idle_s": None if options.idle_minutes is None else options.idle_minutes * 60,
        "drain_s": options.drain_seconds,
    }
    settings = ServerSettings(
        host=options.host,
        port=options.port,
        tokens=tokens,
        insecure=options.insecure,
        allow_origins=options.allow_origins,
        allow_hosts=options.allow_hosts,
        allow_urls=options.allow_urls,
        root_path=options.root_path.rstrip("/"),
        forwarded_allow_ips=options.forwarded_allow_ips,
        **{name: value for name, value in given.items() if value is not None},
    )
    return settings, made


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on every address that ``host`` stands for, on one port.

    Raises
    ------
    AssistantError
        If the port is taken, or no address of ``host`` is this machine's.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _not_ours(host) from error
    listening: list[socket.socket] = []
    problem: OSError | None = None
    for family, kind, _, _, address in dict.fromkeys(found):
        one = socket.socket(family, kind)
        try:
            if os.name == "posix":
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address[0], port or port_of(listening), *address[2:]))
            one.listen(2048)
        except OSError as error:
            one.close()
            problem = error
            if error.errno == errno.EADDRINUSE:
                break
        else:
            listening.append(one)
    if problem is not None and (problem.errno == errno.EADDRINUSE or not listening):
        for one in listening:
            one.close()
        raise _cannot_listen(host, port, problem) from problem
    return listening


def port_of(listening: list[socket.socket]) -> int:
    """Return the port that sockets listen on; 0 where there is none yet."""
    return int(listening[0].getsockname()[1]) if listening else 0


def _not_ours(host: str) -> AssistantError:
    return AssistantError(
        f"{host} is no address of this machine.",
        hint="Give --host 127.0.0.1, for this machine alone, or --host 0.0.0.0, for others too.",
    )


def _cannot_listen(host: str, port: int, problem: OSError) -> AssistantError:
    if problem.errno == errno.EADDRINUSE:
        return AssistantError(
            f"Port {port} is in use.", hint="End the program that has it, or give another one with --port."
        )
    if problem.errno == errno.EACCES:
        return AssistantError(f"Port {port} is not for everybody.", hint="Give one above 1023 with --port.")
    return _not_ours(host)


def _check(options: Options) -> None:
    """Raise what cannot be."""
    if not 0 <= options.port <= 65535:
        raise typer.BadParameter(f"{options.port} is no port: 0 to 65535.", param_hint="--port")
    for device in options.devices:
        if not devices.is_name(device):
            raise typer.BadParameter(
                f"{device!r} is no device, such as cuda:0, cuda, mps or cpu; several go with commas between them.",
                param_hint="--devices",
            )
    least = {
        "--cache-gib": (options.cache_gib, 0.0),
        "--sessions": (options.sessions, 1),
        "--idle-minutes": (options.idle_minutes, 0.01),
        "--drain-seconds": (options.drain_seconds, 0.0),
    }
    for name, (value, low) in least.items():
        if value is not None and not low <= value < float("inf"):
            raise typer.BadParameter(f"{value} is not a number from {low} on.", param_hint=name)
    if options.root_path and not options.root_path.startswith("/"):
        raise typer.BadParameter(f"{options.root_path!r} does not begin with /.", param_hint="--root-path")
    for origin in options.allow_origins:
        parts = urlsplit(origin)
        whole = parts.scheme in ("http", "https") and parts.netloc and not parts.path.strip("/")
        if origin != "null" and not whole:
            raise typer.BadParameter(
                f"{origin!r} is no origin, such as https://example.org: scheme, name and port, no path.",
                param_hint="--allow-origin",
            )


def _tell(settings: ServerSettings, ready: Ready, made: bool) -> None:
    """Say where the server is, who answers, and how to come in."""
    address = address_of(settings, ready.port)
    secret = f"#token={settings.tokens[0]}" if made else ""
    screen.note(ready.reason)
    screen.note(f"The page:     {address}/app{secret}")
    screen.note(f"For programs: {address}/ws/realtime".replace("http://", "ws://") + f", and {address}/openapi.json")
    tell_who_may_come(settings, made)


def address_of(settings: ServerSettings, port: int) -> str:
    """Return where a server is, as it is typed into a browser."""
    everywhere = settings.host in ("0.0.0.0", "::")
    name = socket.gethostname() if everywhere else settings.host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}{settings.root_path}"


def tell_who_may_come(settings: ServerSettings, made: bool) -> None:
    """Say how to come in, and how to end it."""
    from napari_sam3_assistant.server.addresses import is_loopback

    if made:
        screen.note(f"Who has this address may come in. Set {TOKEN_VARIABLE} for a token that stays the same.")
    elif settings.tokens:
        screen.note("The page wants a token: put #token= and yours behind its address.")
    elif not is_loopback(settings.host):
        screen.note("Everybody who reaches this machine may come in.")
    screen.note("Ctrl+C ends it.")
