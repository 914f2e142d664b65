"""Go through docs/tutorials/from-one-click-to-a-3-d-object.md in a real napari, and make its pictures.

scripts/on-screen .venv/bin/python scripts/volume_pictures.py [FOLDER]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pictures import Tour, run
from propagation_pictures import FRAME, show, to_the_end

from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.tasks.jobs import Task


def clicked(tour: Tour) -> None:
    """One click on a large nucleus of the frame."""
    show(tour, FRAME)
    truth = nuclei_stack().truth[FRAME]
    label = np.argsort(-np.bincount(truth.ravel())[1:])[1] + 1
    tour.key("N")
    tour.click(*np.argwhere(truth == label).mean(axis=0))
    tour.picture("volume-click.png", whole=True)


def followed(tour: Tour) -> None:
    """The object on all frames, and the strip."""
    tour.choose(Task.VIDEO)
    tour.press(tour.driver.widget.simple.run.run)
    to_the_end(tour)
    tour.driver.pump(0.5)
    tour.picture("volume-strip.png", whole=True)


def looked_at(tour: Tour) -> None:
    """The doubtful frames, one after the other, each confirmed."""
    glance = tour.driver.widget.controller.glance
    while tour.driver.state.video.doubtful:
        tour.press(tour.driver.widget.simple.results.glance.next)
        frame, object_id = glance.frame, glance.chosen
        if frame is None or object_id is None:
            raise LookupError("The strip led to no frame.")
        print(glance.said_of(frame, object_id))
        if frame == glance.strips[0].frames[0]:
            tour.picture("volume-doubt.png", whole=True)
        glance.confirm(frame, object_id)
        tour.driver.pump(0.4)
    ends = glance.strips[0].frames
    print(f"frames {ends[0]} to {ends[-1]}, {int(glance.strips[0].area.sum()):,} px")


def in_3d(tour: Tour) -> None:
    """The object as a solid."""
    viewer = tour.driver.viewer
    viewer.layers["SAM3 points"].visible = viewer.layers["SAM3 preview labels"].visible = False
    viewer.dims.ndisplay = 3
    camera_of(viewer).angles = (0, 30, 60)
    tour.driver.pump(0.6)
    tour.picture("volume-3d.png", whole=True)
    viewer.dims.ndisplay = 2


def main(folder: Path) -> None:
    tour = Tour(folder)
    tour.open("nuclei_stack", "Nuclei stack")
    clicked(tour)
    followed(tour)
    looked_at(tour)
    in_3d(tour)
    tour.close()


if __name__ == "__main__":
    run(main)
