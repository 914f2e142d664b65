"""Which engine answers, and the model that SAM3 needs: folder, type and device chosen, loaded, given back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import model_hints, server_hints
from napari_sam3_assistant.app.activity import note
from napari_sam3_assistant.app.getting import Getting
from napari_sam3_assistant.app.meta_choice import MetaChoice
from napari_sam3_assistant.app.meta_state import META, MULTIPLEX
from napari_sam3_assistant.app.model_device import Device
from napari_sam3_assistant.app.model_loading import IMAGE, VIDEO, Loading
from napari_sam3_assistant.app.model_report import report
from napari_sam3_assistant.app.model_state import WITH_WEIGHTS, ModelType
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.app.server_choice import ServerChoice
from napari_sam3_assistant.app.server_link import ServerLink
from napari_sam3_assistant.app.server_state import REMOTE
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, ModelFolderError
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines import devices, machine, registry
from napari_sam3_assistant.engines.machine import Machine
from napari_sam3_assistant.engines.registry import Choice
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.tasks.jobs import Job, Kind

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession

WORKER = "folders"
"""Folders are looked into on a thread of their own: a network drive may let one wait."""
SAM3 = registry.SAM3.name
MEANWHILE = "Built-in answers until SAM3 can: {}"
GIVEN_BACK = "SAM3's memory was given back. The next question loads it again."
UNLOADED = "SAM3's memory was given back. Load 2D Model loads it again."
TYPE_CHANGED = "Model type changed; unloaded SAM3 model so it reloads from the selected folder."
SELECTED = "SAM3.1 video multiplex selected. {}."
DROPPED = "Another engine answers now: the search that was waiting was dropped. Run Preview searches again."
LOOKING = "Built-in: the model folder is being looked into"


class ModelController:
    """Chooses the engine that answers, and the folder that SAM3 is loaded from.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
        Whose engine it is.
    runtime : Runtime
    """

    def __init__(self, controller: AppController, session: ImageSession, runtime: Runtime) -> None:
        self._controller, self._session, self._runtime = controller, session, runtime
        self._state = controller.state.model
        self._used: tuple[str, Path | None, str, str, str] = (session.engine.name, None, devices.AUTO, "", "")
        self._validating = False
        self._looker = f"{session.name}-folder"
        self._newest: Future[ModelFolder] | None = None
        self._machine: Machine = machine.look()
        self._device = Device(controller, runtime, self._choose)
        self.install_command = self.install_size = ""
        """The line for a terminal that installs what SAM3 lacks on this machine; and how much that takes, if much."""
        self.getting: Getting = Getting(controller, runtime.scheduler, self._got)
        self.loading: Loading = Loading(controller, session, runtime.scheduler)
        self.server: ServerChoice = ServerChoice(controller, runtime.scheduler, self._use_server)
        self.meta: MetaChoice = MetaChoice(controller, runtime, self._choose)
        self.link: ServerLink = ServerLink(controller, session, runtime)
        runtime.changed.connect(self._engine_changed)
        self._held = (self._state.events.load_on_run, controller.state.task.events.advanced)
        for said in self._held:
            said.connect(self._holding_changed)
        self.look_again()
        if self._state.in_use == REMOTE:  # a server that was used last time is not asked before somebody segments
            controller.standby.rest()
        self._device.tell_if_gone()

    # -- choosing ---------------------------------------------------------------------------------

    def choose_engine(self, name: str) -> None:
        """Use engine ``name``, or for ``auto`` the best one there is; says which and why.

        SAM3 may be chosen before it can be used: until then the built-in engine answers.
        """
        self._state.engine = name
        self._choose()

    def want_engine(self, name: str) -> None:
        """Use engine ``name``, as the user asks; a server once it is chosen, of SAM3 show how to get it if need be.

        Meta's package, where no Python is known that has it, once one is chosen.
        """
        if name == REMOTE:
            self.server.ask(True)
            return
        if name == META and not self.meta.there:
            self.meta.ask(True)
            return
        self.choose_engine(name)
        model = self._state
        if name == SAM3 and model.in_use != SAM3 and not model.looking and not model.multiplex:
            self.ask(True)

    def choose_folder(self, folder: Path) -> None:
        """Load SAM3 from ``folder`` from now on; what is in it is said as soon as it has been looked into."""
        if str(folder) != self._state.folder:
            self._state.folder, self._state.known = str(folder), None
            note(self._controller.state.activity, f"Selected model directory: {folder}")
            self._give_back()
        self.look_again()

    def choose_type(self, kind: ModelType) -> None:
        """Mean this release of the model from now on."""
        if kind is self._state.model_type:
            return
        told = [TYPE_CHANGED] if self._state.loaded else []
        self._state.model_type = kind
        self._give_back()
        self._choose()
        if self._state.multiplex:
            told.append(SELECTED.format(model_hints.MULTIPLEX))
        for line in told:  # the last one stays to be seen, all are in the log
            self._controller.asking.tell(line)

    def choose_device(self, name: str) -> None:
        """Run SAM3 on this device, by its name, from the next question on."""
        self._device.choose(name)
        self._note_engine()

    def ask(self, shown: bool) -> None:
        """Show or hide the panel ``Get SAM3``. Hiding it ends a download; what has come is kept."""
        if shown:
            self.look_again()
        else:
            self.getting.cancel()
        self._state.asking = shown

    def look_again(self) -> None:
        """Look into the model folder, and what else SAM3 needs; what is there may have changed."""
        self._see_machine()
        if not self._state.folder:
            self._newest = None
            self._known(None)
            return
        folder = Path(self._state.folder)
        self._state.looking = True
        if self._state.known is None:
            self._choose()

        def run(progress: Progress, cancel: CancelToken) -> ModelFolder:
            return ModelFolder.inspect(folder)

        future = self._runtime.scheduler.submit(
            Job(WORKER, run), session=self._looker, kind=Kind.DECODE, key=self._looker
        )
        self._newest = future
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._looked(done)))

    def validate(self) -> None:
        """Look into the model folder anew, and say what is there, what each kind of task needs, and what is wrong."""
        self._validating = True
        self._device.look_again()
        self.look_again()

    def load_image(self) -> None:
        """Bring SAM3 into memory, for 2D tasks; it serves the others too."""
        self.loading.start(IMAGE)

    def load_video(self) -> None:
        """Bring SAM3 into memory, for 3D and video; it serves the other tasks too."""
        self.loading.start(VIDEO)

    def ready(self, told: str) -> None:
        """Say that SAM3 was loaded, and have it read what is on screen and answer what nobody has."""
        self._note_engine()
        self._controller.standby.allow()
        self._controller.asking.follow()
        self._controller.asking.tell(told)
        self._controller.prepare()

    def unload(self, told: str = "") -> None:
        """Give SAM3's memory back, and say so, or what is ``told``; the next question loads it again, if it may."""
        told = told or (GIVEN_BACK if self._controller.state.loads_when_running else UNLOADED)
        self._controller.cancel()
        self._controller.standby.rest()
        done = self._give_back()
        done.add_done_callback(lambda _: self._controller.on_main(lambda: self._unloaded(told)))

    def follower(self) -> EngineHandle | None:
        """Return the engine that follows objects, where another one answers about single pictures; None where not."""
        return self.meta.follower()

    def end(self) -> None:
        """End the process of the engine in use, or leave its server, whatever it does; the next question starts it."""
        self._runtime.end(self._session.engine.name)

    def close(self) -> None:
        """Stop work, a download too."""
        for part in (self.getting, self.loading, self.server, self.meta, self.link):
            part.close()
        for said in self._held:
            said.disconnect(self._holding_changed)
        self._runtime.changed.disconnect(self._engine_changed)

    # -- what there is ----------------------------------------------------------------------------

    def _looked(self, future: Future[ModelFolder]) -> None:
        if future is not self._newest or self._controller.closed:
            return
        try:
            self._known(future.result())
        except (Cancelled, CancelledError):
            self._state.looking = self._validating = False

    def _known(self, known: ModelFolder | None) -> None:
        self._state.looking, self._state.known = False, known
        self._choose()
        if self._validating:
            self._validating = False
            self._report()

    def _report(self) -> None:
        """Say what was found in the folder; the particulars are in the log."""
        found, controller = report(self._state, self._controller.state.meta), self._controller
        for line in found.lines:
            note(controller.state.activity, line)
        if found.problem:
            controller.status.fail(ModelFolderError(found.text, hint=found.hint))
        elif not controller.status.running:
            controller.status.idle(f"{found.text} {found.hint}".strip())

    def _choose(self) -> None:
        """Decide which engine answers, by what is wanted and what is there."""
        model, server = self._state, self._controller.state.server
        if model.engine == REMOTE and not server.address:
            choice = Choice(registry.BUILTIN.name, registry.BUILTIN.title, server_hints.NONE_CHOSEN)
        else:
            model.todo, model.weights = "", self._meant()
            choice = self._best() if model_hints.wanted(model) else self._named(model.engine)
        self._use(choice.name, server_hints.line(server) if choice.name == REMOTE else choice.reason)

    def _use_server(self, address: str) -> None:
        """Have the engine of a server answer, and connect to it: its address or token may be another one."""
        self.choose_engine(REMOTE)
        if self._state.in_use == REMOTE:
            self.link.begin()
            self.link.connect()

    def _best(self) -> Choice:
        """Return SAM3 where it can be used, else the built-in engine and why."""
        model = self._state
        if model.looking and model.known is None:
            return Choice(registry.BUILTIN.name, registry.BUILTIN.title, LOOKING)
        if model.multiplex or model.engine == META:
            return self.meta.best()
        why_not = model_hints.lacking(model) or (model.known or registry.NO_FOLDER).why_not
        if model.engine == SAM3 and why_not:
            return Choice(registry.BUILTIN.name, registry.BUILTIN.title, MEANWHILE.format(why_not))
        if model.lacks and model.folder:
            return Choice(registry.BUILTIN.name, registry.BUILTIN.title, f"Built-in: {why_not}")
        return registry.choose(registry.AUTO, model.known)

    def _named(self, name: str) -> Choice:
        try:
            return registry.choose(name)
        except AssistantError as error:  # remembered from another installation, perhaps
            self._controller.status.fail(error)
            self._state.engine = registry.AUTO
            return self._best()

    def _use(self, name: str, reason: str) -> None:
        model = self._state
        folder = model.known.path if name in WITH_WEIGHTS and model.known is not None else None
        interpreter = self._controller.state.meta.interpreter if name == META else ""
        device = model.computes_on if folder is not None else devices.AUTO
        server = self._controller.state.server.address if name == REMOTE else ""
        model.in_use, model.reason = name, reason
        used = name, folder, device, server, interpreter
        if self._used == used:
            return
        same = (*self._used[:2], *self._used[3:]) == (name, folder, server, interpreter)
        self._used, before = used, self._session.engine
        searched = self._controller.asking.searches
        self.loading.cancel()
        if before.slow:  # what it still works on is of no use
            self._controller.asking.forget()
        self._session.engine = self._runtime.handle(name, folder, device, server=server, interpreter=interpreter)
        if folder is not None and before.name in WITH_WEIGHTS and before.name != name:
            self._runtime.unload(before.name)  # there is room for one model
        if REMOTE in (before.name, name):
            self._runtime.unload(REMOTE)  # it hangs up, or is made for another server
            self.link.begin()
        if same:  # on another device it gives the same answers: it is loaded there when it is asked next
            self._controller.standby.rest()
            return
        self._ask_again()
        if before.slow:
            self._controller.asking.follow(DROPPED if searched else "Ready")

    def _ask_again(self) -> None:
        """Have the engine in use read what is on screen, and answer about the selected object."""
        controller = self._controller
        controller.standby.allow()
        selected = controller.board.draft.selected
        if selected is not None:
            controller.board.change(lambda draft: draft.unasked(selected))
            controller.segment_points(gone=False)
        controller.prepare()

    def _see_machine(self) -> None:
        """Note which packages SAM3 lacks, and on what it would run."""
        model, self._machine = self._state, machine.look()
        model.missing, model.outdated = machine.missing_packages(), machine.old_packages()
        self.install_command = machine.install_command(self._machine, model.lacks) if model.lacks else ""
        self.install_size = machine.install_size(self._machine, model.missing)
        self.meta.refresh()
        self._note_engine()

    def _meant(self) -> str:
        """Return the engine whose model is meant; the one before, where an engine without one here is."""
        model = self._state
        if not model_hints.wanted(model):
            return model.weights
        return MULTIPLEX if model.multiplex else META if model.engine == META else SAM3

    def _give_back(self) -> Future[None]:
        """Give back the memory of every engine with a model here; the future is of the one that is meant."""
        done = {name: self._runtime.unload(name) for name in (*WITH_WEIGHTS, MULTIPLEX)}
        return done[self._state.weights]

    def _got(self, folder: Path) -> None:
        """Use what was downloaded: that is SAM3.0."""
        self.choose_type(ModelType.SAM3)
        self.choose_folder(folder)

    def _holding_changed(self) -> None:
        """Have SAM3 read what is on screen, now that a question may load it; or have it not be read."""
        if not self._controller.closed:
            self._controller.prepare()

    # -- what the engine tells --------------------------------------------------------------------

    def take_note(self, error: AssistantError, again: Callable[[], None] | None = None) -> AssistantError:
        """Return what to say of an error; a device that is not there is given up, and ``Automatic`` used.

        Where a server could not be reached, ``again`` is called once it is back.
        """
        self.link.take_note(error, again)
        return self._device.take_note(error)

    def _engine_changed(self, name: str) -> None:
        """Take note, on any thread."""
        self._controller.on_main(self._note_engine)

    def _unloaded(self, told: str) -> None:
        if not self._controller.closed and not self._controller.status.running:
            self._controller.status.idle(told)

    def _note_engine(self) -> None:
        if self._controller.closed:
            return
        can = self._runtime.loaded(self._state.weights)
        self._state.loaded = can is not None
        self._device.note(self._machine, can)
        self.link.note()
