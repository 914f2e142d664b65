"""What ``availability`` says is what is drawn: of every control of both modes, in every situation.

A control that is not told of here fails, and so does one that cannot be used and does not say why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QWidget

from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.model_state import ModelType
from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource, PromptKind
from napari_sam3_assistant.app.views import Action, Availability
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets.main_widget import MainWidget
from tests.conftest import squares
from tests.e2e.controls import named
from tests.e2e.hands import add_box

FOLDER = Path("/models/sam3")
CHOICE = "what it chooses can be chosen at any time"
TYPED = "what is typed is kept until it is of use"
LOOK = "it shows or explains, and changes nothing else"
Seen = Callable[[Availability, AppState], bool]


@dataclass(frozen=True)
class Drawn:
    """How a control is drawn.

    Attributes
    ----------
    action : str
        Where :class:`Availability` has its :class:`Action`; empty where it is always enabled.
    shown : callable
        Whether it is on its page, of what is drawn and of the state.
    always : str
        Why it is always enabled, where it is.
    """

    action: str = ""
    shown: Seen = lambda can, state: True
    always: str = ""


def told(path: str) -> Seen:
    """Return what looks up whether a control is shown."""
    return lambda can, state: bool(attrgetter(path)(can))


def frames(place: str, shown: Seen) -> dict[str, Drawn]:
    """Return the controls of the frames that are gone through."""
    actions = {"first": "span", "last": "span", "all": "every", "follow": "follow"}
    return {
        f"{place}.axis": Drawn("frames.along", lambda can, state: shown(can, state) and len(can.frames.axes) > 1),
        **{f"{place}.{one}": Drawn(f"frames.{action}", shown) for one, action in actions.items()},
    }


def glance(place: str) -> dict[str, Drawn]:
    """Return the strip and the way to doubtful frames."""
    return {
        f"{place}.strip": Drawn(always=LOOK, shown=told("glance.shown")),
        **{f"{place}.{one}": Drawn(f"glance.{one}", told("glance.shown")) for one in ("previous", "next")},
    }


def shared(image: str, tuning: str, prompt: str, run: str, results: str, table: str) -> dict[str, Drawn]:
    """Return the controls that both modes have, at their places."""
    large = told("window.shown")
    return {
        f"{image}.image": Drawn(always=CHOICE),
        f"{image}.refresh": Drawn(always=CHOICE),
        f"{image}.limits": Drawn("channels.limits"),
        f"{image}.channels.mode": Drawn(always=CHOICE, shown=told("channels.names")),
        **{f"{image}.channels.colours[{k}]": Drawn(always=CHOICE, shown=_in_colour) for k in range(3)},
        f"{image}.window.local": Drawn(always=CHOICE, shown=large),
        f"{image}.window.side": Drawn(always=CHOICE, shown=lambda can, state: can.window.shown and can.window.sizes),
        f"{image}.window.whole": Drawn(
            always=CHOICE, shown=lambda can, state: can.window.more and not can.window.sizes
        ),
        f"{prompt}.create": Drawn("prompt.create", _everywhere_or(prompt, "prompt.layer")),
        **{
            f"{prompt}.objects.{one}": Drawn(f"objects.{one}")
            for one in ("previous", "next", "begin", "delete", "reading", "undo", "redo")
        },
        **{f"{run}.{one}": Drawn(f"run.{one}") for one in ("run", "cancel", "clear_preview")},
        f"{run}.go_on": Drawn("run.go_on", _everywhere_or(run, "run.video")),
        f"{run}.mask_ops": Drawn(always=LOOK),
        **{
            f"{results}.accepting.{one}": Drawn(f"results.{one}")
            for one in ("accept_clear", "accept_only", "undo_accept")
        },
        f"{results}.accepting.edit": Drawn("results.edit", told("results.edit_text")),
        **{f"{results}.saving.{one}": Drawn(always=TYPED) for one in ("folder", "format", "filename", "choose")},
        f"{results}.saving.while_running": Drawn(always=CHOICE, shown=told("results.while_running")),
        f"{results}.saving.everywhere": Drawn(always=CHOICE, shown=told("results.everywhere")),
        **{f"{results}.saving.{one}": Drawn(f"results.{one}") for one in ("save", "save_clean", "save_labels")},
        f"{results}.saving.unload": Drawn(always=CHOICE, shown=told("results.unload")),
        f"{results}.saving.open_folder": Drawn("results.open_folder", told("results.saved")),
        f"{table}.table": Drawn(always=LOOK, shown=told("table.shown")),
        f"{table}.all_planes": Drawn(always=CHOICE, shown=told("table.shown")),
        f"{table}.copy": Drawn("table.copy", told("table.shown")),
        f"{table}.export": Drawn("table.export", told("table.shown")),
    }


def _everywhere_or(part: str, path: str) -> Seen:
    """Return what shows a control in Advanced always, in Simple where a view says so."""
    return lambda can, state: part.startswith("advanced") or bool(attrgetter(path)(can))


def _in_colour(can: Availability, state: AppState) -> bool:
    return bool(can.channels.names) and can.channels.mix is not None


def _log(can: Availability, state: AppState) -> bool:
    return state.activity.shown


KINDS = told("prompt.kinds")
DRAWN = {
    "top.engine": Drawn(always=CHOICE),
    "top.modes[False]": Drawn(always=LOOK),
    "top.modes[True]": Drawn(always=LOOK),
    "top.keys": Drawn(always=LOOK),
    "top.sound": Drawn(always=CHOICE),
    "top.model.folder": Drawn("model.folder", lambda can, state: not can.model.remote),
    "top.model.get": Drawn("model.get", told("model.offer")),
    "top.model.unload": Drawn("model.unload", lambda can, state: not can.model.offer and not can.model.remote),
    "top.model.builtin": Drawn("model.builtin", told("model.alone")),
    "top.model.server": Drawn("model.server", told("model.remote")),
    "top.model.python": Drawn("model.python", told("model.of_meta")),
    "top.choices.type": Drawn(always=CHOICE, shown=told("model_step.shown")),
    "top.choices.device": Drawn(always=CHOICE, shown=told("model_step.shown")),
    **shared("simple.setup", "simple.prompt", "simple.prompt", "simple.run", "simple.results", "simple.records.table"),
    **{f"simple.setup.tasks[{one.value}]": Drawn(always=CHOICE) for one in Task},
    "simple.setup.channels.axis": Drawn(always=CHOICE, shown=told("channels.axis")),
    "simple.setup.direction": Drawn("video.direction", told("video.on")),
    "simple.setup.open_frames": Drawn(always=LOOK, shown=told("video.on")),
    **frames("simple.setup.frames", lambda can, state: can.video.on and Section.FRAMES in state.panel.opened),
    **glance("simple.results.glance"),
    **{
        f"simple.prompt.kinds.buttons[{one.value}]": Drawn(always=CHOICE, shown=KINDS)
        for one in PromptKind
        if one is not PromptKind.TEXT
    },
    "simple.prompt.kinds.buttons[text]": Drawn("video.words", KINDS),
    "simple.prompt.polarity": Drawn(always=CHOICE, shown=told("prompt.next_point")),
    "simple.prompt.box_polarity": Drawn(always=CHOICE, shown=told("prompt.next_box")),
    "simple.prompt.text": Drawn(always=TYPED, shown=told("prompt.words")),
    "simple.prompt.threshold": Drawn(always=CHOICE, shown=told("prompt.threshold")),
    "simple.prompt.reset": Drawn("prompt.reset"),
    "simple.run.clear_results": Drawn("run.clear_results"),
    "simple.records.open_table": Drawn(always=LOOK),
    "simple.records.open_log": Drawn(always=LOOK),
    "simple.records.log_panel.copy": Drawn(always=LOOK, shown=_log),
    **shared(
        "advanced.task", "advanced.task.tuning", "advanced.prompts", "advanced.run.run", "advanced.run",
        "advanced.results.table",
    ),
    **{
        f"advanced.model.{one}": Drawn(f"model_step.{one}")
        for one in ("validate", "load_image", "load_video", "unload")
    },
    "advanced.model.load_on_run": Drawn(always=CHOICE),
    "advanced.task.task": Drawn(always=CHOICE),
    "advanced.task.batch": Drawn("batch.images"),
    **{f"advanced.task.exemplar.{one}": Drawn(f"exemplar.{one}") for one in ("source", "image", "region")},
    "advanced.task.tuning.axis": Drawn(always=CHOICE),
    "advanced.task.tuning.threshold": Drawn("guide.threshold"),
    "advanced.task.tuning.direction": Drawn("video.direction"),
    "advanced.task.tuning.diagnostics": Drawn("video.diagnostics"),
    **frames("advanced.task.tuning.frames", lambda can, state: True),
    **glance("advanced.results.glance"),
    "advanced.prompts.kind": Drawn("guide.kind"),
    "advanced.prompts.polarity": Drawn("guide.next_point"),
    "advanced.prompts.box_polarity": Drawn("guide.next_box"),
    "advanced.prompts.apply": Drawn("guide.apply"),
    "advanced.prompts.text": Drawn("guide.words"),
    "advanced.prompts.lines": Drawn("batch.lines"),
    **{f"advanced.prompts.layers.{one}": Drawn(always=CHOICE) for one in ("points", "shapes", "labels")},
    "advanced.prompts.layers.refresh": Drawn("guide.refresh"),
    "advanced.prompts.clear": Drawn("guide.clear"),
    "advanced.results.clear_results": Drawn("run.clear_results"),
    "advanced.log_panel.copy": Drawn(always=LOOK),
    "advanced.task.section.opener": Drawn(always=LOOK),
    "advanced.prompts.section.opener": Drawn(always=LOOK),
    **{
        f"advanced.sections[{one.value}].opener": Drawn(always=LOOK)
        for one in Section
        if one not in (Section.TUNING, Section.LAYERS, Section.FRAMES)
    },
}  # fmt: skip
"""How every control is drawn."""

ALL = ("points", "boxes", "masks", "text", "exemplars", "video")
WHOLE = ModelFolder(FOLDER, tasks=ALL, tokenizer="tokenizer.json")
MUTE = replace(WHOLE, tasks=("points", "boxes", "masks", "video"), tokenizer="", missing=("tokenizer.json",))
MULTIPLEX = ModelFolder(FOLDER, Kind.SAM31, problem="Not run.", multiplex=FOLDER / "sam3.1_multiplex.pt")
SAM3 = {
    "engine": "auto", "in_use": "sam3", "folder": str(FOLDER), "known": WHOLE, "loaded": True, "runs_on": "CPU",
    "model_type": ModelType.SAM3, "load_on_run": True, "missing": (), "can": None,
}  # fmt: skip
ENGINES: dict[str, dict[str, Any]] = {
    "built-in": {**SAM3, "engine": "builtin", "in_use": "builtin", "folder": "", "known": None, "loaded": False},
    "SAM3": SAM3,
    "SAM3 without a tokenizer": {**SAM3, "known": MUTE},
    "SAM3.1": {**SAM3, "in_use": "builtin", "known": MULTIPLEX, "loaded": False, "model_type": ModelType.SAM31},
    "a server": {**SAM3, "engine": "remote", "in_use": "remote", "loaded": False, "runs_on": ""},
    "a server that reads": {
        **SAM3,
        "engine": "remote",
        "in_use": "remote",
        "loaded": False,
        "runs_on": "",
        "can": Capabilities(text=True),
    },
    "SAM3 not loaded": {**SAM3, "loaded": False, "runs_on": "", "load_on_run": False},
}


@pytest.fixture
def widget(make_napari_viewer_proxy, qtbot):
    """A widget on two pictures. Its engine is the built-in one, whatever the tests make the state say."""
    viewer = make_napari_viewer_proxy()
    for name in ("other", "cells"):
        viewer.add_image(squares(), name=name)
    made = MainWidget(viewer)
    qtbot.addWidget(made)
    made.state.panel.opened = frozenset(Section)
    made.state.results.table = True
    settle()
    return made


def settle() -> None:
    """Let what follows a change of the state be done, and be drawn."""
    for _ in range(3):
        QApplication.processEvents()


def controls(widget: MainWidget) -> dict[str, QWidget]:
    """Return every control of both modes."""
    parts = (("top", widget.top), ("simple", widget.simple), ("advanced", widget.advanced))
    return dict(pair for path, part in parts for pair in named(part, path))


def differences(widget: MainWidget, there: dict[str, QWidget], tips: dict[str, dict[bool, set[str]]]) -> list[str]:
    """Return what is drawn otherwise than it should be, of the strip and the mode in use; note tips."""
    state, wrong = widget.state, []
    can = availability(state)
    page = "advanced" if state.task.advanced else "simple"
    for path, one in there.items():
        if not path.startswith(("top", page)):
            continue
        drawn = DRAWN[path]
        action = attrgetter(drawn.action)(can) if drawn.action else Action(True, "")
        within = getattr(widget, path.split(".")[0])
        if one.isVisibleTo(within) != bool(drawn.shown(can, state)):
            wrong.append(f"{path}: {'shown' if one.isVisibleTo(within) else 'hidden'}")
        if one.isEnabled() != action.enabled:
            wrong.append(f"{path}: {'enabled' if one.isEnabled() else 'disabled'}, {action}")
        if action.tip not in one.toolTip():
            wrong.append(f"{path}: says {one.toolTip()!r}, not {action.tip!r}")
        tips[path][one.isEnabled()].add(action.tip)
    return wrong


def test_every_control_is_drawn_as_availability_says_in_every_situation(widget):
    there, state = controls(widget), widget.state
    assert set(there) == set(DRAWN), (set(there) - set(DRAWN), set(DRAWN) - set(there))
    assert all(bool(one.action) != bool(one.always) for one in DRAWN.values())
    tips: dict[str, dict[bool, set[str]]] = defaultdict(lambda: {True: set(), False: set()})
    wrong: dict[str, list[str]] = {}

    for engine, advanced in product(ENGINES, (False, True)):
        for name, value in ENGINES[engine].items():
            setattr(state.model, name, value)
        state.task.advanced = advanced
        for task, kind in product(Task, PromptKind):
            state.task.task, state.task.prompt = task, kind
            settle()
            found = differences(widget, there, tips)
            if found:
                wrong[f"{engine}, {'Advanced' if advanced else 'Simple'}, {task}, {kind}"] = found

    assert not wrong, "\n".join(f"{where}: {what}" for where, many in wrong.items() for what in many[:5])
    alike = {path: both[True] & both[False] for path, both in tips.items() if both[True] & both[False]}
    assert not alike, "these say the same whether they can be used or not"
    silent = [path for path, both in tips.items() if DRAWN[path].action and "" in both[True] | both[False]]
    assert not silent
    assert sum(bool(both[False]) for both in tips.values()) > 40, "too little was ever disabled"


# -- nothing hidden takes effect ------------------------------------------------------------------


def next_job(widget: MainWidget) -> tuple[Any, ...]:
    """Return what the next run would ask, of what, with which engine."""
    controller, task = widget.controller, widget.state.task
    found = controller.asking.describe()
    query: Any = ()
    if task.task is Task.EXEMPLAR:
        asked = controller.finding.query(found) if found.count else None
        crop = None if asked is None or asked.crop is None else asked.crop
        where = None if crop is None else (crop.source.identity, crop.plane, crop.box, crop.zoom)
        query = None if asked is None else (asked.exemplars, where)
    elif task.kind is PromptKind.TEXT:
        query = tuple(one.text for one in task.phrases)
    source = controller.here().source
    seen = source.identity, source.shape, source.channel_axis, source.limits, task.mix
    using = found.count, found.text, dict(found.points), len(found.shapes), query
    held = widget.state.held_back, widget.state.diagnoses
    return *seen, *using, task.kind, task.rule, task.threshold, task.batches, task.direction, *held


def in_task(task: Task) -> Callable[[MainWidget], None]:
    return lambda widget: setattr(widget.state.task, "task", task)


def exemplar_with_box(widget: MainWidget) -> None:
    widget.controller.choose_task(Task.EXEMPLAR)
    add_box(widget.controller.viewer.layers[names.BOXES], 18, 18, 52, 52)


def with_crop(widget: MainWidget) -> None:
    exemplar_with_box(widget)
    widget.controller.viewer.add_image(np.array(squares()[:60, :60]), name="third")
    widget.controller.choose_image(str(widget.controller.viewer.layers["cells"].unique_id))
    widget.state.task.exemplar_source = ExemplarSource.CROP
    widget.state.task.crop_image = str(widget.controller.viewer.layers["other"].unique_id)


def third_as_crop(widget: MainWidget) -> None:
    widget.state.task.crop_image = str(widget.controller.viewer.layers["third"].unique_id)


def set_to(part: str, field: str, value: object) -> Callable[[MainWidget], None]:
    return lambda widget: setattr(getattr(widget.state, part), field, value)


def sam3_not_loaded(widget: MainWidget) -> None:
    for name, value in {**SAM3, "loaded": False, "runs_on": ""}.items():
        setattr(widget.state.model, name, value)


def sam31_on_frames(widget: MainWidget) -> None:
    widget.state.model.model_type = ModelType.SAM31
    in_task(Task.VIDEO)(widget)


HIDDEN: dict[str, tuple[Callable[[MainWidget], None], Callable[[MainWidget], None]]] = {
    "advanced.task.batch": (in_task(Task.IMAGE), set_to("task", "batch", True)),
    "advanced.prompts.lines": (in_task(Task.TEXT), set_to("task", "phrase_lines", "red\ngreen")),
    "advanced.task.exemplar.source": (exemplar_with_box, set_to("task", "exemplar_source", ExemplarSource.CROP)),
    "advanced.task.exemplar.image": (with_crop, third_as_crop),
    "advanced.task.exemplar.region": (with_crop, set_to("task", "crop_region", CropRegion.BOX)),
    "advanced.task.tuning.diagnostics": (sam31_on_frames, set_to("meta", "diagnostics", True)),
    "advanced.model.load_on_run": (sam3_not_loaded, set_to("model", "load_on_run", False)),
}
"""What only Advanced shows, and takes effect there alone: what has to be there first, and what sets it."""
SHOWN_IN_SIMPLE = {
    "advanced.task.task": "the five toggles under Setup",
    "advanced.prompts.kind": "the toggles under Prompt",
    "advanced.task.tuning.axis": "the row Channels has the number once it is not -1",
    "advanced.task.tuning.threshold": "the field under Prompt",
    "advanced.task.tuning.direction": "the row below the picture",
    "advanced.prompts.layers.points": "the line of prompts in use names the layer",
    "advanced.prompts.layers.shapes": "the line of prompts in use names the layer",
    "advanced.prompts.layers.labels": "the line of prompts in use names the layer",
}
"""What both modes obey, for Simple shows it too: how."""
ACTS = ("opener", "clear", "apply", "refresh", "copy", "validate", "load_image", "load_video", "unload")
"""What is pressed and holds nothing."""


def test_every_setting_of_advanced_alone_is_known_to_be_hidden_or_shown_in_simple(widget):
    simple = {path.rsplit(".", 1)[-1] for path in controls(widget) if path.startswith("simple")}
    own = {path for path in controls(widget) if path.startswith("advanced")}
    alone = {path for path in own if path.rsplit(".", 1)[-1] not in (*simple, *ACTS)}

    assert alone - set(HIDDEN) - set(SHOWN_IN_SIMPLE) == set()


def test_nothing_that_simple_hides_takes_effect_there_and_all_of_it_comes_back(widget):
    state, leaks, dead, lost = widget.state, [], [], []
    for path, (before, change) in HIDDEN.items():
        state.task.batch, state.task.phrase_lines, state.model.load_on_run = False, "", True
        state.task.exemplar_source, state.task.crop_region = ExemplarSource.TARGET, CropRegion.WHOLE
        state.task.text = "cell"
        before(widget)
        jobs = []
        for advanced, act in ((False, None), (True, None), (True, change), (False, None), (True, None)):
            state.task.advanced = advanced
            if act is not None:
                act(widget)
            settle()
            jobs.append(next_job(widget))
        simple, advanced_before, advanced_set, hidden, again = jobs
        leaks += [path] if hidden != simple else []
        dead += [path] if advanced_set == advanced_before else []
        lost += [path] if again != advanced_set else []

    assert (leaks, dead, lost) == ([], [], [])


def test_what_advanced_has_set_and_simple_obeys_simple_shows(widget):
    state, simple = widget.state, widget.simple
    viewer = widget.controller.viewer
    viewer.add_image(np.stack([squares()] * 3), name="deep")
    widget.controller.choose_image(str(viewer.layers["deep"].unique_id))
    state.task.advanced = True
    state.task.channel_axis = 0
    viewer.add_points(np.empty((0, 2)), name="mine")
    widget.controller.choice.choose(PromptKind.POINTS, str(viewer.layers["mine"].unique_id))

    state.task.advanced = False
    settle()

    assert simple.setup.channels.axis.isVisibleTo(simple) and simple.setup.channels.axis.value() == 0
    assert "From your layer mine." in simple.prompt.uses.text()
