"""The verbs of a viewer's assistant: choose, run, cancel, clear; and the parts that do the rest.

Everything here runs on the GUI thread. Widgets call these verbs and those of the parts:
``board`` (objects and undo), ``asking``, ``finding`` and ``standby`` (requests and answers), ``live``, ``boxes`` and
``masks`` (prompt layers; ``choice`` says which), ``channels`` and ``roi`` (what is seen), ``listing`` (the table),
``accepting``, ``editing``, ``hover``, ``clearing``, ``saving``, ``model`` (the engine), ``batching`` and
``batch_views`` (many pictures, phrases), ``exemplars``, ``propagation`` and ``glance`` (3D/Video).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import Signal

from napari_sam3_assistant.app.accepting import Accepting
from napari_sam3_assistant.app.asking import Asking
from napari_sam3_assistant.app.batch_views import BatchViews
from napari_sam3_assistant.app.batching import Batching
from napari_sam3_assistant.app.board import Board
from napari_sam3_assistant.app.channels import Channels
from napari_sam3_assistant.app.clearing import Clearing
from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.editing import Editing
from napari_sam3_assistant.app.exemplars import Exemplars
from napari_sam3_assistant.app.finding import Finding
from napari_sam3_assistant.app.following import Following
from napari_sam3_assistant.app.glance import Glance
from napari_sam3_assistant.app.hover import Hover
from napari_sam3_assistant.app.listing import Listing
from napari_sam3_assistant.app.live_points import LivePoints
from napari_sam3_assistant.app.model import ModelController
from napari_sam3_assistant.app.painted_prompts import MaskPrompts
from napari_sam3_assistant.app.parting import Parting
from napari_sam3_assistant.app.prompt_choice import PromptChoice
from napari_sam3_assistant.app.prompt_layers import Boxes
from napari_sam3_assistant.app.propagation import Propagating
from napari_sam3_assistant.app.roi import ActiveRoi
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.app.saving import Saving
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.standby import Standby
from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.app.status import OnMain, Status
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.video_offers import VideoOffers
from napari_sam3_assistant.app.video_output import VideoOutput
from napari_sam3_assistant.app.video_records import VideoRecords
from napari_sam3_assistant.app.video_views import GUIDANCE, frames_line
from napari_sam3_assistant.app.viewer_events import ViewerEvents
from napari_sam3_assistant.core.errors import AssistantError, ImageError
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.layers import blocks, images, previews, world
from napari_sam3_assistant.layers.channels import fitted
from napari_sam3_assistant.samples import napari_samples
from napari_sam3_assistant.tasks.jobs import Task

After = Callable[[float, Callable[[], None]], None]
TASK_NAMES = {
    Task.IMAGE: "2D",
    Task.LIVE_POINTS: "Live Points",
    Task.EXEMPLAR: "Exemplar",
    Task.TEXT: "Text",
    Task.VIDEO: "3D/Video",
}


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
    after : callable
        ``after(seconds, function)`` runs a function on the GUI thread, later.
    """

    menu_asked = Signal(object)
    """Emitted for a right-click in the canvas, with the number of the object under it or None."""

    def __init__(self, viewer: Any, state: AppState, runtime: Runtime, on_main: OnMain, after: After) -> None:
        self.viewer = viewer
        self.state = state
        self.runtime, self.on_main, self.after = runtime, on_main, after
        self.status = Status(state.run, state.activity, on_main)
        self.closed = False
        """Whether the last widget of the viewer is closed."""
        self._unseen = ""
        self.channels: Channels = Channels(self)
        self._session = runtime.session(state.model.in_use)
        self.batch_views: BatchViews = BatchViews(self)
        self.propagation: Propagating = Propagating(self, runtime.session(state.model.in_use))
        self.board: Board = Board(self)
        self.glance: Glance = Glance(self)
        self.listing: Listing = Listing(self, runtime.scheduler)
        self.standby: Standby = Standby(self, self._session, runtime.session(registry.BUILTIN.name))
        self.roi: ActiveRoi = ActiveRoi(self)
        self.asking: Asking = Asking(self)
        self.finding: Finding = Finding(self)
        self.exemplars: Exemplars = Exemplars(self)
        self.batching: Batching = Batching(self, runtime.scheduler, runtime.embeddings)
        self.live: LivePoints = LivePoints(self)
        self.boxes: Boxes = Boxes(self)
        self.masks: MaskPrompts = MaskPrompts(self)
        self.choice: PromptChoice = PromptChoice(self)
        self.accepting: Accepting = Accepting(self, runtime.scheduler)
        self.editing: Editing = Editing(self)
        self.hover = Hover(self)
        self.clearing = Clearing(self)
        self.video_output: VideoOutput = VideoOutput(self, runtime.scheduler)  # before the records: they lie beside it
        self.records: VideoRecords = VideoRecords(self)
        self.offers: VideoOffers = VideoOffers(self)
        self._following = Following(self)
        self.parting = Parting(self, runtime.embeddings)
        self.saving = Saving(self, runtime.scheduler)
        for part in (self.live, self.boxes, self.masks):
            part.attach()
        self.model: ModelController = ModelController(self, self._session, runtime)
        self._events = ViewerEvents(self)
        first = images.active_image(viewer)
        if first is not None:
            self.choose_image(str(first.unique_id), arm=True)

    # -- choosing ---------------------------------------------------------------------------------

    def choose_task(self, task: Task) -> None:
        """Change what is to be done; Live Points and Exemplar make their prompt layer."""
        self.state.task.task = task
        self.describe()
        if not self.status.running:
            self.status.idle(GUIDANCE if task is Task.VIDEO else "Ready")
        self.listing.publish()
        if task not in (Task.IMAGE, Task.VIDEO):
            self.arm()
            self.asking.follow(self.state.run.message)

    def choose_prompt(self, kind: PromptKind) -> None:
        """Change what shows the object in the task ``2D``; its layer is selected if it is there."""
        self.state.task.prompt = kind
        found = self.asking.describe()
        if found is not None and found.layer:
            self.arm()
        self.note_active()

    def choose_image(self, identity: str | None, *, arm: bool = False) -> None:
        """Use the image layer with this unique id; None uses none."""
        task = self.state.task
        layer = images.layer_by_id(self.viewer, identity)
        try:
            source = None if layer is None else self.channels.plain_source_of(layer)
        except AssistantError as error:
            source = None
            self.status.fail(error)
        self._following.watch(layer if source is not None else None)
        if source is None:
            task.image, task.summary = None, ""
            self.channels.look(None)
            self.standby.set_source(None)
            self._look()
            return
        task.image = identity
        blocks.bring_above(self.viewer, layer)
        self.channels.look(layer)
        self.boxes.follow(layer)
        self.standby.set_source(source)
        self.state.output.default_folder = str(self.saving.default_folder())
        if self.state.run.phase is Phase.FAILED:
            self.status.idle("Ready")
        if arm:
            self.arm()
        self._look()

    def use_active_image(self) -> None:
        """Use the image that is selected in the layer list."""
        active = images.active_image(self.viewer)
        if active is None:
            self.status.fail(ImageError("No image is open.", hint="Open one, or try a sample."))
            return
        self.choose_image(str(active.unique_id), arm=True)

    def open_sample(self, key: str = "nuclei") -> None:
        """Add a sample picture, one layer a channel, and use the last one."""
        for data, about, _ in napari_samples.LAYERS[key]():
            layer = self.viewer.add_image(data, **about)
        self.choose_image(str(layer.unique_id), arm=True)

    def arm(self) -> None:
        """Make what one does next in the canvas a prompt: its layer is there, active and adding."""
        if self.state.task.image is None:
            return
        by_kind = {
            PromptKind.POINTS: self.live.arm,
            PromptKind.BOX: self.boxes.arm,
            PromptKind.LABELS: self.masks.arm,
            PromptKind.TEXT: self.finding.arm,
        }
        try:
            by_kind[self.state.task.kind]()
        except AssistantError as error:
            self.status.fail(error)
            return
        self.note_active()
        self.asking.describe()
        self.on_main(self._add_preview)

    def _add_preview(self) -> None:
        """Add the preview layer, still empty, so that the first click need not wait for napari to do so."""
        here = self.here() if not self.closed and self.live.is_live else None
        if here is not None:
            previews.add_empty_preview(self.viewer, here.layer, here.source, here.plane)

    # -- asking -----------------------------------------------------------------------------------

    def run(self) -> None:
        """Ask with the prompts of the kind in use."""
        task = self.state.task
        if task.in_steps:
            self.batching.run()
            return
        if task.task is Task.VIDEO:
            self.propagation.start()
            return
        if self.standby.allow(self.board.place):
            self.board.change(Draft.all_unasked)
            self.prepare()
            if not task.usable:
                return
        self.channels.have_asked_anew()
        if task.task is Task.EXEMPLAR or task.kind is PromptKind.TEXT:
            self.finding.find()
        elif task.kind is PromptKind.POINTS:
            self.asking.points(gone=True, again=True)
        else:
            self.asking.shapes()

    def segment_points(self, *, gone: bool) -> None:
        """Segment what the points ask for; answers to older clicks are dropped."""
        self.asking.points(gone=gone)

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs, preparing included, but for what is done in the background."""
        return self.standby.busy or self.batching.running

    @property
    def encode_ms(self) -> float:
        """How long the last encoding took, in milliseconds, wherever it was done."""
        return self.standby.encode_ms

    def cancel(self) -> None:
        """Stop what runs and drop what waits; masks and prompts stay."""
        if self.status.running:
            self.status.cancelling()
        self.asking.cancel()
        self.model.loading.cancel()
        self.saving.cancel()
        self.batching.cancel()
        self.propagation.cancel()

    def on_screen(self) -> OnScreen | None:
        """Return the image in use as it is on screen, or None if none is in use.

        Raises
        ------
        AssistantError
            If it has no plane that can be segmented.
        """
        layer = images.layer_by_id(self.viewer, self.state.task.image)
        return None if layer is None else self.seen(layer)

    def seen(self, layer: Any) -> OnScreen:
        """Return an image layer, the one in use or another, with its plane at the sliders.

        Raises
        ------
        AssistantError
            If it has no plane there that can be segmented.
        """
        here = world.world_of(self.viewer)
        source = fitted(self.channels.source_of(layer), layer, here, self.channels.told(layer))
        return OnScreen(layer, source, world.plane_on_screen(layer, here, source.shape, source.color_axis), here)

    def here(self) -> OnScreen | None:
        """Return :meth:`on_screen`, or None where there is no plane; the summary says why."""
        try:
            return self.on_screen()
        except AssistantError as error:
            self.state.task.summary = str(error)
            return None

    def here_or_say(self) -> OnScreen | None:
        """Return :meth:`on_screen`, or None where there is no plane; the status line says why."""
        try:
            return self.on_screen()
        except AssistantError as error:
            self.status.fail(error)
            self._unseen = error.message
            return None

    # -- what the viewer tells ----------------------------------------------------------------------

    def view_moved(self) -> None:
        """Show and answer what belongs to the slice that came into view."""
        here = self.here()
        if (here.place if here is not None else None) != self.board.place:
            self._look()
        else:
            self.describe()

    def note_active(self) -> None:
        """Write whether what one does next in the canvas makes a prompt of the kind in use."""
        active, kind = self.viewer.layers.selection.active, self.state.task.kind
        if kind is PromptKind.TEXT:
            self.state.task.armed = True
            return
        if kind is PromptKind.LABELS:
            self.state.task.armed = active is not None and self.masks.holds(active)
            return
        layer = self.live.layer if kind is PromptKind.POINTS else self.boxes.layer
        self.state.task.armed = layer is not None and active is not None and active == layer

    def close(self) -> None:
        """Stop work and let go of everything in the viewer; layers stay as they are."""
        if self.closed:
            return
        self.closed = True
        self.hover.stop()
        self.editing.end()
        self.batching.stop()
        self.board.close()
        self.asking.forget()
        self._events.close()
        self._following.watch(None)
        for part in (self.live, self.boxes, self.masks, self.model, self.finding, self.roi, self.listing, self.saving):
            part.close()
        followed = self.offers, self.video_output, self.records
        for last in (self.exemplars, *followed, self.accepting, self.propagation, self.glance, self.channels):
            last.close()

    # -- telling ----------------------------------------------------------------------------------

    def describe(self) -> None:
        """Write anew what the image in use is called and like, and which prompts a run would use."""
        here, run = self.here(), self.state.run
        if here is not None and run.phase is Phase.FAILED and run.message == self._unseen:
            self.status.idle("Ready")  # what was wrong with the view is mended
        self.roi.look(here)
        self.propagation.look(here)
        if here is not None:
            height, width = here.source.plane_shape(here.plane)
            name = TASK_NAMES[self.state.task.task]
            self.state.task.summary = (
                f"{here.layer.name}: {height} x {width}. Current task: {name}.{frames_line(self.state)}"
            )
        elif self.state.task.image is None:
            self.state.task.summary = ""
        self.channels.describe()
        self.asking.describe()
        self.note_active()

    def _look(self) -> None:
        """Turn to the plane that is on screen now: its masks, its prompts, its embedding."""
        self.hover.stop()
        self.board.absorb()
        here = self.here()
        self.editing.look(here)
        self.board.place = here.place if here is not None else None
        self.board.absorb()  # painted while no widget was open
        self.accepting.publish()
        self.saving.look()
        self.describe()
        if here is None:
            self.board.publish()
            return
        self.board.draw(here)
        if self.live.is_live and self.state.task.usable:
            self.segment_points(gone=False)
        if not self.propagation.moving:
            self.prepare()

    def prepare(self) -> None:
        """Have what is on screen encoded before it is asked about."""
        here = self.here()
        if here is None:
            return
        try:
            self.standby.prepare(here)
        except AssistantError as error:
            self.status.fail(error)
