"""What came of saving, in words: pure functions of what was written, what failed and what was cleaned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_sam3_assistant.app.cleaning import Cleaned
from napari_sam3_assistant.app.taking import Refused, Taken
from napari_sam3_assistant.app.writing import Outcome, Written
from napari_sam3_assistant.core.errors import AssistantError, SaveError

NO_MEMORY = "Close other layers. The preview stays as it is."


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What came of each plane that was to be saved.

    Attributes
    ----------
    written : list of (Taken, Written)
    failed : list of (str, AssistantError)
        By what a user calls the plane.
    stopped : int
        How many were not tried: the user pressed Cancel.
    clean : bool
        Whether the preview goes once its file is there.
    remark : str
        What else there is to know; may be empty.
    """

    written: list[tuple[Taken, Written]]
    failed: list[Refused]
    stopped: int
    clean: bool
    remark: str

    @property
    def count(self) -> int:
        """How many files were wanted."""
        return len(self.written) + len(self.failed) + self.stopped


def sorted_out(
    taken: Sequence[Taken], results: Sequence[Outcome], refused: Sequence[Refused], clean: bool, remark: str
) -> Outcomes:
    """Return what came of it; ``results`` are those of the first planes of ``taken``."""
    written, failed = [], list(refused)
    for one, result in zip(taken, results, strict=False):
        if isinstance(result, Written):
            written.append((one, result))
        else:
            failed.append((one.name, result))
    return Outcomes(written, failed, len(taken) - len(results), clean, remark)


def told(found: Outcomes, cleaned: Cleaned) -> str | AssistantError:
    """Return what is said: an error where anything failed."""
    done = _several(found, cleaned) if found.count > 1 else _single(found, cleaned)
    failed = [*found.failed, *((name, _no_memory(name)) for name in cleaned.no_memory)]
    if not failed:
        return done
    name, error = failed[0]
    if found.count == 1:
        return SaveError(f"{done}. {error.message}", hint=error.hint) if found.written else error
    more = f" {len(failed) - 1} more failed." if len(failed) > 1 else ""
    stays = "" if not found.clean else " Its preview stays." if len(failed) == 1 else " Their previews stay."
    return SaveError(f"{done} {name}: {error.message}{more}{stays}", hint=error.hint)


def copied(layers: Sequence[str], no_memory: Sequence[str], refused: Sequence[Refused]) -> str | AssistantError:
    """Return what is said of layers that were added, and of planes that none could be added of."""
    if not layers:
        done = "No layer was made."
    elif len(layers) == 1:
        done = f"Saved preview labels to layer '{layers[0]}'."
    else:
        done = f"Saved preview labels to {len(layers)} layers, '{layers[0]}' to '{layers[-1]}'."
    failed = [*refused, *((name, _no_memory(name)) for name in no_memory)]
    return SaveError(f"{done} {failed[0][0]}: {failed[0][1].message}", hint=failed[0][1].hint) if failed else done


def _no_memory(name: str) -> SaveError:
    return SaveError(f"There is no memory for the layer '{name}'.", hint=NO_MEMORY)


def _single(found: Outcomes, cleaned: Cleaned) -> str:
    """Return what is said of one file."""
    if not found.written:
        return "Cancelled; nothing was saved."
    written = found.written[0][1]
    remark = " ".join(filter(None, (written.remark, found.remark)))
    if not cleaned.added:
        gone = "Its image was removed meanwhile." if cleaned.gone else ""
        return f"Saved the mask to {written.path}" + "".join(f". {one}" for one in (gone, remark) if one)
    end = (
        "What was changed meanwhile is still in the preview."
        if cleaned.left
        else f"Completed clean; removed {cleaned.removed} preview layer(s)."
    )
    saved = f"Saved preview mask to layer '{cleaned.added[0]}' and file: {written.path}."
    return " ".join(filter(None, (saved, remark, end)))


def _several(found: Outcomes, cleaned: Cleaned) -> str:
    """Return what is said of several files."""
    count = len(found.written)
    if not count:
        return f"Saved none of {found.count} masks."
    of = f"{count} of {found.count}" if count < found.count else f"{count}"
    folder = found.written[-1][1].path.parent
    parts = [f"Saved {of} masks to {folder}."]
    if found.stopped:
        parts.insert(0, "Cancelled.")
        if found.clean:
            parts.append("The other previews stay.")
    if cleaned.added:
        parts.append("Each is a layer of its name." if len(cleaned.added) == count else "")
        parts.append("What was changed meanwhile is still in the preview." if cleaned.left else "")
    if cleaned.gone:
        parts.append(f"Removed meanwhile: {', '.join(dict.fromkeys(cleaned.gone))}.")
    remarks = [f"{one.name}: {written.remark}" for one, written in found.written if written.remark]
    parts += [*remarks[:1], found.remark]
    return " ".join(filter(None, parts))
