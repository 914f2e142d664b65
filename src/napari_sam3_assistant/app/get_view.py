"""What the panel ``Get SAM3`` shows: a pure function of the state and of what the machine has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_sam3_assistant.app.model_state import ModelState
from napari_sam3_assistant.app.views import Action

RESTART = "Then restart napari."
LICENCE = (
    "1. Sign in at huggingface.co/facebook/sam3 and agree to Meta's licence; access may take a while.\n"
    "2. At huggingface.co/settings/tokens make a token that may read, and paste it here. It is not kept."
)
SIZE = "3.5 GB"


@dataclass(frozen=True, slots=True)
class GetView:
    """The panel.

    Attributes
    ----------
    about : str
        What SAM3 needs here, or that all is there.
    command : str
        What installs the packages that are missing; empty where none is.
    after : str
        What to do when that has run.
    busy : bool
        Whether a download runs.
    fraction : float or None
        How far it is.
    text : str
        How far in words, what came of it, or why it did not go on and what to do now.
    problem : bool
        Whether ``text`` tells of a problem.
    download, cancel : Action
    token_hint : str
        What stands in the empty field for the token.
    """

    about: str
    command: str
    after: str
    busy: bool
    fraction: float | None
    text: str
    problem: bool
    download: Action
    cancel: Action
    token_hint: str


def get_view(model: ModelState, command: str, size: str, *, token_set: bool) -> GetView:
    """Return what the panel shows.

    Parameters
    ----------
    model : ModelState
    command, size : str
        What installs the packages that are missing, and about how much they take.
    token_set : bool
        Whether ``HF_TOKEN`` holds a token.
    """
    run = model.download
    return GetView(
        about=_about(model),
        command=command if model.lacks else "",
        after=f"It takes {size}. {RESTART}" if size else RESTART,
        busy=run.running,
        fraction=run.fraction,
        text=" ".join(filter(None, (run.problem, run.hint))) or run.text,
        problem=bool(run.problem),
        download=Action(not run.running, _download_tip(model)),
        cancel=Action(run.running, "Stop; what has come is kept." if run.running else "Nothing runs."),
        token_hint="HF_TOKEN is set, and is used" if token_set else "hf_...",
    )


def default_folder(model: ModelState, own: Path) -> str:
    """Return where a download goes unless the user says: where one is to be completed, else to ``own``."""
    known = model.known
    return str(known.path) if known is not None and known.gets else str(own)


def _about(model: ModelState) -> str:
    if model.lacks:
        missing = f"{listed(model.missing)}, not installed here" if model.missing else ""
        newer = f"a newer {listed(model.outdated)}" if model.outdated else ""
        what = " and ".join(filter(None, (missing, newer)))
        return (
            f"SAM3 needs {what}. This line installs {'it' if len(model.lacks) == 1 else 'them'}, typed in a terminal:"
        )
    if model.known is not None and model.known.ready and not model.known.gets:
        return f"SAM3 is ready: {model.known.reason}."
    if model.known is not None and model.known.begun:
        return f"The model in {model.known.path} is half downloaded. Download goes on where it stopped."
    return f"SAM3 is free, and behind Meta's licence. Its files take {SIZE}."


def listed(names: tuple[str, ...]) -> str:
    """Return names as one says them."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _download_tip(model: ModelState) -> str:
    return "It runs." if model.download.running else "Get what the folder lacks; goes on where it stopped."
