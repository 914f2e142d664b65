"""What the inference tells to whoever counts: how long things took, and how much is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Observer(Protocol):
    """Told, on the event loop, how long each part of an answer took; zero times are told too, but for work not done."""

    def waited(self, seconds: float) -> None:
        """A question has waited so long for the engine's thread."""

    def encoded(self, seconds: float) -> None:
        """A picture was encoded."""

    def decoded(self, seconds: float) -> None:
        """A question was answered from an embedding."""

    def followed(self) -> None:
        """Objects were followed onto a frame."""

    def failed(self, code: str) -> None:
        """A question was not answered; ``code`` is that of the refusal."""


class Unobserved:
    """An observer that counts nothing."""

    def waited(self, seconds: float) -> None: ...

    def encoded(self, seconds: float) -> None: ...

    def decoded(self, seconds: float) -> None: ...

    def followed(self) -> None: ...

    def failed(self, code: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """What a server keeps, and what that has saved so far.

    Attributes
    ----------
    embeddings, embedding_bytes : int
        How many there are, and their memory.
    hits, misses, evictions : int
        Of the embeddings.
    pictures, picture_bytes : int
        How many there are, and their memory.
    """

    embeddings: int
    embedding_bytes: int
    hits: int
    misses: int
    evictions: int
    pictures: int
    picture_bytes: int
