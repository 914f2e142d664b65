"""What comes before the first frame: who follows, what it takes, and what of a plane is looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import held_back
from napari_sam3_assistant.app.propagating import words
from napari_sam3_assistant.app.propagating.saying import Saying
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.status import OnMain
from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.geometry import union
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, Prompts, Query
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.tasks.carrying import limits_of_video
from napari_sam3_assistant.tasks.frames import Through
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession
from napari_sam3_assistant.tasks.video import Step, Video
from napari_sam3_assistant.tasks.view import view_of
from napari_sam3_assistant.tasks.volumes import Film, Volumes

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


def follower(controller: AppController, *, words: bool = False) -> EngineHandle:
    """Return the engine that follows: the one in use, or the built-in one where that may not be loaded.

    SAM3.1, which does nothing else, follows where that release of the model is chosen.

    Raises
    ------
    EngineError
        If the user has asked for one by name that may not be loaded, or for what ``words`` mean.
    """
    standby, state = controller.standby, controller.state
    own = controller.model.follower()
    if own is not None:
        held_back.check_loaded(state, own)
        return own
    stands_in = held_back.stands_in(state, standby.session, words=words)
    return (standby.quick if stands_in else standby.session).engine


def capabilities_of(engine: EngineHandle) -> Capabilities:
    """Return what an engine takes, as far as that is known before it is loaded."""
    made = engine.loaded()
    return made.capabilities if made is not None else registry.capabilities_of(engine.name)


def check(sayings: Sequence[Saying], engine: EngineHandle, known: Collection[int] = ()) -> None:
    """Check that an engine takes what is said, before anything is changed; ``known`` are objects on any frame.

    Raises
    ------
    PromptError, Unsupported
        If it does not.
    """
    words.check_points(sayings, known)
    can = capabilities_of(engine)
    words.check_limits(sayings, limits_of_video(can), registry.title_of(engine.name), can.instead)


def check_words(query: Query, engine: EngineHandle, through: Through) -> None:
    """Check that an engine finds by words on every frame.

    Raises
    ------
    Unsupported
        If it does not, or if there are frames at each position of a second axis.
    """
    video = capabilities_of(engine).video
    if video is None or not video.text:
        title = registry.title_of(engine.name)
        raise Unsupported(f"{title} finds nothing by words from frame to frame.", hint=words.FIND_FIRST)
    if through.over is not None:
        named = ", ".join(one.text for one in query.texts)
        raise Unsupported(f"Words ({named}) are looked for along one axis at a time.", hint=words.ONE_AXIS)


def outline(
    session: ImageSession,
    on_main: OnMain,
    sayings: Sequence[Saying],
    then: Callable[[list[Saying]], None],
    failed: Callable[[BaseException], None],
) -> None:
    """Have painted labels, which are rough, drawn to the outlines of their objects, as for one plane; then go on.

    Parameters
    ----------
    session : ImageSession
        Of the engine that follows, with the picture.
    on_main : callable
        Runs a function on the GUI thread, soon.
    sayings : sequence of Saying
    then : callable
        Called on the GUI thread with all sayings; at once where none is a painted label.
    failed : callable
        Called in its place, with the first error.
    """
    rough = {k: one for k, one in enumerate(sayings) if one.value is not None and one.prompts.is_mask}
    asked = {k: session.request(one.prompts, one.plane) for k, one in rough.items()}

    def done() -> None:
        if not all(future.done() for future in asked.values()) or not waits:
            return
        waits.clear()
        try:
            drawn = {k: future.result().segmentation.mask for k, future in asked.items()}
        except (Exception, CancelledError) as error:
            failed(error)
            return
        then([replace(one, prompts=Prompts(), mask=drawn[k]) if k in drawn else one for k, one in enumerate(sayings)])

    waits = [True]
    for future in asked.values():
        future.add_done_callback(lambda _: on_main(done))
    if not asked:
        done()


def new_film(controller: AppController, here: OnScreen, through: Through, asked: Sequence[Saying] | Query) -> Film:
    """Return a video, or volumes, that looks at what holds all that is asked; a part of the plane is told."""
    rule, shape = controller.state.task.rule, here.source.plane_shape(here.plane)
    if isinstance(asked, Query):
        window = rule.for_query(shape, asked, here.view)
    else:
        window = rule.for_prompts(shape, Prompts(box=BoxPrompt(union(one.box for one in asked))))
    view = view_of(here.source, here.plane, window, rule)
    controller.roi.show(here, view)
    if view.window != whole(shape):
        controller.status.log(words.local_roi(view.window))
    if through.over is not None:
        return Volumes(view, through.axis, through.over)
    return Video(view, through.axis, query=asked if isinstance(asked, Query) else None)


def tell_moved(controller: AppController, film: Film, step: Step) -> None:
    """Say that another part of the plane is looked at from now on, and show it, where that is so."""
    window, here = step.window, controller.here()
    if window is None:
        return
    controller.status.log(words.moved(step.found.frame, window))
    if here is not None and here.source.identity == film.view.source.identity:
        controller.roi.show(here, replace(film.view, plane=here.plane, window=window))


def give(video: Film, sayings: Sequence[Saying]) -> list[Plane]:
    """Say it; return the planes on which other masks are at once.

    Raises
    ------
    PromptError
        If something cannot be said so.
    """
    for one in sayings:
        for prompts in one.given:
            video.give_on(one.plane, {one.number: prompts})
    return sorted({one.plane for one in sayings}, key=lambda plane: plane.index)
