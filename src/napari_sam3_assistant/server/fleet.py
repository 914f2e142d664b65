"""Several servers, one a device, each in a process of its own that is started again when it dies.

A member is told by its standard input what to do: one line of JSON, which is not on the command line, where others
could read a token; later :data:`DRAIN` or :data:`STOP`; and when its input ends, whoever started it has gone. It says
:data:`ANSWERS` once it serves; all other lines are for the log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

ANSWERS = "member answers"
DRAIN, STOP = "drain", "stop"
_LONGEST_LINE = 16 * 2**20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """One server.

    Attributes
    ----------
    name : str
        For the log, such as ``"cuda:0"``.
    command : tuple of str
    environment : mapping of str to str
    told : str
        The first line of its input.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    told: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a member that dies is started again.

    Attributes
    ----------
    first_s, longest_s : float
        How long is waited, in seconds: each time twice as long.
    settled_s : float
        Who has lived for so long counts as well: the next wait is the first again.
    tries : int
        Who dies so often in a row before that is given up.
    """

    first_s: float = 1.0
    longest_s: float = 30.0
    settled_s: float = 60.0
    tries: int = 5


class Fleet:
    """Keeps members going until it is told to end.

    Parameters
    ----------
    members : sequence of Member
    write : callable
        Takes the name of a member and a line of its log.
    on_start : callable
        Called once each member answers, or was given up, unless all were.
    pace : Pace
    """

    def __init__(
        self,
        members: Sequence[Member],
        write: Callable[[str, str], None],
        on_start: Callable[[], None],
        pace: Pace | None = None,
    ) -> None:
        self._members, self._write, self._on_start = members, write, on_start
        self._pace = pace or Pace()
        self._running: dict[str, Process] = {}
        self._waited_for = {member.name for member in members}
        self._given_up: set[str] = set()
        self._told = asyncio.Event()
        self._how = ""

    async def run(self) -> bool:
        """Run until all have ended; return whether none was given up."""
        await asyncio.gather(*(self._keep(member) for member in self._members))
        return not self._given_up

    def end(self, how: str) -> None:
        """Tell all to end: :data:`DRAIN` or :data:`STOP`. The second time they are ended at once."""
        if self._how:
            _log.warning("told to end again: all are ended at once")
            for process in self._running.values():
                process.kill()
            return
        self._how = how
        self._told.set()
        for process in self._running.values():
            self._tell(process)

    async def _keep(self, member: Member) -> None:
        """Start a member, and start it again, until it is given up or all are told to end."""
        loop, deaths = asyncio.get_running_loop(), 0
        while not self._told.is_set():
            began = loop.time()
            code = await self._live(member)
            if self._told.is_set():
                return
            deaths = 1 if loop.time() - began > self._pace.settled_s else deaths + 1
            if deaths >= self._pace.tries:
                _log.error("%s %s, %s times in a row: it is given up, see above", member.name, _ended(code), deaths)
                self._given_up.add(member.name)
                self._settle(member)
                return
            wait = min(self._pace.first_s * 2 ** (deaths - 1), self._pace.longest_s)
            _log.warning("%s %s: it is started again in %.3g s", member.name, _ended(code), wait)
            await self._sleep(wait)

    async def _live(self, member: Member) -> int:
        """Start a member, pass on what it says, and return the exit code."""
        # In a session of its own: Ctrl+C of a terminal is for us, who pass it on; twice would end it at once.
        apart = {"start_new_session": True} if os.name == "posix" else {"creationflags": _new_group()}
        process = await asyncio.create_subprocess_exec(
            *member.command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            env=member.environment,
            limit=_LONGEST_LINE,
            **apart,
        )
        self._running[member.name] = process
        try:
            _send(process, member.told)
            if self._how:
                self._tell(process)
            await self._listen(member, process)
            return await process.wait()
        finally:
            del self._running[member.name]

    async def _listen(self, member: Member, process: Process) -> None:
        """Pass on what a member says, to its end."""
        async for line in cast(asyncio.StreamReader, process.stdout):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if text == ANSWERS:
                self._settle(member)
            else:
                self._write(member.name, text)

    def _settle(self, member: Member) -> None:
        """Note that a member answers or was given up; the last one to do so starts the fleet."""
        before, self._waited_for = self._waited_for, self._waited_for - {member.name}
        if before and not self._waited_for and len(self._given_up) < len(self._members):
            self._on_start()

    def _tell(self, process: Process) -> None:
        _send(process, self._how)

    async def _sleep(self, seconds: float) -> None:
        """Wait, unless all are told to end."""
        try:
            await asyncio.wait_for(self._told.wait(), seconds)
        except TimeoutError:
            return


def tagged(name: str, line: str, *, as_json: bool) -> str:
    """Return a line of a member's log with its name: before the line, or as the field ``device`` of an object."""
    if as_json:
        try:
            fields: Any = json.loads(line)
        except ValueError:
            fields = {"event": line}
        if not isinstance(fields, dict):
            fields = {"event": line}
        return json.dumps({"device": name, **fields})
    return f"{name}  {line}"


def _send(process: Process, line: str) -> None:
    """Send a line to a member; one that has ended meanwhile reads nothing, and nothing is lost."""
    if process.stdin is not None and not process.stdin.is_closing():
        process.stdin.write(f"{line}\n".encode())


def _ended(code: int) -> str:
    return f"has ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"


def _new_group() -> int:
    return int(getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0))
