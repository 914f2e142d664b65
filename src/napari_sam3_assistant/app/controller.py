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
from napari_sam3_assistant.app.state import AppState, ImageItem, Phase
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, ImageError, PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.layers import images, previews, prompts, world
from napari_sam3_assistant.samples import napari_samples
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.jobs import Task

logger = logging.getLogger(__name__)
OnMain = Callable[[Callable[[], None]], None]
PROGRESS_INTERVAL_S = 0.05


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
        self._runtime = runtime
        self._sources = images.Sources()
        self._newest: Future[PlaneResult] | None = None
        self._closed = False
        self._session = runtime.session(state.model.in_use)
        self.choose_engine(state.model.engine)
        self.live = LivePoints(self)
        self.saving = Saving(self, runtime.scheduler)
        self._listen(True)
        self._list_images()
        first = images.active_image(viewer)
        if first is not None:
            self.choose_image(str(first.unique_id), arm=True)

    # -- choosing ---------------------------------------------------------------------------------

    def choose_engine(self, name: str) -> None:
        """Use engine ``name``, or for ``auto`` the best one there is; says which and why."""
        model = self.state.model
        try:
            choice = registry.choose(name, model.folder)
        except AssistantError as error:
            self.fail(error)
            return
        model.engine, model.in_use, model.reason = name, choice.name, choice.reason
        if self._session.engine.name != choice.name:
            self._session.engine = self._runtime.handle(choice.name)
            self.segment_points()

    def choose_task(self, task: Task) -> None:
        """Change what is to be done; choosing Live Points arms it."""
        self.state.task.task = task
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
            self.fail(error)
            return
        changed = task.image != identity
        task.image = identity
        self._session.set_source(source)
        self.state.output.default_folder = str(self.saving.default_folder())
        self._describe()
        if self.state.run.phase is Phase.FAILED:
            self.idle("Ready")
        if arm:
            self.arm()
        elif changed:
            self.live.follow_image()
        self._prepare()

    def use_active_image(self) -> None:
        """Use the image that is selected in the layer list."""
        active = images.active_image(self.viewer)
        if active is None:
            self.fail(ImageError("No image is open.", hint="Open one, or try a sample."))
            return
        self.choose_image(str(active.unique_id), arm=True)

    def open_sample(self, key: str = "nuclei") -> None:
        """Add a sample picture and use it."""
        data, about, _ = napari_samples.LAYERS[key]()[0]
        layer = self.viewer.add_image(data, **about)
        self.choose_image(str(layer.unique_id), arm=True)

    def arm(self) -> None:
        """Make the next click in the canvas a prompt: the points layer is there, active and adding."""
        if self.state.task.image is not None:
            self.live.arm()

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
            if not found.points:
                self._nothing_to_ask(len(points.data))
                return
            self._session.set_source(here.source)
            future = self._session.request(found.prompts, here.plane, key="prompt", progress=self._progress_reporter())
        except AssistantError as error:
            self.fail(error)
            return
        self._newest = future
        if self.state.run.phase not in (Phase.RUNNING, Phase.LOADING):
            self._begin("Live Points running..." if self.live.is_live else "Running SAM3 preview...")
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
        if self.state.run.phase in (Phase.RUNNING, Phase.LOADING):
            self.state.run.phase = Phase.CANCELLING
            self.state.run.message = "Cancelling..."
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
            self.idle("Cancelled.")
            return
        except AssistantError as error:
            if isinstance(error, PromptError):  # the mask on screen is no answer to these prompts
                self._forget_result()
            self.fail(error)
            return
        except Exception as error:
            logger.exception("A request failed")
            self.fail(AssistantError(f"Something went wrong: {type(error).__name__}: {error}.", hint="Click again."))
            return
        layer = images.layer_by_id(self.viewer, result.view.source.identity)
        if layer is None:
            self.idle("The image was removed; its answer was dropped.")
            return
        self._draw(layer, result)
        engine_ms = result.encode_ms + result.decode_ms
        self.state.results.plugin_ms = (time.perf_counter() - asked) * 1000 - engine_ms

    def _draw(self, layer: Any, result: PlaneResult) -> None:
        found, view = result.segmentation, result.view
        previews.show_preview(self.viewer, layer, view.source, view.plane, {1: found.mask}, {1: found.score})
        self.state.output.saved = None
        self.state.results.current = result
        area = found.mask.area
        row = ObjectRow(str(layer.name), "points", None, 1, found.score, area)
        self.state.results.rows = (row,) if area else ()
        ready = "Live Points ready" if self.live.is_live else "Preview ready"
        self.idle(ready if area else "No objects found")

    # -- clearing ---------------------------------------------------------------------------------

    def clear_preview(self) -> None:
        """Remove the preview layers; points, saved files and the results' rows stay."""
        self._newest = None
        self._session.cancel()
        count = previews.clear_previews(self.viewer)
        self.state.results.current = None
        self.idle(f"Cleared {count} SAM3 preview layer(s). Prompts and saved labels were kept.")

    def clear_results(self) -> None:
        """Empty the table of results."""
        self.state.results.rows = ()

    def reset_prompt(self) -> None:
        """Remove every point and the mask they made; the layers of other things stay."""
        self.live.clear()
        self.clear_preview()
        self.idle("Live Points armed. Add a point to start." if self.live.is_live else "Ready")

    # -- what the viewer tells ----------------------------------------------------------------------

    def close(self) -> None:
        """Stop work and let go of everything in the viewer; layers stay as they are."""
        if self._closed:
            return
        self._closed = True
        self._newest = None
        self._session.cancel()
        self._listen(False)
        self.live.close()
        self._sources.close()

    def _listen(self, on: bool) -> None:
        layers = self.viewer.layers
        for event, slot in (
            (layers.events.inserted, self._on_layers),
            (layers.events.removed, self._on_removed),
            (layers.events.reordered, self._on_layers),
            (layers.selection.events.active, self._on_active),
            (self.viewer.dims.events.point, self._on_dims),
            (self.viewer.dims.events.order, self._on_dims),
        ):
            if on:
                event.connect(slot)
            else:
                event.disconnect(slot)

    def _on_layers(self, event: Any = None) -> None:
        known = {item.identity for item in self.state.task.images}
        self._list_images()
        task = self.state.task
        layer = images.active_image(self.viewer)
        if task.image is None and layer is not None and str(layer.unique_id) not in known:
            self.choose_image(str(layer.unique_id))
            self.on_main(self._arm_if_open)  # napari selects the new layer only after it has told everyone

    def _arm_if_open(self) -> None:
        if not self._closed:
            self.arm()

    def _on_removed(self, event: Any) -> None:
        self._sources.forget(event.value)
        self.live.layer_removed(event.value)
        if str(event.value.unique_id) == self.state.task.image:
            self._newest = None
            self._session.cancel()
            if self.state.run.phase is not Phase.IDLE:
                self.idle("The image was removed.")
            remaining = images.active_image(self.viewer)
            self.choose_image(str(remaining.unique_id) if remaining is not None else None)
        self._list_images()

    def _on_active(self, event: Any = None) -> None:
        active = self.viewer.layers.selection.active
        self.live.note_active()
        self._list_images()
        if images.is_image(active) and str(active.unique_id) != self.state.task.image:
            self.choose_image(str(active.unique_id))

    def _on_dims(self, event: Any = None) -> None:
        self._describe()
        if self.live.is_live and self.live.layer is not None and len(self.live.layer.data):
            self.segment_points()

    def _list_images(self) -> None:
        layers = images.image_layers(self.viewer)
        active = images.active_image(self.viewer)
        self.state.task.images = tuple(ImageItem(str(one.unique_id), str(one.name)) for one in layers)
        self.state.task.active_image = None if active is None else str(active.unique_id)

    # -- telling ----------------------------------------------------------------------------------

    def _describe(self) -> None:
        try:
            here = self.on_screen()
        except AssistantError as error:
            self.state.task.summary = str(error)
            return
        if here is None:
            self.state.task.summary = ""
            return
        height, width = here.source.plane_shape(here.plane)
        name = "Live Points" if self.live.is_live else "2D"
        self.state.task.summary = f"{here.layer.name}: {height} x {width}. Current task: {name}."

    def _prepare(self) -> None:
        """Encode the image before the first click, where that is one short job."""
        try:
            here = self.on_screen()
            if here is not None:
                self._session.prepare(here.plane)
        except AssistantError as error:
            self.fail(error)

    def _progress_reporter(self) -> Callable[..., None]:
        last = 0.0

        def report(fraction: float | None, message: str = "") -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= PROGRESS_INTERVAL_S:
                last = now
                self.on_main(lambda: self._progressed(fraction, message))

        return report

    def _progressed(self, fraction: float | None, message: str) -> None:
        if self.state.run.phase in (Phase.RUNNING, Phase.LOADING):
            self.state.run.progress = fraction
            self.state.run.message = message or self.state.run.message

    def _tell_left_out(self, found: prompts.CollectedPoints) -> None:
        parts = []
        if found.elsewhere:
            parts.append(f"{found.elsewhere} point(s) on other slices are left out.")
        if found.outside:
            parts.append(f"{found.outside} point(s) outside the image are left out.")
        self.state.task.left_out = " ".join(parts)

    def _nothing_to_ask(self, points: int) -> None:
        self._newest = None
        self._session.cancel()
        self._forget_result()
        self.idle(self.state.task.left_out if points else "Live Points armed. Add a point to start.")

    def _forget_result(self) -> None:
        previews.empty_preview(self.viewer)
        self.state.results.current = None
        self.state.results.rows = ()

    def _begin(self, message: str) -> None:
        run = self.state.run
        run.message, run.hint, run.progress, run.phase = message, "", None, Phase.RUNNING

    def idle(self, message: str) -> None:
        """Say that nothing goes on, and what came last."""
        run = self.state.run
        run.message, run.hint, run.progress, run.phase = message, "", None, Phase.IDLE

    def fail(self, error: AssistantError) -> None:
        """Say what failed and what to do now; nothing else changes."""
        run = self.state.run
        run.message, run.hint, run.progress, run.phase = error.message, error.hint, None, Phase.FAILED
