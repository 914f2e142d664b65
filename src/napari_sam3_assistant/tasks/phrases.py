"""Phrases: what to look for, out of what a user has typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.prompts import TextPrompt

NO_PHRASE, PHRASE_HINT = "There is no phrase to look for.", "Type a short noun, such as: nucleus."

MOST_LETTERS = 200
"""A model reads about 20 words; a line that is longer than this is no phrase."""

_SEPARATORS = re.compile("[,;\uff0c\uff1b\u3001\u060c\u061b]")
"""Comma and semicolon, also as Chinese, Japanese and Arabic write them."""
_PUNCTUATION = frozenset(".,:;\u3002\uff1a")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_INSTRUCTION = re.compile(r"(?:segment|detect|find)(?![^\s.:])(?:\s+(?:all(?:(?: of)? the)?|the)(?![^\s.:]))?", re.I)


def phrases_in(text: str) -> tuple[TextPrompt, ...]:
    """Return the phrases that a user has typed, in order, each once.

    Parameters
    ----------
    text : str
        Phrases are parted by line breaks, commas and semicolons: ``"red, round cell"`` is two. What follows a
        ``#`` is a comment, to the end of its line.

    Returns
    -------
    tuple of TextPrompt
        Without blanks and ``.,:;`` at both ends, without an instruction before them (``segment``, ``detect``
        or ``find``, with or without ``all of the``, ``all the``, ``the``, ``all``) unless nothing is left,
        and without those that differ from an earlier one in capitals only.

    Raises
    ------
    PromptError
        If there is no phrase.
    """
    found = once(map(TextPrompt, _parts(_composed(text))))
    if not found:
        raise PromptError(NO_PHRASE, hint=PHRASE_HINT)
    return found


def phrases_by_line(text: str) -> tuple[TextPrompt, ...]:
    """Return the phrases of a text that has one on each line, in order, each once; none where there is none.

    Parameters
    ----------
    text : str
        A line is one phrase, commas and all. Otherwise as for :func:`phrases_in`.

    Raises
    ------
    PromptError
        If a line is longer than :data:`MOST_LETTERS`.
    """
    found = []
    for number, line in enumerate(_composed(text).splitlines(), 1):
        part = line.partition("#")[0].strip()
        if len(part) > MOST_LETTERS:
            raise PromptError(
                f"Line {number} of the batch prompts has {len(part):,} letters.",
                hint=f"A model reads about 20 words: shorten the line to {MOST_LETTERS} letters, or part it.",
            )
        words = _bare(_trimmed(_BLANKS.sub(" ", part)))
        if words:
            found.append(TextPrompt(words))
    return once(found)


def once(phrases: Iterable[TextPrompt]) -> tuple[TextPrompt, ...]:
    """Return phrases without those that differ from an earlier one in capitals only."""
    found: dict[str, TextPrompt] = {}
    for phrase in phrases:
        found.setdefault(phrase.text.casefold(), phrase)
    return tuple(found.values())


def _composed(text: str) -> str:
    # A lone half of a surrogate pair is no character; a shell makes such of bytes that it cannot read.
    return unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())


def _parts(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for part in _SEPARATORS.split(line.partition("#")[0]):
            words = _bare(_trimmed(_BLANKS.sub(" ", part)))
            if words:
                yield words


def _bare(words: str) -> str:
    """Return a phrase without the instructions before it."""
    while (told := _INSTRUCTION.match(words)) and (rest := _trimmed(words[told.end() :])):
        words = rest
    return words


def _trimmed(words: str) -> str:
    """Return a phrase from its first character that says something to its last one."""
    telling = [
        index
        for index, one in enumerate(words)
        if one not in _PUNCTUATION and unicodedata.category(one) not in _INVISIBLE
    ]
    return words[telling[0] : telling[-1] + 1] if telling else ""
