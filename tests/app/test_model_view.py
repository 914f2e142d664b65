"""What is said of the model, and what to do about it: in the widget and in the panel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from napari_sam3_assistant.app import model_availability, model_hints
from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.get_view import default_folder, get_view
from napari_sam3_assistant.app.meta_state import MetaState
from napari_sam3_assistant.app.model_report import VALID, report
from napari_sam3_assistant.app.model_state import Download, ModelState, ModelType
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.views import Action
from napari_sam3_assistant.engines.meta.installed import Installed
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind
from tests.engines.weights import small

FOLDER = Path("/models/sam3")


def view(**facts):
    state = AppState(model=ModelState(**facts))
    return availability(state).model


def said_of(model: ModelState):
    return report(model, MetaState())


def whole(path: Path) -> ModelFolder:
    return ModelFolder(path, tasks=("points", "text"), tokenizer="tokenizer.json")


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "Model: not set"),
        ({"folder": "/models/sam3", "looking": True}, "Model: looking..."),
        ({"folder": "/models/sam3", "known": whole(FOLDER)}, "Model: SAM3.0 ok"),
        ({"folder": "/models/sam3", "known": ModelFolder(FOLDER, problem="No.")}, "Model: SAM3.0 missing"),
        ({"engine": "builtin", "folder": "/models/sam3"}, "Model: not needed (built-in)"),
    ],
)
def test_the_status_is_in_three_words(facts, status):
    assert view(**facts).status == status


def test_get_sam3_gives_way_to_unload_when_the_model_is_there():
    assert view().offer
    assert view(folder="f", known=ModelFolder(FOLDER, problem="No.")).offer
    assert view(folder="f", known=whole(FOLDER), missing=("torch",)).offer
    ready = view(folder="f", known=whole(FOLDER))
    assert not ready.offer and ready.unload == Action(False, "SAM3 is not in memory.")
    assert view(folder="f", known=whole(FOLDER), loaded=True).unload.enabled


def step(*, advanced: bool = True, **facts):
    state = AppState(model=ModelState(**facts))
    state.task.advanced = advanced
    return availability(state).model_step


def multiplex(**facts):
    known = ModelFolder(FOLDER, Kind.SAM31, problem="Not run.", multiplex=FOLDER / "sam3.1_multiplex.pt")
    return {"folder": "f", "known": known, "model_type": ModelType.SAM31, **facts}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"engine": "builtin", "folder": "f", "known": whole(FOLDER)}, "Choose the engine Automatic or SAM3"),
        ({}, "Choose a Model Folder first"),
        ({"folder": "f", "looking": True}, "being looked into"),
        ({"folder": "f", "known": ModelFolder(FOLDER, problem="No.", advice="Mend it.")}, "No. Mend it."),
        ({"folder": "f", "known": whole(FOLDER), "missing": ("torch",)}, "torch not installed. Press Get SAM3"),
        ({"folder": "f", "known": whole(FOLDER), "loaded": True, "runs_on": "CUDA"}, "already, on CUDA"),
    ],
)
def test_where_sam3_cannot_be_loaded_both_buttons_say_what_to_do(facts, words):
    can = step(**facts)

    assert not can.load_image.enabled and words in can.load_image.tip
    assert not can.load_video.enabled and words in can.load_video.tip


def test_where_sam3_can_be_loaded_the_buttons_say_that_one_model_serves_both():
    can = step(folder="f", known=whole(FOLDER))

    assert can.load_image == Action(True, f"Load the SAM3.0 2D image model. {model_availability.ONE_MODEL}")
    assert can.load_video == Action(True, f"Load the SAM3.0 3D/video predictor. {model_availability.ONE_MODEL}")
    assert can.validate.enabled and not can.unload.enabled and can.load_on_run


def test_sam3_1_is_there_or_missing_by_what_the_folder_holds_and_is_called_unverified():
    there, missing = multiplex(), multiplex(known=whole(FOLDER))

    assert view(**there).status == "Model: SAM3.1 ok" and view(**missing).status == "Model: SAM3.1 missing"
    assert step(**there).load_image == Action(False, model_availability.VIDEO_ONLY)
    assert "unverified" in view(**there).status_tip
    looked = MetaState(found=Installed(multiplex=True))
    can = availability(AppState(model=ModelState(**there), meta=looked)).model_step
    assert can.load_video == Action(True, model_availability.LOAD_MULTIPLEX)
    assert "unverified" in can.load_video.tip


def test_a_device_that_is_not_there_is_not_offered_and_automatic_is_in_use():
    can = step(devices=("cpu",), device_wanted="cuda", device="CPU: no NVIDIA driver is seen.")

    assert can.devices == (("Automatic", "auto"), ("CPU", "cpu")) and can.device == "auto"
    assert "GPU / CUDA was chosen, and is not here. Automatic is used: CPU" in can.device_tip
    assert step(devices=("cuda", "cpu"), device_wanted="cuda").device == "cuda"


def test_sam3_is_held_back_in_advanced_alone_and_the_line_says_so():
    facts = {"folder": "f", "known": whole(FOLDER), "in_use": "sam3", "reason": "R", "load_on_run": False}
    state = AppState(model=ModelState(**facts))
    assert state.loads_when_running and availability(state).model.reason == "R"

    state.task.advanced = True

    assert availability(state).model.reason == f"Built-in: {model_hints.HELD_BACK}"
    assert "press Load 2D Model" in availability(state).model.reason_tip
    state.model.loaded = True
    assert availability(state).model.reason == "R"
    assert "Load 2D Model loads it again" in availability(state).model_step.unload.tip


def test_a_report_says_what_each_kind_of_task_needs_and_what_is_wrong():
    mute = replace(whole(FOLDER), tasks=("points", "video"), missing=("tokenizer.json",), advice="Get it.")

    good = report(
        ModelState(known=replace(whole(FOLDER), tasks=("points", "text", "video"), nbytes=3_440_000_000)), MetaState()
    )
    wordless, bad = (
        said_of(ModelState(known=mute)),
        said_of(ModelState(known=ModelFolder(FOLDER, problem="No."))),
    )

    assert (good.text, good.problem) == (f"{VALID} SAM3.0, 3.4 GB: 2D, Text, Exemplar and 3D/video.", False)
    assert all(line.endswith(": there.") for line in good.lines[1:4])
    assert "but no words" in wordless.text and wordless.hint == "Get it."
    assert "missing (tokenizer.json)" in wordless.lines[2] and wordless.lines[3].endswith("there.")
    assert (bad.text, bad.problem) == ("No.", True)
    assert said_of(ModelState(known=whole(FOLDER), missing=("torch",))).text.endswith(
        "cannot run: torch not installed."
    )


def test_the_tip_of_the_status_carries_where_what_and_what_to_do():
    known = ModelFolder(FOLDER, problem="It is broken.", advice="Mend it.", tasks=("points",))

    assert view(folder=str(FOLDER), known=known).status_tip == "/models/sam3\nIt is broken.\nMend it."
    assert "It serves points, text." in view(folder=str(FOLDER), known=whole(FOLDER)).status_tip


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (ModelFolder(FOLDER, problem="P.", advice="Run: x", gets=True, begun=True), "it goes on from there"),
        (ModelFolder(FOLDER, problem="P.", advice="Run: x", gets=True), "for what is missing, or choose another"),
        (ModelFolder(FOLDER, problem="P.", advice="Rename it."), "Rename it."),
        (ModelFolder(FOLDER, advice="Run: x", gets=True), "for what is missing for words"),
    ],
)
def test_what_is_wrong_is_said_in_text_with_what_to_do_now(known, words):
    advice = view(folder=str(FOLDER), known=known, reason="Built-in: so it is in /models/sam3").advice

    assert advice.startswith("Built-in: so it is in sam3. ") and words in advice


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"missing": ("torch",)},
        {"folder": "/models/sam3", "looking": True},
        {"folder": "/models/sam3", "known": whole(FOLDER)},
        {"engine": "builtin", "folder": "/models/sam3", "known": ModelFolder(FOLDER, problem="P.", advice="A.")},
    ],
)
def test_where_nothing_is_wrong_no_advice_is_given(facts):
    assert view(reason="R", **facts).advice == ""


def test_sam3_wanted_without_a_folder_says_how_to_come_by_one():
    assert view(engine="sam3", reason="R").advice == "R. Choose a Model Folder, or press Get SAM3."


def test_the_reason_says_on_what_sam3_runs_once_that_is_known():
    facts = {"folder": str(FOLDER), "known": whole(FOLDER), "in_use": "sam3", "reason": "SAM3: model in /models/sam3"}

    assert view(**facts).reason == "SAM3: model in /models/sam3"
    assert view(**facts, loaded=True, runs_on="CUDA").reason == "SAM3 on CUDA: model in /models/sam3"
    assert view(**facts, device="CPU: no.").reason_tip.endswith("\nDevice: CPU: no.")


def test_the_panel_names_what_is_missing_and_what_installs_it():
    seen = get_view(ModelState(missing=("torch", "safetensors")), "pip install it", "about 5 GB", token_set=False)

    assert "needs torch and safetensors, not installed" in seen.about
    assert (seen.command, seen.after) == ("pip install it", "It takes about 5 GB. Then restart napari.")


def test_a_package_that_is_too_old_is_said_to_be():
    state = ModelState(engine="sam3", outdated=("transformers",), reason="R", folder="f", known=whole(FOLDER))

    assert model_hints.lacking(state) == "transformers too old"
    assert "needs a newer transformers. This line installs it" in get_view(state, "pip", "", token_set=False).about
    assert model_hints.advice(state) == "R. Press Get SAM3: it says how to install it."


def test_the_panel_tells_how_far_a_download_is_and_why_it_failed():
    runs = get_view(ModelState(download=Download(True, 0.5, "half")), "", "", token_set=True)
    failed = get_view(ModelState(download=Download(problem="No.", hint="Do this.")), "", "", token_set=True)

    assert (runs.busy, runs.fraction, runs.text, runs.problem) == (True, 0.5, "half", False)
    assert not runs.download.enabled and runs.cancel.enabled and "HF_TOKEN" in runs.token_hint
    assert (failed.busy, failed.text, failed.problem) == (False, "No. Do this.", True)
    assert failed.download.enabled and not failed.cancel.enabled


def test_a_download_goes_where_one_was_begun_else_to_the_users_folder(tmp_path):
    half = tmp_path / "half"
    half.mkdir()
    small.write_config(half)
    own = tmp_path / "own"

    assert default_folder(ModelState(known=ModelFolder.inspect(half)), own) == str(half)
    assert default_folder(ModelState(), own) == str(own)
    assert default_folder(ModelState(known=whole(FOLDER)), own) == str(own)
