"""The verbs of a viewer's assistant: choose an image, segment, show, cancel, clear.

Everything here runs on the GUI thread, but what is handed to the session. An answer is
shown only if its request is still the newest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

from napari_sam3_assistant.app.live_points import LivePoints
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.app.saving import Saving
from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.app.status import Status
from napari_sam3_assistant.app.viewer_events import ViewerEvents
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, ImageError, PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.layers import images, names, previews, prompts, world
from napari_sam3_assistant.samples import napari_samples
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.jobs import Task

logger = logging.getLogger(__name__)
OnMain = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True, eq=False)
class OnScreen:
    """The image in use as it is on screen."""

    layer: Any
    source: Source
    plane: Plane
    world: world.World


class AppController:
    """What the widgets of one viewer call.

    Parameters
    ----------
    viewer : napari viewer
        As napari gives it to plugins.
    state : AppState
        Written here, drawn by the widgets.
    runtime : Runtime
        The process's engines.
    on_main : callable
        Runs a function on the GUI thread, soon; callable from any thread.
    """

    def __init__(self, viewer: Any, state: AppState, runtime: Runtime, on_main: OnMain) -> None:
        self.viewer = viewer
        self.state = state
        self.on_main = on_main
        self.status = Status(state.run, on_main)
        self._runtime = runtime
        self._sources = images.Sources()
        self._newest: Future[PlaneResult] | None = None
        self._asked: tuple[str, Plane] | None = None
        self._closed = False
        self._session = runtime.session(state.model.in_use)
        self.choose_engine(state.model.engine)
        self.live = LivePoints(self)
        self.saving = Saving(self, runtime.scheduler)
        self._events = ViewerEvents(self)
        first = images.active_image(viewer)
        if first is not None:
            self.choose_image(str(first.unique_id), arm=True)

    # -- choosing ---------------------------------------------------------------------------------

    def choose_engine(self, name: str) -> None:
        """Use engine ``name``, or for ``auto`` the best one there is; says which and why."""
        model = self.state.model
        try:
            choice = registry.choose(name, model.folder)
        except AssistantError as error:  # remembered from another installation, perhaps
            self.status.fail(error)
            name, choice = registry.AUTO, registry.choose(registry.AUTO, model.folder)
        model.engine, model.in_use, model.reason = name, choice.name, choice.reason
        if self._session.engine.name != choice.name:
            self._session.engine = self._runtime.handle(choice.name)
            self.segment_points()

    def choose_task(self, task: Task) -> None:
        """Change what is to be done; choosing Live Points arms it."""
        self.state.task.task = task
        self._describe()
        if not self.status.running:
            self.status.idle("Ready")
        if task is Task.LIVE_POINTS:
            self.arm()

    def choose_image(self, identity: str | None, *, arm: bool = False) -> None:
        """Use the image layer with this unique id; None uses none."""
        task = self.state.task
        layer = images.layer_by_id(self.viewer, identity)
        if layer is None:
            task.image, task.summary = None, ""
            self._session.set_source(None)
            return
        try:
            source = self._sources.of(layer)
        except AssistantError as error:
            task.image, task.summary = None, ""
            self.status.fail(error)
            return
        changed = task.image != identity
        task.image = identity
        self._session.set_source(source)
        self.state.output.default_folder = str(self.saving.default_folder())
        self._describe()
        if self.state.run.phase is Phase.FAILED:
            self.status.idle("Ready")
        if arm:
            self.arm()
        elif changed:
            self.live.follow_image()
        self._prepare()

    def use_active_image(self) -> None:
        """Use the image that is selected in the layer list."""
        active = images.active_image(self.viewer)
        if active is None:
            self.status.fail(ImageError("No image is open.", hint="Open one, or try a sample."))
            return
        self.choose_image(str(active.unique_id), arm=True)

    def open_sample(self, key: str = "nuclei") -> None:
        """Add a sample picture and use it."""
        data, about, _ = napari_samples.LAYERS[key]()[0]
        layer = self.viewer.add_image(data, **about)
        self.choose_image(str(layer.unique_id), arm=True)

    def arm(self) -> None:
        """Make the next click in the canvas a prompt: the points layer is there, active and adding."""
        if self.state.task.image is None:
            return
        try:
            self.live.arm()
        except AssistantError as error:
            self.status.fail(error)
            return
        self.on_main(self._add_preview)

    def _add_preview(self) -> None:
        """Add the preview layer, still empty, so that the first click need not wait for napari to do so."""
        here = self._describe() if not self._closed and self.live.is_live else None
        if here is not None:
            previews.add_empty_preview(self.viewer, here.layer, here.source, here.plane)

    # -- asking -----------------------------------------------------------------------------------

    def segment_points(self) -> None:
        """Segment what the points ask for; answers to older clicks are dropped."""
        points, asked = self.live.layer, time.perf_counter()
        try:
            here = self.on_screen()
            if points is None or here is None:
                return
            found = prompts.collect_points(points, here.layer, here.plane, here.world)
            self._tell_left_out(found)
            self._asked = here.source.identity, here.plane
            if not found.points:
                self._nothing_to_ask(len(points.data))
                return
            self._session.set_source(here.source)
            future = self._session.request(found.prompts, here.plane, key="prompt", progress=self.status.reporter())
        except AssistantError as error:
            self.status.fail(error)
            return
        self._newest = future
        if not self.status.running:
            self.status.begin("Live Points running..." if self.live.is_live else "Running SAM3 preview...")
        future.add_done_callback(lambda done: self.on_main(lambda: self._show(done, asked)))

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs, preparing included."""
        return self._session.busy

    @property
    def encode_ms(self) -> float:
        """How long the last encoding took, in milliseconds, wherever it was done."""
        return self._session.encode_ms

    def cancel(self) -> None:
        """Stop what runs and drop what waits; masks and points stay."""
        if self.status.running:
            self.status.cancelling()
            self._session.cancel()

    def on_screen(self) -> OnScreen | None:
        """Return the image in use as it is on screen, or None if none is in use.

        Raises
        ------
        AssistantError
            If it has no plane that can be segmented.
        """
        layer = images.layer_by_id(self.viewer, self.state.task.image)
        if layer is None:
            return None
        source, here = self._sources.of(layer), world.world_of(self.viewer)
        return OnScreen(layer, source, world.plane_on_screen(layer, here, source.shape, source.color_axis), here)

    def _show(self, future: Future[PlaneResult], asked: float) -> None:
        if self._closed or future is not self._newest:
            return
        try:
            result = future.result()
        except (Cancelled, CancelledError):
            self.status.idle("Cancelled.")
            return
        except AssistantError as error:
            if isinstance(error, PromptError):  # the mask on screen is no answer to these prompts
                self._forget_result()
            self.status.fail(error)
            return
        except Exception as error:
            logger.exception("A request failed")
            self.status.fail(
                AssistantError(f"Something went wrong: {type(error).__name__}: {error}.", hint="Click again.")
            )
            return
        layer = images.layer_by_id(self.viewer, result.view.source.identity)
        if layer is None:
            self.status.idle("The image was removed; its answer was dropped.")
            return
        self._draw(layer, result)
        engine_ms = result.encode_ms + result.decode_ms
        self.state.results.plugin_ms = (time.perf_counter() - asked) * 1000 - engine_ms

    def _draw(self, layer: Any, result: PlaneResult) -> None:
        found, view = result.segmentation, result.view
        kept = self._keep_edited()
        previews.show_preview(self.viewer, layer, view.source, view.plane, {1: found.mask}, {1: found.score})
        self.state.output.saved = None
        self.state.results.current = result
        area = found.mask.area
        row = ObjectRow(str(layer.name), "points", None, 1, found.score, area)
        self.state.results.rows = (row,) if area else ()
        self.status.idle(self._outcome(result) + kept)

    def _outcome(self, result: PlaneResult) -> str:
        area, window = result.segmentation.mask.area, result.view.window
        if not area:
            return "No objects found"
        if area == window.shape[0] * window.shape[1]:
            return "Nothing stands out here: the mask is the whole view."
        return "Live Points ready" if self.live.is_live else "Preview ready"

    def _keep_edited(self) -> str:
        """Set a preview aside that the user has changed; return what to say of it."""
        kept = previews.keep_edited(self.viewer)
        return f" Your changes of the last mask were kept in the layer {kept}." if kept else ""

    # -- clearing ---------------------------------------------------------------------------------

    def clear_preview(self) -> None:
        """Remove the preview layers; points, saved files and the results' rows stay."""
        self._newest = self._asked = None
        self._session.cancel()
        kept = self._keep_edited()
        count = previews.clear_previews(self.viewer)
        self.state.results.current = None
        self.status.idle(f"Cleared {count} SAM3 preview layer(s). Prompts and saved labels were kept.{kept}")

    def clear_results(self) -> None:
        """Empty the table of results."""
        self.state.results.rows = ()

    def reset_prompt(self) -> None:
        """Remove every point and the mask they made; the layers stay.

        The preview is emptied, not removed: napari takes 0.2 s to remove a layer and as long to add the next one.
        """
        self.live.clear()
        self._newest = self._asked = None
        self._session.cancel()
        kept = self._forget_result()
        self.status.idle(("Live Points armed. Add a point to start." if self.live.is_live else "Ready") + kept)

    # -- what the viewer tells ----------------------------------------------------------------------

    def layer_removed(self, layer: Any) -> None:
        """Let go of a layer that has left the viewer."""
        self._sources.forget(layer)
        self._runtime.embeddings.drop(lambda key: key.identity == str(layer.unique_id))
        self.live.layer_removed(layer)
        if layer.name == names.PREVIEW_LABELS and previews.preview_layer(self.viewer) is None:
            self.state.results.current, self.state.results.rows = None, ()
        if str(layer.unique_id) != self.state.task.image:
            return
        self._newest = None
        self._session.cancel()
        if self.status.running or self.state.run.phase is Phase.CANCELLING:
            self.status.idle("The image was removed.")
        remaining = images.active_image(self.viewer)
        self.choose_image(str(remaining.unique_id) if remaining is not None else None)

    def view_moved(self) -> None:
        """Answer the points of the slice that came into view."""
        here = self._describe()
        if here is None or (here.source.identity, here.plane) == self._asked or not self.live.is_live:
            return
        if self.live.layer is not None and len(self.live.layer.data):
            self.segment_points()
        else:
            self._prepare()

    def close(self) -> None:
        """Stop work and let go of everything in the viewer; layers stay as they are."""
        if self._closed:
            return
        self._closed = True
        self._newest = None
        self._session.cancel()
        self._events.close()
        self.live.close()
        self._sources.close()

    # -- telling ----------------------------------------------------------------------------------

    def describe(self) -> None:
        """Write anew what the image in use is called and like."""
        self._describe()

    def _describe(self) -> OnScreen | None:
        try:
            here = self.on_screen()
        except AssistantError as error:
            self.state.task.summary = str(error)
            return None
        if here is None:
            self.state.task.summary = ""
            return None
        height, width = here.source.plane_shape(here.plane)
        name = "Live Points" if self.live.is_live else "2D"
        self.state.task.summary = f"{here.layer.name}: {height} x {width}. Current task: {name}."
        return here

    def _prepare(self) -> None:
        """Encode the image before the first click, where that is one short job."""
        try:
            here = self.on_screen()
            if here is not None:
                self._session.prepare(here.plane)
        except AssistantError as error:
            self.status.fail(error)

    def _tell_left_out(self, found: prompts.CollectedPoints) -> None:
        parts = []
        for count, where in ((found.elsewhere, "on other slices"), (found.outside, "outside the image")):
            if count:
                parts.append(f"{count} {'point' if count == 1 else 'points'} {where} left out.")
        self.state.task.left_out = " ".join(parts)

    def _nothing_to_ask(self, points: int) -> None:
        self._newest = None
        self._session.cancel()
        kept = self._forget_result()
        self.status.idle((self.state.task.left_out if points else "Live Points armed. Add a point to start.") + kept)

    def _forget_result(self) -> str:
        """Show no mask; return what to say of one that the user has changed."""
        kept = self._keep_edited()
        previews.empty_preview(self.viewer)
        self.state.results.current = None
        self.state.results.rows = ()
        return kept
