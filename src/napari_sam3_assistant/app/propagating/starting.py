"""Starting, and going on: what is said is gathered, checked and given, and a run is made of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.propagating import begin, words
from napari_sam3_assistant.app.propagating.kept import Kept
from napari_sam3_assistant.app.propagating.said import Gathering
from napari_sam3_assistant.app.propagating.saying import Heard, Saying
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.status import unexpected
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.tracks_layer import TracksLayer
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, ImageError, PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Query
from napari_sam3_assistant.tasks.frames import Through
from napari_sam3_assistant.tasks.session import EngineHandle
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.volumes import AnyRun, Film

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import ImageSession

Go = Callable[[OnScreen, Film, AnyRun | None, Sequence[Plane], str], None]
"""Shows what was said, and goes through the frames."""


class Starting:
    """Makes runs.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
    kept : Kept
    layer : TracksLayer
    go : callable
        ``go(here, video, run, planes, said)`` begins with a run, or, where there is none to do, shows the planes.
    """

    def __init__(
        self, controller: AppController, session: ImageSession, kept: Kept, layer: TracksLayer, go: Go
    ) -> None:
        self._controller, self._session, self._kept, self._layer, self._go = controller, session, kept, layer, go
        self._task = controller.state.task
        self.frames = range(0)
        """Those that are wanted."""
        self.preparing = False
        """Whether labels are being drawn to their outlines."""

    def attempt(self, do: Callable[[], None]) -> None:
        """Do something; what fails is said."""
        try:
            do()
        except (AssistantError, MemoryError) as error:
            said = error if isinstance(error, AssistantError) else unexpected(error, "Close other layers.")
            self._controller.status.fail(said)

    def start(self, here: OnScreen, through: Through) -> None:
        """Begin a session with what is said on any frame."""
        frame, count = here.plane.position(through.axis) or 0, here.source.shape[through.axis]
        self.frames = words.check_range(self._task.first_frame, self._task.last_frame, count)
        gathered = Gathering(self._controller, here, through, Heard(), None)
        query = self._query()
        if query is not None:
            engine = begin.follower(self._controller, words=True)
            begin.check_words(query, engine, through)
            words.inside_words(frame, self.frames)
            self._use(here, engine)
            self._begin(here, through, gathered.sayings, "", query)
            return
        sayings, left_out = words.inside(gathered.sayings, self.frames, frame)
        if not sayings and gathered.using is not None:
            self._controller.asking.nothing_to_run_with(gathered.using)
            return
        self._prepare(here, sayings, (), lambda ready: self._begin(here, through, ready, left_out))

    def _prepare(
        self,
        here: OnScreen,
        sayings: Sequence[Saying],
        known: Collection[int],
        then: Callable[[list[Saying]], None],
    ) -> None:
        """Check what is said, and have rough labels drawn to their outlines; then go on."""
        engine = begin.follower(self._controller)
        begin.check(sayings, engine, known)
        self._use(here, engine)

        def ready(drawn: list[Saying]) -> None:
            self.preparing = False
            self.attempt(lambda: then(drawn))

        self.preparing = True
        begin.outline(self._session, self._controller.on_main, sayings, ready, self._unprepared)

    def _use(self, here: OnScreen, engine: EngineHandle) -> None:
        """Let an engine look at what is on screen."""
        self._session.engine, self._session.rule = engine, self._task.rule
        self._session.set_source(here.source)

    def _query(self) -> Query | None:
        """Return the words that are in use; None where there are none."""
        phrases = self._task.phrases if self._task.kind is PromptKind.TEXT else ()
        return Query(phrases) if phrases else None

    def _unprepared(self, error: BaseException) -> None:
        self.preparing = False
        if isinstance(error, (Cancelled, CancelledError)):
            self._controller.status.idle("Cancelled.")
        else:
            self._controller.status.fail(error if isinstance(error, AssistantError) else unexpected(error))

    def _begin(
        self,
        here: OnScreen,
        through: Through,
        sayings: Sequence[Saying],
        left_out: str,
        query: Query | None = None,
    ) -> None:
        """Begin with what was said, or with words: what else is on screen is left as it is then."""
        frame, before = here.plane.position(through.axis) or 0, self._controller.board.snapshot()
        video = begin.new_film(self._controller, here, through, query or sayings)
        planes = begin.give(video, () if query is not None else sayings)
        run = self._run_of(video, sayings)
        self._layer.begin(here, video.tracks, video.numbers)
        self._controller.board.step("3D propagation", before)
        heard, self._kept.number = Heard(), self._kept.number + 1
        heard.hear(sayings)
        self._kept.take_up(video, heard, open=True)
        more = words.elsewhere(() if query is not None else sayings, here.plane, through)
        self._controller.status.log(words.READY.format(self._kept.number))
        self._go(here, video, run, planes, " ".join(filter(None, (words.STARTED.format(frame), more, left_out))))

    def _run_of(self, video: Film, sayings: Sequence[Saying]) -> AnyRun | None:
        """Return a run over what is left; None where all was said.

        Raises
        ------
        PromptError
            If there is nothing to do, and nothing new to see.
        """
        try:
            return video.run(self._task.direction, frames=self.frames, ahead=self._session.read_ahead)
        except PromptError:
            if len({one.plane for one in sayings}) < 2:
                raise
            return None

    def go_on(self, here: OnScreen) -> None:
        """Go on with the session, with what was said since."""
        video = self._kept.video
        if video is None:
            return
        self._layer.check(here)
        self._kept.absorb()
        query = self._query()
        if query is not None and query != (video.query if isinstance(video, Video) else None):
            raise PromptError(words.OTHER_WORDS, hint="Press Start 3D: it looks for them on every frame.")
        frame = video.tracks.frame_of(here.place) or 0
        self.frames = words.check_range(self._task.first_frame, self._task.last_frame, video.count)
        gathered = Gathering(self._controller, here, _through(video), self._kept.heard, video.tracks)
        sayings, left_out = words.inside(gathered.sayings, self.frames, frame)
        known = video.tracks.ids
        self._prepare(here, sayings, known, lambda ready: self._correct(here, video, ready, left_out))

    def _correct(self, here: OnScreen, video: Film, sayings: Sequence[Saying], left_out: str) -> None:
        if video is not self._kept.video:
            return
        before = self._controller.board.snapshot()
        try:
            planes = begin.give(video, sayings)
            run = self._run_of(video, sayings)
        except AssistantError:
            if sayings:  # the first of several may have been taken
                self._kept.bring_back(before.followed)
            raise
        self._controller.board.step("Correct the propagation" if sayings else "3D propagation", before)
        self._kept.heard.hear(sayings)
        self._go(here, video, run, planes, " ".join(filter(None, (words.GOES_ON.format(self._kept.number), left_out))))

    def resume(self, video: Video) -> None:
        """Take up a video that was recorded, as one step; what of its prompts is there is not said again.

        Raises
        ------
        AssistantError
            If its picture is not on screen, or the layer cannot be made.
        """
        here = self._controller.on_screen()
        if here is None or here.source.identity != video.tracks.image:
            raise ImageError("The picture is not in use any more.", hint="Choose it, and try again.")
        self._controller.board.step("Resume the propagation")
        self._layer.show(here, video.tracks)
        gathered = Gathering(self._controller, here, _through(video), Heard(), video.tracks)
        heard, self._kept.number = Heard(), self._kept.number + 1
        heard.hear(one for one in gathered.sayings if one.plane in video.prompted)
        self._session.set_source(here.source)
        self._kept.take_up(video, heard, open=True)
        self._controller.status.log(words.READY.format(self._kept.number))


def _through(video: Film) -> Through:
    """Return what is gone through."""
    return Through("", video.axis, video.tracks.over)
