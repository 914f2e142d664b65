"""The work of ``serve --devices``: one process a device, on ports that follow each other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.cli import member, screen, serving
from napari_sam3_assistant.cli.elsewhere import TOKEN_VARIABLE
from napari_sam3_assistant.core.errors import AssistantError, ModelFolderError, Unsupported
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.server import logs
from napari_sam3_assistant.server.fleet import DRAIN, STOP, Fleet, Member, tagged
from napari_sam3_assistant.tasks.engine_given import choice_given, interpreter_given

if TYPE_CHECKING:
    from napari_sam3_assistant.server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where one of the servers is: its name in the log, the device, and the port."""

    name: str
    device: str
    port: int


def run(options: serving.Options, settings: ServerSettings, made: bool) -> int:
    """Serve on each device until somebody stops it, and return the exit code."""
    try:
        interpreter = interpreter_given(options.engine, options.python)
        choice, _ = choice_given(options.engine, options.model, interpreter)
        ports = ports_from(settings.host, settings.port, len(options.devices))
        places = [Place(*one) for one in zip(names_of(options.devices), options.devices, ports, strict=True)]
        # The processes are told the tokens: the one that was made here, and those of the environment, are theirs too.
        members = [_member(replace(options, tokens=settings.tokens), place) for place in places]
    except (Unsupported, ModelFolderError) as error:
        screen.stop(error, screen.WRONG_USE)
    except AssistantError as error:
        screen.stop(error)
    logs.configure(as_json=options.log_json, tokens=settings.tokens)

    def write(name: str, line: str) -> None:
        screen.note(tagged(name, line, as_json=options.log_json))

    def tell() -> None:
        _tell(settings, places, choice.reason, made)

    return asyncio.run(_run(Fleet(members, write, tell)))


def names_of(wanted: tuple[str, ...]) -> list[str]:
    """Return what each device is called in the log: by a number too where it is named more than once."""
    often, seen = Counter(wanted), Counter[str]()
    names = []
    for device in wanted:
        seen[device] += 1
        names.append(device if often[device] == 1 else f"{device}#{seen[device]}")
    return names


def ports_from(host: str, first: int, count: int) -> list[int]:
    """Return ``count`` ports that nobody has: from ``first`` on, or any for 0.

    Raises
    ------
    AssistantError
        If one of them is taken, or no address of ``host`` is this machine's.
    """
    if first + count - 1 > 65535:
        raise AssistantError(
            f"There are no {count} ports from {first} on.", hint=f"Give one below {65537 - count} with --port."
        )
    with ExitStack() as taken:
        ports = []
        for number in range(count):
            listening = serving.listen(host, first + number if first else 0)
            for one in listening:
                taken.enter_context(one)
            ports.append(serving.port_of(listening))
        return ports


def _member(options: serving.Options, place: Place) -> Member:
    """Return how a server is started: it sees its own GPU and no other.

    Raises
    ------
    DeviceError
        If there are not so many GPUs.
    """
    device, environment = devices.seen_alone(place.device, os.environ)
    environment.pop(TOKEN_VARIABLE, None)
    told = member.form().dump_json(replace(options, port=place.port, devices=())).decode()
    return Member(place.name, (sys.executable, "-m", member.__name__, device), environment, told)


async def _run(fleet: Fleet) -> int:
    """Run the servers until a signal ends them."""
    loop, stopped_by = asyncio.get_running_loop(), 0

    def end(number: int, _: FrameType | None = None) -> None:
        nonlocal stopped_by
        stopped_by = number
        loop.call_soon_threadsafe(fleet.end, STOP if number == signal.SIGINT else DRAIN)

    with _handled(end):
        well = await fleet.run()
    if stopped_by == signal.SIGINT:
        return screen.STOPPED
    return 0 if well else screen.FAILED


@contextmanager
def _handled(end: Any) -> Iterator[None]:
    """Let ``end`` take the signals that end a server."""
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(settings: ServerSettings, places: list[Place], reason: str, made: bool) -> None:
    """Say where the servers are, who answers, and how to come in."""
    width = max(len(place.name) for place in places)
    secret = f"#token={settings.tokens[0]}" if made else ""
    screen.note(reason)
    for place in places:
        screen.note(f"{place.name:<{width}}  {serving.address_of(settings, place.port)}/app{secret}")
    screen.note("Put a proxy before them, so that they have one address.")
    serving.tell_who_may_come(settings, made)
