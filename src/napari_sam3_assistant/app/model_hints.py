"""The lines about the model: whether it is there, what is wrong, what to do now; pure functions of the state."""

from __future__ import annotations

from napari_sam3_assistant.app.model_state import ModelState
from napari_sam3_assistant.engines import registry

SAM3, BUILTIN = registry.SAM3.name, registry.BUILTIN.name
NOT_NEEDED = "Model: not needed (built-in)"
PRESS = "Press Get SAM3"


def wanted(model: ModelState) -> bool:
    """Return whether a model is of any use to the engine that the user wants."""
    return model.engine in (registry.AUTO, SAM3)


def status(model: ModelState) -> str:
    """Return whether there is a model, in three words."""
    if not wanted(model):
        return NOT_NEEDED
    if not model.folder:
        return "Model: not set"
    if model.known is None:
        return "Model: looking..."
    return "Model: SAM3.0 ok" if model.known.ready else "Model: SAM3.0 missing"


def status_tip(model: ModelState) -> str:
    """Return where the model is, what it serves, and what is wrong with it."""
    known = model.known
    if not model.folder:
        return "No model folder selected."
    if known is None:
        return f"{model.folder}: being looked into."
    serves = f"It serves {', '.join(known.tasks)}." if known.ready else ""
    return "\n".join(filter(None, (model.folder, known.problem, serves, known.advice)))


def reason(model: ModelState) -> str:
    """Return which engine answers and why; with the device once that is known."""
    if model.in_use == SAM3 and model.runs_on and model.known is not None:
        return f"SAM3 on {model.runs_on}: {model.known.reason}"
    return model.reason


def reason_tip(model: ModelState) -> str:
    """Return the reason, and on what SAM3 runs or would run."""
    return f"{reason(model)}.\nDevice: {model.device}"


def advice(model: ModelState) -> str:
    """Return what is wrong with the model and what to do now; empty where nothing is."""
    todo = _todo(model)
    if not todo:
        return ""
    text = f"{model.reason}. {todo}"
    known = model.known
    return text.replace(str(known.path), known.path.name) if known is not None and known.path.name else text


def lacking(model: ModelState) -> str:
    """Return which packages SAM3 lacks, as the end of a sentence; empty where none."""
    missing = f"{_few(model.missing)} not installed" if model.missing else ""
    outdated = f"{_few(model.outdated)} too old" if model.outdated else ""
    return ", ".join(filter(None, (missing, outdated)))


def _few(names: tuple[str, ...]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more packages"


def _todo(model: ModelState) -> str:
    known = model.known
    if not wanted(model) or (known is None and model.looking):
        return ""
    if model.lacks:
        there = model.engine == SAM3 or bool(model.folder)
        return f"{PRESS}: it says how to install {'it' if len(model.lacks) == 1 else 'them'}." if there else ""
    if known is None:
        return "Choose a Model Folder, or press Get SAM3." if model.engine == SAM3 else ""
    if known.begun:
        return f"{PRESS}: it goes on from there."
    if known.gets:
        return f"{PRESS} for what is missing{' for words' if known.ready else ''}, or choose another Model Folder."
    return known.advice
