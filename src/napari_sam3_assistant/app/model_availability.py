"""What can be done with SAM3's model, and what is written about it: pure functions of the state."""

from __future__ import annotations

from napari_sam3_assistant.app import meta_hints, model_hints, server_hints
from napari_sam3_assistant.app.meta_state import META
from napari_sam3_assistant.app.model_row_views import ModelStepView, ModelView
from napari_sam3_assistant.app.model_state import DEVICES, ModelState, ModelType
from napari_sam3_assistant.app.server_state import REMOTE, Link
from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.app.views import Action
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.registry import UNVERIFIED

TYPE_TIP = "Which release of SAM3 is in the folder: SAM3.0 serves 2D, 3D and video, SAM3.1 multiplex 3D and video only."
ONE_MODEL = "One model in memory serves images and video: both buttons load it."
VIDEO_ONLY = "SAM3.1 video multiplex is for 3D/video propagation. Choose SAM3.0 2D/3D/video for 2D image tasks."
LOAD_MULTIPLEX = f"Load the SAM3.1 multiplex video predictor ({UNVERIFIED})."
PYTHON = "Which Python has Meta's package, and what is in it."
LOAD_TIP = (
    "Checked, SAM3 is loaded when it is first needed. Unchecked, only the buttons above load it, "
    "and until then the built-in engine answers."
)
NO_ENGINE = "The engine in use needs no model. Choose the engine Automatic or SAM3 first."
NO_FOLDER = "Choose a Model Folder first, or press Get SAM3."
NO_FOLDER_OF_META = "Choose a Model Folder first."
GET = Action(True, "What SAM3 needs, and how to get it: packages, licence, files.")
SERVER = Action(True, "Which server answers: its address and token, and a test.")
BUILTIN = Action(True, "Go on with the engine Built-in, which needs no server. Prompts and masks stay.")


def model_view(state: AppState) -> ModelView:
    """Return the row of the model, in both modes."""
    model, held_back = state.model, state.held_back
    if model.engine == REMOTE:
        return _server(state)
    of_meta = model_hints.of_meta(model)
    return ModelView(
        status=model_hints.status(model),
        status_tip=model_hints.status_tip(model),
        reason=model_hints.reason(model, held_back=held_back),
        reason_tip=model_hints.reason_tip(model, held_back=held_back),
        advice=model_hints.advice(model),
        offer=not of_meta and (not model.whole or bool(model.lacks)),
        of_meta=of_meta,
        python=Action(True, f"{PYTHON} {meta_hints.where(state.meta)}"),
        folder=Action(True, model.folder or "Select model folder"),
        remote=False,
        alone=False,
        get=GET,
        unload=_unload(state),
        server=SERVER,
        builtin=BUILTIN,
    )


def _server(state: AppState) -> ModelView:
    """Return the row where an engine on a server is chosen."""
    return ModelView(
        status=server_hints.STATUS,
        status_tip=server_hints.ON_SERVER,
        reason=state.model.reason,
        reason_tip=server_hints.tip(state),
        advice=server_hints.advice(state),
        offer=False,
        of_meta=False,
        python=Action(True, PYTHON),
        remote=True,
        alone=state.model.in_use == REMOTE and state.server.link in (Link.OFFLINE, Link.REFUSED, Link.FAILED),
        folder=Action(True, state.model.folder or "Select model folder"),
        get=GET,
        unload=_unload(state),
        server=SERVER,
        builtin=BUILTIN,
    )


def model_step(state: AppState) -> ModelStepView:
    """Return what only the mode ``Advanced`` shows: type and device, and Step 1."""
    model = state.model
    there = tuple(
        (title, str(name)) for name, title in DEVICES.items() if name == devices.AUTO or name in model.devices
    )
    return ModelStepView(
        shown=state.task.advanced and model.engine != REMOTE,
        types=tuple((title, kind.value) for kind, title in model_hints.TYPES.items()),
        model_type=model.model_type.value,
        type_tip=TYPE_TIP,
        devices=there,
        device=model.computes_on,
        device_tip=_device_tip(model),
        validate=_validate(model),
        load_image=_load(state, "Load the SAM3.0 2D image model.", VIDEO_ONLY),
        load_video=_load_multiplex(state) if model.multiplex else _load(state, "Load the SAM3.0 3D/video predictor."),
        unload=_unload(state),
        load_on_run=model.load_on_run,
        load_on_run_tip=LOAD_TIP,
    )


def _device_tip(model: ModelState) -> str:
    gone = model_hints.gone(model)
    return "\n".join(filter(None, ("Where SAM3 runs. Automatic takes the best device there is.", gone or model.device)))


def _validate(model: ModelState) -> Action:
    if not model.folder:
        return Action(False, _no_folder(model))
    if model.looking:
        return Action(False, "The model folder is being looked into.")
    return Action(True, "Look into the model folder anew: what is there, what each task needs, what is wrong.")


def _no_folder(model: ModelState) -> str:
    """Return what to do where no folder is chosen; ``Get SAM3`` is not offered to Meta's package."""
    return NO_FOLDER_OF_META if model_hints.of_meta(model) else NO_FOLDER


def _unload(state: AppState) -> Action:
    again = "the next question loads it again" if state.loads_when_running else "Load 2D Model loads it again"
    gives_back = f"Give SAM3's memory back; {again}."
    return Action(state.model.loaded, gives_back if state.model.loaded else "SAM3 is not in memory.")


def _load(state: AppState, does: str, multiplex: str = "") -> Action:
    why_not = multiplex if multiplex and state.model.multiplex else _why_not(state)
    return Action(not why_not, why_not or f"{does} {ONE_MODEL}")


def _load_multiplex(state: AppState) -> Action:
    why_not = _why_not(state)
    return Action(not why_not, why_not or LOAD_MULTIPLEX)


def _why_not(state: AppState) -> str:
    """Return why SAM3 cannot be loaded now and what to do about it; empty where it can."""
    model, run = state.model, state.run
    if model.engine == REMOTE:
        return f"{server_hints.ON_SERVER} {NO_ENGINE}"
    if not model_hints.wanted(model):
        return NO_ENGINE
    if not model.folder:
        return _no_folder(model)
    if model.known is None:
        return "The model folder is being looked into."
    if model.multiplex or model.engine == META:
        why_not, todo = meta_hints.why_not(model, state.meta)
        if why_not:
            return f"{why_not[:1].upper()}{why_not[1:]}. {todo}".strip()
    elif not model.known.ready:
        return f"{model.known.problem} {model.known.advice}".strip()
    elif model.lacks:
        return f"{model_hints.lacking(model)}. {model_hints.PRESS}: it says how to install."
    if model.loaded:
        return f"SAM3 is in memory already{f', on {model.runs_on}' if model.runs_on else ''}. Unload gives it back."
    if run.phase is Phase.LOADING or run.background_works:
        return "SAM3 is being loaded. Cancel stops it."
    return ""


def chosen_type(value: str) -> ModelType:
    """Return the type of the model that a control, or the settings, tell by its value; SAM3.0 where it is none."""
    return ModelType(value) if value in tuple(ModelType) else ModelType.SAM3
