"""Go through docs/how-to/through-depth-and-time.md in a real napari, in both modes, and make its pictures.

scripts/on-screen .venv/bin/python scripts/propagation_pictures.py [FOLDER]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pictures import Tour, run

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.tasks.jobs import Task

FRAME, SEEN = 12, 14


def show(tour: Tour, frame: int) -> None:
    """Move the slider."""
    tour.driver.viewer.dims.set_current_step(0, frame)
    tour.driver.wait_until_idle()


def to_the_end(tour: Tour) -> None:
    """Wait until the last frame is there."""
    tour.driver.wait(lambda: not tour.driver.state.video.running, "The end")
    tour.driver.wait_until_idle()
    tour.say("followed")


def point(tour: Tour) -> None:
    """A click on each of the three largest nuclei of the frame."""
    truth = nuclei_stack().truth[FRAME]
    for label in np.argsort(-np.bincount(truth.ravel())[1:])[:3] + 1:
        tour.key("N")
        tour.click(*np.argwhere(truth == label).mean(axis=0))


def in_simple(tour: Tour) -> None:
    """Follow three nuclei."""
    show(tour, FRAME)
    point(tour)
    tour.choose(Task.VIDEO)
    tour.press(tour.driver.widget.simple.run.run)
    to_the_end(tour)
    show(tour, SEEN)
    tour.picture("propagation.png", whole=True)


def at_a_glance(tour: Tour) -> None:
    """Go to a doubtful frame, seen in both themes."""
    glance = tour.driver.widget.simple.results.glance
    tour.driver.pump(0.5)
    tour.press(glance.next)
    tour.driver.pump(0.3)
    tour.picture("propagation-strip.png", whole=True)
    tour.theme("light")
    tour.picture("propagation-strip-light.png", whole=True)
    tour.theme("dark")


def chosen_frames(tour: Tour) -> None:
    """Open the line of the frames."""
    setup = tour.driver.widget.simple.setup
    setup.open_frames.click()
    setup.frames.first.setValue(4)
    setup.frames.last.setValue(20)
    tour.driver.pump(0.2)
    tour.part(setup, "propagation-frames.png")
    setup.frames.all.click()
    setup.open_frames.click()


def in_advanced(tour: Tour) -> None:
    """Correct an object on a frame with a click, and go on from there, forward only."""
    show(tour, SEEN)
    truth = nuclei_stack().truth
    label = np.argsort(-np.bincount(truth[FRAME].ravel())[1:])[1] + 1
    tour.click(*np.argwhere(truth[SEEN] == label).mean(axis=0), selects=True)
    tour.advanced(Section.TASK, Section.TUNING, Section.RUN)
    task = tour.driver.widget.advanced.task
    tour.pick(task.tuning.direction, "forward")
    tour.press(tour.driver.widget.advanced.run.run.go_on)
    to_the_end(tour)
    tour.picture("propagation-advanced.png", whole=True)


def main(folder: Path) -> None:
    tour = Tour(folder, (1366, 900))
    tour.open("nuclei_stack", "Nuclei stack")
    in_simple(tour)
    chosen_frames(tour)
    at_a_glance(tour)
    in_advanced(tour)
    tour.close()


if __name__ == "__main__":
    run(main)
