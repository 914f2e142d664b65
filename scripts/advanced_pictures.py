"""Go through docs/how-to/advanced-mode.md in a real napari, and make its pictures: the window, and each step.

scripts/on-screen .venv/bin/python scripts/advanced_pictures.py [FOLDER]
"""

from __future__ import annotations

from pathlib import Path

from pictures import Tour, run

from napari_sam3_assistant.app.panel_state import Section

PLACES = ((147, 212), (200, 152), (309, 264))
STEPS = {
    "advanced-step-1.png": (Section.MODEL,),
    "advanced-step-2.png": (Section.TASK, Section.TUNING),
    "advanced-step-3.png": (Section.PROMPTS, Section.LAYERS),
    "advanced-step-4.png": (Section.RUN,),
    "advanced-step-5.png": (Section.RESULTS,),
}


def objects(tour: Tour) -> None:
    """Three nuclei, the first one corrected by a negative click."""
    tour.click(*PLACES[0])
    tour.key("T")
    tour.click(181, 209)
    tour.key("T")
    for place in PLACES[1:]:
        tour.key("N")
        tour.click(*place)


def steps(tour: Tour) -> None:
    """Each step open, alone."""
    sections = tour.driver.widget.advanced.sections
    for name, opened in STEPS.items():
        tour.advanced(*opened)
        tour.driver.pump(0.3)
        tour.part(sections[opened[0]], name)


def main(folder: Path) -> None:
    tour = Tour(folder, (1366, 860))
    tour.open("nuclei", "Nuclei")
    objects(tour)
    tour.advanced(Section.TASK, Section.RUN)
    tour.picture("advanced-window.png", whole=True)
    steps(tour)
    tour.close()


if __name__ == "__main__":
    run(main)
