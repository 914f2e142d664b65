"""The lines about Meta's package, and what its dialog shows: pure functions of the state."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.meta_state import META, MetaState
from napari_sam3_assistant.app.views import Action, action
from napari_sam3_assistant.core.errors import ModelFolderError, clause
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.interpreters import VARIABLE, fatal_in
from napari_sam3_assistant.engines.meta.installed import REQUIREMENTS, Installed
from napari_sam3_assistant.engines.registry import UNVERIFIED

if TYPE_CHECKING:
    from napari_sam3_assistant.app.model_state import ModelState

ABOUT = (
    "Meta's own package sam3 runs SAM3 here, in a process of its own. It wants older packages than napari, so install "
    "it in an environment of its own, and name the Python of that one. "
    f"An empty field means {VARIABLE}, or else napari's own Python."
)
INSTALL = "To make such an environment, run in a terminal:"
ASKS = "Looking into {}..."
CHOOSE = "Press Python... and choose one that has it."
NO_PACKAGE = "{} not installed here"
NO_FOLDER = "no model folder chosen"
NO_FOLDER_TODO = "Choose a Model Folder with {}."
NO_SAM31_TODO = "Put sam3.1_multiplex.pt into the folder, or choose SAM3.0 (in Advanced)."
NO_MULTIPLEX = "this version of Meta's package has no code for SAM3.1"
NO_MULTIPLEX_TODO = "Install a version of sam3 that has it, or choose SAM3.0 (in Advanced)."
SAM31 = "SAM3.1"
SAID = ("sam3", "torch", "torchvision", "numpy")
"""The packages whose versions the dialog says; ``doctor`` lists all."""
MEANWHILE = "Built-in answers until {} can: {}"
BESIDE = "Built-in for pictures, SAM3.1 (unverified) for 3D/video"
LOOKS = "the Python with Meta's package is being looked into"
DIAGNOSTICS = "Log CUDA state, SAM3.1 session internals, and per-frame propagation timing."
NO_DIAGNOSTICS = "It is about SAM3.1, in the task 3D/video propagation: choose the model type SAM3.1."


@dataclass(frozen=True, slots=True)
class MetaView:
    """The dialog.

    Attributes
    ----------
    text : str
        What a check has shown; or why it failed, and what to do now.
    problem : bool
        Whether ``text`` tells of a problem.
    busy : bool
        Whether a check goes on.
    check : Action
    command : str
        The lines that make an environment with the package.
    """

    text: str
    problem: bool
    busy: bool
    check: Action
    command: str


def meta_view(meta: MetaState) -> MetaView:
    """Return what the dialog shows."""
    looked = meta.looked
    return MetaView(
        text=" ".join(filter(None, (looked.problem, looked.hint))) if looked.problem else "\n".join(looked.lines),
        problem=bool(looked.problem) or looked.unusable,
        busy=looked.running,
        check=action(not looked.running, "Start this Python, and say what it has.", "The Python is being looked into."),
        command=install_lines(os.name),
    )


def install_lines(system: str) -> str:
    """Return what makes an environment with Meta's package, for the terminal of a system as ``os.name`` says it."""
    if system == "nt":
        return f"py -3.11 -m venv sam3-env\nsam3-env\\Scripts\\python -m pip install {REQUIREMENTS}"
    return f"python3 -m venv sam3-env\nsam3-env/bin/python -m pip install {REQUIREMENTS}"


def report(found: Installed) -> tuple[str, ...]:
    """Return what is in a Python, a line for each thing: what can be used first."""
    fatal = fatal_in(found)
    there = ", ".join(f"{name} {found.versions[name]}" for name in SAID if found.versions.get(name))
    first = (
        f"Meta's package cannot be used with it. {fatal.what} {fatal.advice}"
        if fatal
        else "Meta's package can be used with it."
    )
    multiplex = f"SAM3.1: its code is there ({UNVERIFIED})." if found.multiplex else "SAM3.1: no code for it."
    problems = (f"{one.what} {one.advice}".strip() for one in found.problems if one != fatal)
    return first, f"{', '.join(filter(None, (f'Python {found.python}', there)))}.", multiplex, *problems


def why_not(model: ModelState, meta: MetaState) -> tuple[str, str]:
    """Return why Meta's package cannot run the model that is meant, as the end of a sentence, and what to do.

    Two empty texts where nothing is known against it.
    """
    if meta.problem:
        return clause(meta.problem), meta.hint
    if meta.missing:
        return NO_PACKAGE.format(" and ".join(meta.missing)), CHOOSE
    fatal = None if meta.found is None else fatal_in(meta.found)
    if fatal is not None:
        return clause(fatal.what), fatal.advice
    file = no_file(model)
    if file[0] or not model.multiplex:
        return file
    if meta.found is None:
        return LOOKS, ""
    return ("", "") if meta.found.multiplex else (NO_MULTIPLEX, NO_MULTIPLEX_TODO)


def no_file(model: ModelState) -> tuple[str, str]:
    """Return which file of Meta's the folder lacks, as the end of a sentence, and what to do; empty if none."""
    if model.known is None:
        return NO_FOLDER, NO_FOLDER_TODO.format("sam3.1_multiplex.pt" if model.multiplex else "sam3.pt")
    try:
        model.known.original_file(multiplex=model.multiplex)
    except ModelFolderError as error:
        other = model.multiplex and (model.known.ready or model.known.original is not None)
        return clause(error.message), NO_SAM31_TODO if other else error.hint
    return "", ""


def reason(model: ModelState) -> str:
    """Return what answers where Meta's package does, and from where."""
    title = registry.title_of(META)
    if model.known is None or model.known.original is None:
        return title
    on = f" on {model.runs_on}" if model.runs_on else ""
    return f"{title}{on}: {model.known.original.name} in {model.known.path}"


def where(meta: MetaState) -> str:
    """Return which Python runs Meta's package."""
    return f"Python: {meta.interpreter}" if meta.interpreter else "Python: napari's own."
