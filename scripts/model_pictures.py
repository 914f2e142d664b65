"""Show what the widget says of SAM3's model: not set, found, half downloaded, packages missing, being downloaded.

    PYTHONPATH=. scripts/on-screen .venv/bin/python scripts/model_pictures.py FOLDER

Model folders are those of the tests, in miniature; the hub is one on this machine, and slow.
"""

import os
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines import machine, registry
from napari_sam3_assistant.engines.registry import BUILTIN, EngineSpec
from tests.engines.weights import small
from tests.engines.weights.hub import TOKEN, Hub, running

DOUBLE = "tests.widgets.double:Double"


class Tour:
    """A viewer, and what is seen of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.driver = folder, Driver()
        self.driver.viewer.window.resize(1366, 768)
        self.driver.pump(0.3)

    @property
    def model(self):
        return self.driver.widget.controller.model

    def both(self, name: str, *, panel: bool = False) -> None:
        """Save pictures in both themes: of the window, or of the panel."""
        for theme in ("dark", "light"):
            self.driver.viewer.theme = theme
            self.driver.pump(0.4)
            path = str(self.folder / f"{name}-{theme}.png")
            if panel:
                self.driver.widget.get_sam3.grab().save(path)
            else:
                self.driver.screenshot(path)
            print(path, flush=True)

    def choose(self, folder: Path) -> None:
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


def go(tour: Tour, place: Path) -> None:
    install("json")
    tour.both("start-not-set")
    tour.driver.viewer.open_sample("napari-sam3-assistant", "nuclei")
    tour.driver.wait_until_idle()
    tour.driver.viewer.reset_view()
    tour.both("not-set")
    tour.choose(small.write_sam3(place / "models" / "sam3"))
    tour.both("found")
    half = place / "a folder of models" / "sam3-half"
    half.mkdir(parents=True)
    small.write_config(half)
    (half / ".get-model").mkdir()
    (half / ".get-model" / "model.safetensors-0123456789abcdef.part").write_bytes(b"x")
    tour.choose(half)
    tour.both("half")
    with running(slow_hub(place / "hub")) as hub:
        os.environ["HF_ENDPOINT"] = hub.address
        download(tour, hub)
    gone = ("torch", "transformers", "safetensors", "huggingface_hub")
    registry.find_spec = machine.find_spec = lambda name: None if name in gone else find_spec(name)
    install(*gone[:3])
    tour.model.want_engine("sam3")
    tour.driver.pump(0.3)
    tour.both("packages")
    tour.both("panel-packages", panel=True)


def download(tour: Tour, hub: Hub) -> None:
    from napari_sam3_assistant.engines.weights import fetch

    panel = tour.driver.widget.get_sam3
    tour.driver.widget.top.model.get.click()
    tour.driver.pump(0.3)
    tour.both("panel-half", panel=True)
    panel.token.setText("hf_wrong")
    panel.download.click()
    tour.driver.wait(lambda: not tour.driver.state.model.download.running, "A refusal")
    tour.both("panel-refused", panel=True)
    hub.refuse = 403
    panel.download.click()
    tour.driver.wait(lambda: not tour.driver.state.model.download.running, "A refusal")
    tour.both("panel-no-access", panel=True)
    panel.token.setText(TOKEN)
    fetch._CHUNK = 1024
    stream = fetch._stream_once

    def slowly(remote, part, start, tell, cancel):
        stream(remote, part, start, lambda count: (time.sleep(0.02), tell(count)), cancel)

    fetch._stream_once = slowly
    panel.download.click()
    tour.driver.wait(lambda: (tour.driver.state.model.download.fraction or 0) > 0.3, "Some of it")
    tour.both("panel-download", panel=True)
    tour.both("download")
    panel.cancel.click()
    tour.driver.wait(lambda: not tour.driver.state.model.download.running, "The stop")
    tour.both("panel-stopped", panel=True)
    fetch._stream_once = stream
    panel.download.click()
    tour.driver.wait(lambda: not tour.driver.state.model.download.running, "The end")
    tour.driver.pump(0.3)
    tour.both("panel-done", panel=True)
    panel.close()
    tour.driver.pump(0.3)
    tour.both("done")


def main(arguments: list[str]) -> int:
    """Do all of it."""
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = settings
        os.environ.pop("HF_TOKEN", None)
        folder = Path(arguments[0])
        folder.mkdir(parents=True, exist_ok=True)
        tour = Tour(folder)
        os.environ["XDG_DATA_HOME"] = settings  # not before: napari keeps its icons there
        go(tour, Path(settings))
        tour.driver.viewer.close()
        tour.driver.pump(0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
