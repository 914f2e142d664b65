"""An engine that may not be loaded by a question: who answers in its place, and what one is told.

``Load model when running`` decides; the buttons that load SAM3 are never held back.
"""

from __future__ import annotations

from napari_sam3_assistant.app.server_state import REMOTE
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.core.errors import EngineError, Unsupported
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession

NOT_LOADED = "{} is not in memory, and Load model when running is off."
LOAD_VIDEO = "Press Load 3D/Video Model in Step 1, or check Load model when running."
LOAD_IT = "Press Load 2D Model in Step 1, or check Load model when running."
MULTIPLEX = "SAM3.1 video multiplex supports 3D/video propagation only: it reads no words and answers no 2D task."
NOT_MULTIPLEX = "Choose the model type SAM3.0 (in the mode Advanced) for 2D tasks."


def is_held_back(state: AppState, session: ImageSession) -> bool:
    """Return whether the engine of ``session`` is not in memory here, and a question may not load it."""
    local = session.engine.slow and session.engine.name != REMOTE
    return local and not session.loaded and not state.loads_when_running


def stands_in(state: AppState, session: ImageSession, *, words: bool) -> bool:
    """Return whether the built-in engine answers in the place of one that is held back.

    Raises
    ------
    EngineError
        If it cannot, since it reads no words; or may not, since the user has asked for the other one by name.
    """
    if not is_held_back(state, session):
        return False
    if words or state.model.engine != registry.AUTO:
        raise EngineError(NOT_LOADED.format(registry.title_of(session.engine.name)), hint=LOAD_IT)
    return True


def check_loaded(state: AppState, engine: EngineHandle) -> None:
    """Raise that an engine is held back, where it is.

    Raises
    ------
    EngineError
        If it is not in memory, and may not be loaded by a question.
    """
    if engine.loaded() is None and not state.loads_when_running:
        raise EngineError(NOT_LOADED.format(registry.title_of(engine.name)), hint=LOAD_VIDEO)


def check_words(state: AppState) -> None:
    """Raise why nobody reads words where SAM3.1 is chosen.

    Raises
    ------
    Unsupported
        If the model that is chosen follows objects only.
    """
    if state.model.multiplex and state.model.in_use == registry.BUILTIN.name:
        raise Unsupported(MULTIPLEX, hint=NOT_MULTIPLEX)
