"""Go through docs/how-to/find-by-words.md and many-pictures-and-phrases.md in a real napari, and make their pictures.

    scripts/on-screen .venv/bin/python scripts/text_pictures.py [FOLDER]

A stand-in for SAM3 answers, which draws the samples' true masks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pictures import Tour, run
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from stand_in import let_read

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.samples import nuclei
from napari_sam3_assistant.tasks.jobs import Task

SMALL_PX = 480
"""Nuclei smaller than that are the small ones."""


def classes(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return the labels under each phrase."""
    little = np.isin(truth, np.flatnonzero(np.bincount(truth.ravel()) < SMALL_PX))
    return {
        "nucleus": truth,
        "small nucleus": np.where(little, truth, 0),
        "large nucleus": np.where(little, 0, truth),
    }


def in_simple(tour: Tour) -> None:
    """Two phrases, each a class of its own."""
    tour.choose(Task.TEXT)
    field = tour.driver.widget.simple.prompt.text
    QTest.keyClicks(field, "small nucleus, large nucleus")
    QTest.keyClick(field, Qt.Key.Key_Return)
    tour.driver.wait_until_idle()
    tour.say("Enter")
    tour.driver.widget.simple.records.open_table.click()
    tour.driver.pump(0.3)
    tour.picture("text-simple.png")
    tour.driver.widget.simple.records.open_table.click()
    tour.driver.widget.simple.prompt.reset.click()
    tour.driver.wait_until_idle()


def in_advanced(tour: Tour) -> None:
    """Two phrases, one a line, on two pictures."""
    driver, first = tour.driver, tour.layer
    place = {"scale": first.scale, "units": first.units, "translate": (530 * first.scale[0], 0)}
    tour.add(nuclei(1).image[:400], name="Other nuclei", **place)
    tour.advanced(Section.TASK, Section.PROMPTS)
    step = driver.widget.advanced
    tour.pick(step.task.image, "Nuclei")
    tour.pick(step.task.task, "Text segmentation")
    tour.press(step.task.batch)
    QTest.keyClicks(step.prompts.lines, "small nucleus  # a comment")
    QTest.keyClick(step.prompts.lines, Qt.Key.Key_Return)
    QTest.keyClicks(step.prompts.lines, "large nucleus")
    QTest.keyClick(step.prompts.lines, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    driver.pump(0.2)
    driver.wait(lambda: not driver.widget.controller.batching.running, "The batch")
    driver.pump(1.5)
    driver.wait_until_idle()
    tour.say("batch")
    print([layer.name for layer in driver.viewer.layers])
    tour.picture("batch-phrases.png", whole=True)


def main(folder: Path) -> None:
    tour, first, second = Tour(folder, (1366, 960)), nuclei(0), nuclei(1)
    tour.open("nuclei", "Nuclei")
    part = second.truth[:400]
    let_read(tour, {first.truth.shape: classes(first.truth), part.shape: classes(part)})
    in_simple(tour)
    in_advanced(tour)
    tour.close()


if __name__ == "__main__":
    run(main)
