"""Fifty users of five kinds for ten minutes, with cuts and restarts: nothing is lost, wrong, or grows.

python -m benchmarks soak                               # ten minutes, as in make bench
python -m benchmarks soak --minutes 1 --users 20        # shorter

Three servers stand behind HAProxy. Two of them are restarted in turns, by SIGTERM and by SIGKILL; the third one is
never touched, so that what it holds shows whether anything grows.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.rows import Row, middle, show
from benchmarks.soak_users import KINDS, Place, Tally, User, pictures
from tests.server.haproxy import HAPROXY, TOKEN, House, house

PICTURES = 12
BETWEEN_RESTARTS_S = 12.0
MOST_MB = 20.0
MOST_DESCRIPTORS = 4
"""Of idle connections to the proxy, which it keeps for its next check or request."""


@dataclass
class Watched:
    """What a process holds, again and again.

    Attributes
    ----------
    name : str
    process : psutil.Process
    idle : int
        File descriptors before the first user came.
    memory_mb : list of float
    descriptors : list of int
    """

    name: str
    process: psutil.Process
    idle: int = 0
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def look(self) -> None:
        self.memory_mb.append(self.process.memory_info().rss / 1e6)
        self.descriptors.append(self.process.num_fds())

    @property
    def grown_mb(self) -> float:
        """How much more it holds in the last fifth of the time than in the second."""
        fifth = max(len(self.memory_mb) // 5, 1)
        return middle(self.memory_mb[-fifth:]) - middle(self.memory_mb[fifth : 2 * fifth])


def soak(users: int, seconds: float) -> list[Row]:
    """Return the verdict."""
    with TemporaryDirectory() as folder:
        arguments = ("--forwarded-allow-ips", "127.0.0.1", "--drain-seconds", "2")
        with house(Path(folder), *arguments, count=3) as there:
            return verdict(*_soaked(there, users, seconds), users, seconds)


def _soaked(there: House, users: int, seconds: float) -> tuple[Tally, list[Watched], int]:
    tally, over = Tally(), threading.Event()
    place = Place(there.address, f"https://localhost:{there.secure}", TOKEN, there.tls, pictures(PICTURES))
    crowd = [KINDS[number % len(KINDS)](place, tally, number) for number in range(users)]
    watched = [
        Watched("the server that is not restarted", psutil.Process(there.nodes[0].process.pid)),
        Watched("HAProxy", psutil.Process(there.proxy.pid)),
    ]
    for kind in KINDS:  # one of each in the calm: whatever comes later is compared with this
        first = kind(place, tally, -1)
        for _ in range(3):
            first.insist()
        first.leave()
    for one in watched:
        one.idle = one.process.num_fds()
    threads = [threading.Thread(target=_live, args=(user, over), name=type(user).__name__) for user in crowd]
    for thread in threads:
        thread.start()
    restarts = _disturb(there, watched, seconds)
    over.set()
    for thread in threads:
        thread.join()
    time.sleep(3)  # the last connections are taken down
    for one in watched:
        one.look()
    return tally, watched, restarts


def _live(user: User, over: threading.Event) -> None:
    try:
        user.run(over)
    except Exception as error:  # a thread's error would go unseen
        user.tally.count("died")
        print(f"{type(user).__name__} has died: {type(error).__name__}: {error}", file=sys.stderr)


def _disturb(there: House, watched: list[Watched], seconds: float) -> int:
    """Restart servers and look at those that stay, for so long; return how often."""
    end, ways = time.monotonic() + seconds, cycle((signal.SIGTERM, signal.SIGKILL))
    nodes, restarts, due = cycle(there.nodes[1:]), 0, time.monotonic() + BETWEEN_RESTARTS_S / 2
    while time.monotonic() < end:
        for one in watched:
            one.look()
        if time.monotonic() > due and all(node.ready for node in there.nodes):
            node = next(nodes)
            node.end(next(ways))
            node.start()
            restarts += 1
            due = time.monotonic() + BETWEEN_RESTARTS_S * random.uniform(0.8, 1.2)
        time.sleep(0.5)
    return restarts


def verdict(tally: Tally, watched: list[Watched], restarts: int, users: int, seconds: float) -> list[Row]:
    """Return what was lost, wrong, or has grown, beside what it must not exceed."""
    counts = tally.counts
    errors = ", ".join(f"{name}: {number}" for name, number in tally.errors.most_common()) or "none"
    rows = [
        Row("prompts", counts["said"], "", note=f"{users} users of {len(KINDS)} kinds, {seconds / 60:.1f} minutes"),
        Row(
            "prompts without an answer",
            counts["lost"],
            "",
            target=0,
            note=f"seen on the way, and tried again: {errors}",
        ),
        Row(
            f"other masks than before for the same prompts, of {counts['answered']:,} answers",
            counts["wrong"],
            "",
            target=0,
        ),
        Row("users that have died", counts["died"], "", target=0),
        Row("restarts of servers, every second one by SIGKILL", restarts, ""),
        Row("connections cut by users; connections made", counts["cut"], "", note=f"{counts['connections']:,} made"),
    ]
    for one in watched:
        held = f"{one.memory_mb[0]:.0f} MB at first, {one.memory_mb[-1]:.0f} MB at last"
        rows.append(Row(f"memory of {one.name}, growth", one.grown_mb, "MB", target=MOST_MB, note=held))
        left = one.descriptors[-1] - one.idle
        most = f"{one.idle} before the first user, at most {max(one.descriptors)}"
        rows.append(Row(f"file descriptors of {one.name} left over", left, "", target=MOST_DESCRIPTORS, note=most))
    return rows


def main(arguments: list[str]) -> int:
    """Print the verdict; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--users", type=int, default=50)
    asked = parser.parse_args(arguments)
    if HAPROXY is None:
        print("The soak needs HAProxy: apt-get install haproxy. Then: make bench ARGS=soak", file=sys.stderr)
        return 1
    rows = soak(asked.users, asked.minutes * 60)
    show("A soak", rows)
    return int(any(row.held is False for row in rows))
