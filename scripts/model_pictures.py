"""Show what the widget says of SAM3's model: not set, found, half downloaded, packages missing, being downloaded.

    PYTHONPATH=. scripts/on-screen .venv/bin/python scripts/model_pictures.py FOLDER

They are there to be looked at, dark and light; none is in the docs. Model folders are those of the tests, in
miniature; the hub is one on this machine, and slow.
"""

import os
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from pictures import DOCS, Tour, run

from napari_sam3_assistant.engines import machine, registry
from napari_sam3_assistant.engines.registry import BUILTIN, EngineSpec
from tests.engines.weights import small
from tests.engines.weights.hub import TOKEN, Hub, running

DOUBLE = "tests.widgets.double:Double"


class Models(Tour):
    """A viewer, and what is seen of the model."""

    @property
    def model(self):
        return self.driver.widget.controller.model

    def show(self, name: str, *, panel: bool = False) -> None:
        """Save the window, or the panel, in both themes."""
        self.both(name, self.driver.widget.get_sam3 if panel else None)

    def choose_folder(self, folder: Path) -> None:
        self.model.choose_folder(folder)
        self.driver.wait(lambda: not self.driver.state.model.looking, "What the folder holds")
        self.driver.wait_until_idle()


def install(*needs: str) -> None:
    """Let SAM3 need these modules."""
    registry._OURS = (BUILTIN, EngineSpec("sam3", "SAM3", needs=needs, factory=DOUBLE))


def slow_hub(folder: Path) -> Hub:
    """Return a hub whose weights take a while."""
    small.write_sam3(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return Hub(files, tokens={TOKEN})


def go(tour: Models, place: Path) -> None:
    install("json")
    tour.show("start-not-set")
    tour.driver.viewer.open_sample("napari-sam3-assistant", "nuclei")
    tour.driver.wait_until_idle()
    tour.driver.viewer.reset_view()
    tour.show("not-set")
    tour.choose_folder(small.write_sam3(place / "models" / "sam3"))
    tour.show("found")
    half = place / "a folder of models" / "sam3-half"
    half.mkdir(parents=True)
    small.write_config(half)
    (half / ".get-model").mkdir()
    (half / ".get-model" / "model.safetensors-0123456789abcdef.part").write_bytes(b"x")
    tour.choose_folder(half)
    tour.show("half")
    with running(slow_hub(place / "hub")) as hub:
        os.environ["HF_ENDPOINT"] = hub.address
        download(tour, hub)
    gone = ("torch", "transformers", "safetensors", "huggingface_hub")
    registry.find_spec = machine.find_spec = lambda name: None if name in gone else find_spec(name)
    install(*gone[:3])
    tour.model.want_engine("sam3")
    tour.driver.pump(0.3)
    tour.show("packages")
    tour.show("panel-packages", panel=True)


def download(tour: Models, hub: Hub) -> None:
    from napari_sam3_assistant.engines.weights import fetch

    panel = tour.driver.widget.get_sam3
    tour.driver.widget.top.model.get.click()
    tour.driver.pump(0.3)
    tour.show("panel-half", panel=True)
    panel.token.setText("hf_wrong")
    panel.download.click()
    tour.driver.wait(lambda: not tour.driver.state.model.download.running, "A refusal")
    tour.show("panel-refused", panel=True)
    hub.refuse = 403
    panel.download.click()
    tour.driver.wait(lambda: not tour.driver.state.model.download.running, "A refusal")
    tour.show("panel-no-access", panel=True)
    panel.token.setText(TOKEN)
    fetch._CHUNK = 1024
    stream = fetch._stream_once

    def slowly(remote, part, start, tell, cancel):
        stream(remote, part, start, lambda count: (time.sleep(0.02), tell(count)), cancel)

    fetch._stream_once = slowly
    panel.download.click()
    tour.driver.wait(lambda: (tour.driver.state.model.download.fraction or 0) > 0.3, "Some of it")
    tour.show("panel-download", panel=True)
    tour.show("download")
    panel.cancel.click()
    tour.driver.wait(lambda: not tour.driver.state.model.download.running, "The stop")
    tour.show("panel-stopped", panel=True)
    fetch._stream_once = stream
    panel.download.click()
    tour.driver.wait(lambda: not tour.driver.state.model.download.running, "The end")
    tour.driver.pump(0.3)
    tour.show("panel-done", panel=True)
    panel.close()
    tour.driver.pump(0.3)
    tour.show("done")


def main(folder: Path) -> None:
    if folder == DOCS:
        sys.exit("Name a folder: none of these pictures is in the docs.")
    with tempfile.TemporaryDirectory() as place:
        os.environ.pop("HF_TOKEN", None)
        tour = Models(folder)
        os.environ["XDG_DATA_HOME"] = place  # not before: napari keeps its icons there
        go(tour, Path(place))
        tour.close()


if __name__ == "__main__":
    run(main)
