"""Choose Meta's package in a real napari, with the Python of .venv-meta, and make the picture of its dialog.

scripts/on-screen .venv/bin/python scripts/meta_pictures.py [FOLDER]
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pictures import Tour, run

ENVIRONMENT = Path(__file__).resolve().parents[1] / ".venv-meta"
NAME = "sam3-env"


def check(tour: Tour, python: str) -> None:
    """Have a Python checked."""
    dialog = tour.driver.widget.meta
    dialog.python.setText(python)
    dialog.check.click()
    tour.driver.wait(lambda: not tour.driver.state.meta.looked.running, "The check")
    tour.driver.pump(0.5)
    print(f"           | {dialog.text.text()}", flush=True)


def main(folder: Path) -> None:
    folder, tour = folder.resolve(), Tour(folder.resolve())
    tour.open("nuclei", "Nuclei")
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        Path(NAME).symlink_to(ENVIRONMENT)
        tour.pick(tour.driver.widget.top.engine, "Meta's sam3")
        dialog = tour.driver.widget.meta
        check(tour, NAME)
        tour.part(dialog, "meta-dialog.png")
        dialog.reject()
        tour.close()


if __name__ == "__main__":
    run(main)
