"""The log of what was said: bounded, and with what lay behind an error."""

from __future__ import annotations

from napari_sam3_assistant.app.activity import MOST_LINES, ActivityState
from napari_sam3_assistant.app.state import RunState
from napari_sam3_assistant.app.status import Status
from napari_sam3_assistant.core.errors import AssistantError


def told() -> tuple[Status, ActivityState, RunState]:
    activity, run = ActivityState(), RunState()
    return Status(run, activity, lambda function: function()), activity, run


def texts(activity: ActivityState) -> list[str]:
    return [line.text for line in activity.lines]


def test_what_the_status_line_says_is_noted_in_order_and_once():
    status, activity, _ = told()

    status.begin("Running...")
    status.reporter()(0.5, "half")
    status.idle("Preview ready")
    status.idle("Preview ready")
    status.idle("Ready")

    assert texts(activity) == ["Running...", "Preview ready"]


def test_an_error_says_what_to_do_in_the_status_line_and_why_in_the_log():
    status, activity, run = told()
    error = AssistantError("It failed.", hint="Do this.")
    error.__cause__ = OSError(28, "No space left on device")

    status.fail(error)
    status.fail(error)

    assert (run.message, run.hint) == ("It failed.", "Do this.")
    assert len(activity.lines) == 2, "it failed twice"
    line = str(activity.lines[0])
    assert line[9:].strip().startswith("Problem: It failed. Do this.") and "No space left" in line
    assert activity.lines[0].at.strftime("%H:%M:%S") == line[:8]


def test_the_log_does_not_grow_without_end():
    status, activity, _ = told()

    for number in range(MOST_LINES + 50):
        status.idle(f"line {number}")

    assert len(activity.lines) == MOST_LINES and activity.lines[-1].text == f"line {MOST_LINES + 49}"
