"""A stand-in for whatever is called: it notes the calls, and does nothing."""

from __future__ import annotations


class Calls:
    """Notes what is called on it, however deep."""

    def __init__(self, calls: list | None = None, name: str = "") -> None:
        self.calls, self._name = [] if calls is None else calls, name

    def __getattr__(self, name: str):
        return Calls(self.calls, f"{self._name}.{name}".lstrip("."))

    def __call__(self, *args, **options) -> None:
        self.calls.append((self._name, args, options))
