"""Values of the options of ``propagate`` as people type them: ``2:12,40,50,-``. What cannot be is wrong use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from napari_sam3_assistant.cli.arguments import box_of, file_of, phrases_of, point_of, whole_of

Numbered = dict[int, list[tuple[Any, ...]]]
"""Prompts by the numbers of their objects."""


@dataclass(frozen=True, slots=True)
class TypedOnFrames:
    """Prompts as :func:`~napari_sam3_assistant.tasks.frame_prompts.frame_prompts` takes them."""

    points: Numbered | list[tuple[Any, ...]]
    boxes: Numbered | list[tuple[Any, ...]]
    texts: tuple[str, ...]


def prompts_of(points: Sequence[str], boxes: Sequence[str], texts: Sequence[str]) -> TypedOnFrames:
    """Return the prompts that were typed.

    Raises
    ------
    typer.BadParameter
        If one of them cannot be, or some have the number of an object and others have none.
    """
    return TypedOnFrames(_numbered(points, "--point", _point), _numbered(boxes, "--box", _box), phrases_of(texts))


def masks_of(files: Sequence[Path], frames: Sequence[int]) -> tuple[tuple[Path, int | None], ...]:
    """Return the files of masks, each with its frame; None where the file has to say it.

    Raises
    ------
    typer.BadParameter
        If one is not there, or there are neither as many frames as files nor none.
    """
    if frames and len(frames) != len(files):
        raise typer.BadParameter(
            f"There are {len(files)} masks and {len(frames)} frames of them. Give one --mask-frame for each --mask.",
            param_hint="--mask-frame",
        )
    return tuple((file_of(file), frames[k] if frames else None) for k, file in enumerate(files))


def axis_of(text: str | None) -> int | str | None:
    """Return the axis that was typed, a number or a name."""
    return None if text is None else int(text) if text.strip().isdecimal() else text.strip()


def frames_of(text: str | None) -> tuple[int | None, int | None] | None:
    """Return the frames that ``10:50``, ``10:`` or ``:50`` names.

    Raises
    ------
    typer.BadParameter
        If it is none of these.
    """
    if text is None:
        return None
    first, colon, stop = text.partition(":")
    ends = [whole_of(part, "--frames", text) if part.strip() else None for part in (first, stop)]
    low, high = ends[0] or 0, ends[1]
    if not colon or low < 0 or (high is not None and high <= low):
        raise typer.BadParameter(
            f"{text!r} is not A:B: the first frame, from 0, and the one after the last.", param_hint="--frames"
        )
    return ends[0], high


def direction_of(text: str, known: Sequence[str]) -> str:
    """Return the direction that was typed, one of ``known``.

    Raises
    ------
    typer.BadParameter
        If it is none of them.
    """
    word = text.strip().lower()
    if word not in known:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(known)}.", param_hint="--direction")
    return word


def _numbered(texts: Sequence[str], option: str, parse: Any) -> Numbered | list[tuple[Any, ...]]:
    plain = [parse(text, text) for text in texts if ":" not in text]
    if len(plain) == len(texts):
        return plain
    if plain:
        raise typer.BadParameter(
            f"Some have the number of an object, others have none. Give all one: {option} 1:...", param_hint=option
        )
    found: Numbered = {}
    for text in texts:
        number, _, rest = text.partition(":")
        if not number.strip().isdecimal() or not int(number):
            raise typer.BadParameter(
                f"{number.strip()!r} in {text!r} is no number of an object: those start at 1.", param_hint=option
            )
        found.setdefault(int(number), []).append(parse(rest, text))
    return found


def _point(text: str, whole: str) -> tuple[Any, ...]:
    frame, comma, rest = text.partition(",")
    if not comma or rest.count(",") not in (1, 2):
        raise typer.BadParameter(
            f"{whole!r} is not Z,R,C or Z,R,C,-: frame, row and column, from 0.", param_hint="--point"
        )
    return (whole_of(frame, "--point", whole), *point_of(rest))


def _box(text: str, whole: str) -> tuple[Any, ...]:
    frame, comma, rest = text.partition(",")
    if not comma or rest.count(",") != 3:
        raise typer.BadParameter(f"{whole!r} is not Z,T,L,B,R: frame, top, left, bottom, right.", param_hint="--box")
    return (whole_of(frame, "--box", whole), *box_of(rest, "--box"))
