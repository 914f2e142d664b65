"""Show a model folder that was chosen, and what Validate says of it: the picture of docs/how-to/model-files-by-hand.md.

    PYTHONPATH=. scripts/on-screen .venv/bin/python scripts/model_folder_picture.py [FOLDER]

The folder is one in miniature, with the names and kinds of files that the real one has.
"""

import os
import tempfile
from pathlib import Path

from pictures import Tour, run

from napari_sam3_assistant.app.panel_state import Section
from tests.engines.weights import small


def main(folder: Path) -> None:
    folder = folder.resolve()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)  # so that the picture has no name of ours in it
        model = small.write_sam3(Path("models") / "sam3")
        tour = Tour(folder, (1366, 860))
        tour.open("nuclei", "Nuclei")
        tour.advanced(Section.MODEL, Section.LOG)
        tour.driver.widget.controller.model.choose_folder(model)
        tour.driver.wait(lambda: not tour.driver.state.model.looking, "What the folder holds")
        tour.press(tour.driver.widget.advanced.model.validate)
        tour.driver.wait(lambda: not tour.driver.state.model.looking, "What the folder holds")
        tour.driver.pump(0.3)
        tour.picture("model-folder-validated.png")
        tour.close()


if __name__ == "__main__":
    run(main)
