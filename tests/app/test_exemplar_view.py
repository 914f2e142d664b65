"""What is shown and said of the exemplar's source, from the state alone."""

import pytest

from napari_sam3_assistant.app import hints
from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.exemplar_view import NO_OTHER, SELECT
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource, ImageItem
from napari_sam3_assistant.tasks.jobs import Task

TARGET, FIRST, SECOND = (ImageItem(name[0], name) for name in ("target", "first", "second"))


def state_of(*images, task=Task.EXEMPLAR, source=ExemplarSource.CROP, advanced=True, **more):
    state = AppState()
    state.task.images, state.task.image = images, TARGET.identity
    state.task.task, state.task.exemplar_source, state.task.advanced = task, source, advanced
    for name, value in more.items():
        setattr(state.task, name, value)
    return state


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("source", list(ExemplarSource))
def test_rows_are_enabled_for_exemplars_and_say_what_enables_them(task, source):
    can = availability(state_of(TARGET, FIRST, task=task, source=source)).exemplar

    exemplar, crop = task is Task.EXEMPLAR, source is ExemplarSource.CROP
    assert (can.source.enabled, can.image.enabled, can.region.enabled) == (exemplar, *[exemplar and crop] * 2)
    for action in (can.source, can.image, can.region):
        assert action.tip and ("first" in action.tip) != action.enabled


def test_the_target_is_no_choice_and_the_only_other_image_is_chosen():
    one, two = (availability(state_of(TARGET, *rest)).exemplar for rest in ((FIRST,), (FIRST, SECOND)))

    assert one.choices == (("first", "f"),) and one.chosen == "f"
    assert len(two.choices) == 2 and two.chosen is None


@pytest.mark.parametrize(
    ("images", "more", "said"),
    [
        ((TARGET,), {}, f"{SELECT} {NO_OTHER}"),
        ((TARGET, FIRST, SECOND), {}, SELECT),
        ((TARGET, FIRST, SECOND), {"crop_image": "gone"}, SELECT),
        (
            (TARGET, FIRST, SECOND),
            {"crop_image": "t"},
            "Target image and exemplar crop image are both 'target'. Choose another one as Exemplar crop image.",
        ),
    ],
)
def test_what_is_missing_is_said_in_the_hint_and_on_the_button(images, more, said):
    state = state_of(*images, **more)

    assert hints.prompt_hint(state) == said == availability(state).run.run.tip
    assert not availability(state).run.run.enabled


def test_hints_say_what_to_do_with_a_crop():
    whole = state_of(TARGET, FIRST)
    box = state_of(TARGET, FIRST, crop_region=CropRegion.BOX)

    assert "middle of the crop" in hints.prompt_hint(whole)
    assert hints.prompt_hint(box).startswith("Press Create Prompt Layer.")
    assert availability(box).run.run.tip == "Draw a box round an example on the crop image first."


@pytest.mark.parametrize(
    "more",
    [{"advanced": False}, {"task": Task.TEXT}, {"source": ExemplarSource.TARGET}],
    ids=["simple", "text", "target"],
)
def test_a_crop_takes_effect_where_its_rows_do(more):
    assert state_of(TARGET, FIRST).task.uses_crop
    assert not state_of(TARGET, FIRST, **more).task.uses_crop
