"""Values of options as people type them: ``120,84,-`` and the like. What cannot be is wrong use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.prompts import NEGATIVE_WORDS, POSITIVE_WORDS, is_positive
from napari_sam3_assistant.tasks.everything import MOST_PER_SIDE, POINTS_PER_SIDE
from napari_sam3_assistant.tasks.phrases import phrases_in


@dataclass(frozen=True, slots=True)
class TypedCrop:
    """An example in a picture of its own: its file, and the box on it, if there is one."""

    file: Path
    box: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class TypedPrompts:
    """Prompts that need no file: tuples as :func:`~napari_sam3_assistant.tasks.asked.asked` takes them."""

    points: tuple[tuple[Any, ...], ...]
    boxes: tuple[tuple[Any, ...], ...]
    exemplars: tuple[tuple[Any, ...], ...]
    texts: tuple[str, ...] = ()
    crop: TypedCrop | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """What ``segment`` was told, the images apart."""

    prompts: TypedPrompts
    mask_files: tuple[Path, ...]
    threshold: float | None
    points_per_side: int
    plane: Sequence[int] | Mapping[str, int] | None
    window: int | tuple[int, int, int, int] | None
    channel_axis: int | None
    rgb: bool | None
    engine: str
    model: Path | None
    out: Path | None
    format: str
    server: str | None = None
    token: str | None = None
    python: str | None = None


def prompts_of(
    points: Sequence[str],
    boxes: Sequence[str],
    exemplars: Sequence[str],
    texts: Sequence[str] = (),
    *,
    crop: TypedCrop | None = None,
    masks: int,
    everything: bool = False,
) -> TypedPrompts:
    """Return the prompts that were typed, beside ``masks`` files of masks.

    Raises
    ------
    typer.BadParameter
        If there is none, or one beside ``everything``, or one of them cannot be.
    """
    if everything:
        if points or boxes or exemplars or texts or masks or crop:
            raise typer.BadParameter(
                "Every object is looked for without a prompt. Leave the prompts out, or --everything.",
                param_hint="--everything",
            )
        return TypedPrompts((), (), (), everything=True)
    if not (points or boxes or exemplars or texts or masks or crop):
        raise typer.BadParameter("There is no prompt. Give --point, --box, --mask, --exemplar, --text or --everything.")
    if crop and texts:
        raise typer.BadParameter(
            "An exemplar image goes with no phrase. Ask for the words in a call of their own.",
            param_hint="--exemplar-image",
        )
    if points and len(boxes) + masks > 1:
        raise typer.BadParameter(
            "It is not clear which of the boxes and masks the points are about. "
            "Give points with one --box or one --mask, and the others in a call of their own."
        )
    clicks = tuple(point_of(text) for text in points)
    if clicks and not boxes and not masks and not any(click[2] for click in clicks):
        raise typer.BadParameter("All points are negative. Add one that is on the object.", param_hint="--point")
    examples = tuple(box_of(text, "--exemplar", with_polarity=True) for text in exemplars)
    if examples and not texts and not crop and not any(len(example) == 4 or example[4] for example in examples):
        raise typer.BadParameter("All examples are negative. Add one to look for.", param_hint="--exemplar")
    return TypedPrompts(clicks, tuple(box_of(text, "--box") for text in boxes), examples, phrases_of(texts), crop)


def phrases_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the phrases that were typed.

    Raises
    ------
    typer.BadParameter
        If there is none in what was typed.
    """
    if not texts:
        return ()
    try:
        return tuple(one.text for one in phrases_in("\n".join(texts)))
    except PromptError as error:
        raise typer.BadParameter(str(error), param_hint="--text") from error


def threshold_of(text: str | None, *, exemplars: int, texts: int = 0, everything: bool = False) -> float | None:
    """Return the threshold that was typed, beside so many exemplars and texts, or everything.

    Raises
    ------
    typer.BadParameter
        If it is no number from 0 to 1, or there is nothing it could be about.
    """
    if text is None:
        return None
    number = _number(text, "--threshold", text)
    if not 0 <= number <= 1:
        raise typer.BadParameter(f"{text} is not a score from 0 to 1.", param_hint="--threshold")
    if not exemplars and not texts and not everything:
        raise typer.BadParameter(
            "A threshold is about what is like an example, what words name, or everything. Give --exemplar, "
            "--exemplar-image, --text or --everything, or leave --threshold out.",
            param_hint="--threshold",
        )
    return number


def points_per_side_of(text: str | None, *, everything: bool) -> int:
    """Return how many points a grid has a side, as typed or as usual.

    Raises
    ------
    typer.BadParameter
        If it is no number from 1 to 256, or nothing is looked for on a grid.
    """
    if text is None:
        return POINTS_PER_SIDE
    number = whole_of(text, "--points-per-side", text)
    if not 1 <= number <= MOST_PER_SIDE:
        raise typer.BadParameter(
            f"{number} points a side are no grid. Give 1 to {MOST_PER_SIDE}.", param_hint="--points-per-side"
        )
    if not everything:
        raise typer.BadParameter("A grid of points goes with --everything.", param_hint="--points-per-side")
    return number


def format_of(text: str, known: Sequence[str]) -> str:
    """Return the format that was typed, one of ``known``.

    Raises
    ------
    typer.BadParameter
        If it is none of them.
    """
    name = text.strip().lower()
    if name not in known:
        raise typer.BadParameter(
            f"Masks cannot be written as {text!r}. Choose one of {', '.join(known)}.", param_hint="--format"
        )
    return name


def axis_of(text: str | None) -> int | None:
    """Return the number of an axis that was typed.

    Raises
    ------
    typer.BadParameter
        If it is none.
    """
    return None if text is None else whole_of(text, "--channels", text)


def crop_of(path: Path | None, box: str | None) -> TypedCrop | None:
    """Return the example in a picture of its own that was named.

    Raises
    ------
    typer.BadParameter
        If its file is not there, or the box cannot be, or has no picture.
    """
    if path is None:
        if box is None:
            return None
        raise typer.BadParameter(
            "There is a box on an exemplar image, and no such image. Give --exemplar-image too, or the box as "
            "--exemplar.",
            param_hint="--exemplar-box",
        )
    return TypedCrop(file_of(path, "--exemplar-image"), None if box is None else box_of(box, "--exemplar-box"))


def file_of(path: Path, option: str = "--mask") -> Path:
    """Return the file that an option names.

    Raises
    ------
    typer.BadParameter
        If it is not there.
    """
    if not path.expanduser().exists():
        raise typer.BadParameter(f"There is no file {path}.", param_hint=option)
    return path.expanduser()


def model_of(path: Path | None) -> Path | None:
    """Return the model folder that was named.

    Raises
    ------
    typer.BadParameter
        If it is not there.
    """
    if path is not None and not path.expanduser().is_dir():
        raise typer.BadParameter(f"There is no folder {path}.", param_hint="--model")
    return path


def plane_of(text: str | None) -> Sequence[int] | Mapping[str, int] | None:
    """Return the plane that ``3,0`` or ``t=3,c=0`` names.

    Raises
    ------
    typer.BadParameter
        If it is neither.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if all("=" in part for part in parts):
        pairs = [part.split("=", 1) for part in parts]
        return {name.strip().lower(): whole_of(value, "--plane", text) for name, value in pairs}
    return [whole_of(part, "--plane", text) for part in parts]


def window_of(text: str | None) -> int | tuple[int, int, int, int] | None:
    """Return the window that ``1024`` or ``T,L,B,R`` names.

    Raises
    ------
    typer.BadParameter
        If it is neither.
    """
    if text is None:
        return None
    numbers = [whole_of(part, "--window", text) for part in text.split(",")]
    if len(numbers) == 1 and numbers[0] > 0:
        return numbers[0]
    if len(numbers) == 4 and numbers[2] > numbers[0] and numbers[3] > numbers[1]:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    raise typer.BadParameter(f"{text!r} is neither the side of a window nor T,L,B,R.", param_hint="--window")


def point_of(text: str) -> tuple[float, float, bool]:
    """Return row, column and polarity of ``R,C`` or ``R,C,-``.

    Raises
    ------
    typer.BadParameter
        If it is neither.
    """
    parts = text.split(",")
    if len(parts) not in (2, 3):
        raise typer.BadParameter(f"{text!r} is not R,C or R,C,-: row and column in pixels.", param_hint="--point")
    row, col = (_number(part, "--point", text) for part in parts[:2])
    return row, col, len(parts) == 2 or _polarity(parts[2], "--point", text)


def box_of(text: str, option: str, *, with_polarity: bool = False) -> tuple[Any, ...]:
    """Return the corners of ``T,L,B,R``, and the polarity behind them where there may be one.

    Raises
    ------
    typer.BadParameter
        If it is no box.
    """
    parts = text.split(",")
    if len(parts) != 4 and not (with_polarity and len(parts) == 5):
        raise typer.BadParameter(f"{text!r} is not T,L,B,R: top, left, bottom, right in pixels.", param_hint=option)
    top, left, bottom, right = (_number(part, option, text) for part in parts[:4])
    if bottom <= top or right <= left:
        raise typer.BadParameter(
            f"The box {text!r} holds no pixel. It is top, left, bottom, right; bottom and right lie beyond the "
            "last ones.",
            param_hint=option,
        )
    return (top, left, bottom, right, *([_polarity(parts[4], option, text)] if len(parts) == 5 else []))


def _polarity(word: str, option: str, text: str) -> bool:
    if word.strip().lower() not in POSITIVE_WORDS | NEGATIVE_WORDS:
        more = " A point is R,C or R,C,-; the plane of a stack is chosen with --plane." if option == "--point" else ""
        raise typer.BadParameter(f"{word!r} in {text!r} is neither + nor -.{more}", param_hint=option)
    return is_positive(word)


def _number(part: str, option: str, text: str) -> float:
    try:
        number = float(part)
    except ValueError:
        number = float("nan")
    if number - number != 0:  # not a number, or infinite
        raise typer.BadParameter(f"{part.strip()!r} in {text!r} is not a number.", param_hint=option)
    return number


def whole_of(part: str, option: str, text: str) -> int:
    """Return a whole number, a part of what was typed as ``text``.

    Raises
    ------
    typer.BadParameter
        If it is none.
    """
    try:
        return int(part)
    except ValueError:
        raise typer.BadParameter(f"{part.strip()!r} in {text!r} is not a whole number.", param_hint=option) from None
