"""Tokens of servers: kept in the system's keyring where there is one, else in memory until napari ends.

A token is never in the state, in settings, in a journal or in a log. The keyring may ask the user for a password of its
own before it answers, so that all but :func:`tell`, :func:`told` and :func:`turn` are called on worker threads only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

logger = logging.getLogger(__name__)
SERVICE = "napari-sam3-assistant"
"""Under which the keyring has them; the user name is the address."""
USABLE = 1
"""Backends of a lower priority keep nothing, or keep it in plain text."""

_told: dict[str, str] = {}
_turns: dict[str, int] = {}
_lock = threading.Lock()
T = TypeVar("T")


def tell(address: str, token: str) -> None:
    """Remember a token until napari ends; an empty one is forgotten."""
    with _lock:
        if token != _told.get(address, ""):
            _turns[address] = _turns.get(address, 0) + 1
        if token:
            _told[address] = token
        else:
            _told.pop(address, None)


def turn(address: str) -> int:
    """Return a number that is another one once another token was told for a server."""
    with _lock:
        return _turns.get(address, 0)


def told(address: str) -> bool:
    """Return whether a token was told since napari has started."""
    with _lock:
        return address in _told


def find(address: str) -> str | None:
    """Return the token for a server, told or kept; None where there is none. The keyring is asked once. May wait."""
    with _lock:
        token = _told.get(address)
    if token:
        return token
    ring = _usable()
    found = None if ring is None else _asked(lambda: ring.get_password(SERVICE, address))
    if found:
        with _lock:
            return _told.setdefault(address, found)
    return None


def keep(address: str, token: str) -> bool:
    """Keep a token in the keyring, and return whether it is there now. May wait."""
    ring = _usable()
    return ring is not None and bool(_asked(lambda: ring.set_password(SERVICE, address, token) or True))


def drop(address: str) -> None:
    """Take the token for a server out of the keyring, if it is there. May wait."""
    ring = _usable()
    if ring is not None and _asked(lambda: ring.get_password(SERVICE, address)) is not None:
        _asked(lambda: ring.delete_password(SERVICE, address))


def keyring_name() -> str:
    """Return what the keyring of this system is called; empty where none can be used. May wait."""
    ring = _usable()
    return "" if ring is None else "system's keyring"


def _usable() -> ModuleType | None:
    """Return the package ``keyring`` where it has a place that keeps secrets."""
    try:
        import keyring
    except ImportError:
        return None
    return keyring if _asked(lambda: keyring.get_keyring().priority >= USABLE) else None


def _asked(ask: Callable[[], T]) -> T | None:
    """Return what the keyring answers; None where it fails, for one cannot go on otherwise than without it."""
    try:
        return ask()
    except Exception as error:  # backends raise what their libraries do; the message might hold what was asked
        logger.warning("The keyring did not answer: %s", type(error).__name__)
        return None
