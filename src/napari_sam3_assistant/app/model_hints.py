"""The lines about the model: whether it is there, what is wrong, what to do now; pure functions of the state."""

from __future__ import annotations

from napari_sam3_assistant.app import meta_hints
from napari_sam3_assistant.app.meta_state import META
from napari_sam3_assistant.app.model_state import DEVICES, ModelState, ModelType
from napari_sam3_assistant.engines import registry

SAM3, BUILTIN = registry.SAM3.name, registry.BUILTIN.name
NOT_NEEDED = "Model: not needed (built-in)"
PRESS = "Press Get SAM3"
TYPES = {ModelType.SAM3: "SAM3.0", ModelType.SAM31: "SAM3.1"}
MULTIPLEX = f"SAM3.1 serves 3D/video only ({registry.UNVERIFIED})"
NOT_MULTIPLEX = "For 2D tasks choose SAM3.0 (in Advanced)."
HELD_BACK = "SAM3 is not loaded (press Load 2D Model)"


def wanted(model: ModelState) -> bool:
    """Return whether a model is of any use to the engine that the user wants."""
    return model.engine in (registry.AUTO, SAM3, META)


def of_meta(model: ModelState) -> bool:
    """Return whether the model that is meant is for Meta's package."""
    return wanted(model) and (model.engine == META or model.multiplex)


def status(model: ModelState) -> str:
    """Return whether there is a model, in three words."""
    if not wanted(model):
        return NOT_NEEDED
    if not model.folder:
        return "Model: not set"
    if model.known is None:
        return "Model: looking..."
    return f"Model: {TYPES[model.model_type]} {'ok' if model.whole else 'missing'}"


def status_tip(model: ModelState) -> str:
    """Return where the model is, what it serves, and what is wrong with it."""
    known = model.known
    if not model.folder:
        return "No model folder selected."
    if known is None:
        return f"{model.folder}: being looked into."
    if model.multiplex:
        there = f"{known.multiplex.name} is there" if known.multiplex is not None else "There is no SAM3.1 in it"
        return "\n".join((model.folder, f"{there}.", f"{MULTIPLEX}.", NOT_MULTIPLEX))
    if model.engine == META:
        there = f"{known.original.name} is there" if known.original is not None else "There is no sam3.pt in it"
        return "\n".join(filter(None, (model.folder, f"{there}.", model.todo)))
    serves = f"It serves {', '.join(known.tasks)}." if known.ready else ""
    return "\n".join(filter(None, (model.folder, known.problem, serves, known.advice)))


def reason(model: ModelState, *, held_back: bool = False) -> str:
    """Return which engine answers and why; with the device once that is known.

    Parameters
    ----------
    model : ModelState
    held_back : bool
        Whether SAM3 is not in memory, and a question does not load it.
    """
    if held_back:
        return f"Built-in: {HELD_BACK}" if model.engine == registry.AUTO else HELD_BACK
    if model.in_use == META:
        return meta_hints.reason(model)
    if model.in_use == SAM3 and model.runs_on and model.known is not None:
        return f"SAM3 on {model.runs_on}: {model.known.reason}"
    return model.reason


def reason_tip(model: ModelState, *, held_back: bool = False) -> str:
    """Return the reason, and on what SAM3 runs or would run."""
    device = f"Device: {gone(model) or model.device}"
    load = "Load model when running is off: press Load 2D Model in Step 1, or check it there."
    return "\n".join((f"{reason(model, held_back=held_back)}.", *([load] if held_back else []), device))


def gone(model: ModelState) -> str:
    """Return that the device wanted is not there, and what is used in its place; empty where it is."""
    if model.device_wanted in (model.computes_on, registry.AUTO):
        return ""
    title = DEVICES.get(model.device_wanted, model.device_wanted)
    return f"{title} was chosen, and is not here. Automatic is used: {model.device}"


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
    if model.multiplex or model.engine == META:
        return model.todo
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
