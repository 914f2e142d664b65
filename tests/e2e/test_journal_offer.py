"""The offer in the widget: what a killed napari kept is seen in both modes, and one press brings it back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from napari_sam3_assistant.layers.accepted import accepted_layer
from tests.e2e.hands import add, several

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys, time
import numpy as np
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.layers.accepted import accepted_layer
from tests.e2e.hands import several
driver = Driver()
image = driver.viewer.add_image(several(), name="cells")
driver.viewer.reset_view()
driver.wait_until_idle()
for place in ((35, 35), (95, 95)):
    driver.click(image, *place)
    driver.key("k")
    driver.wait_until_idle()
driver.wait(lambda: driver.widget.controller.accepting.journals.kept, "The journal")
np.save(sys.argv[1], accepted_layer(driver.viewer, image).data)
print("accepted", flush=True)
time.sleep(60)
"""


def test_a_napari_that_was_killed_is_restored_by_one_press(open_driver, tmp_path):
    command = [sys.executable, "-c", CHILD, str(tmp_path / "labels.npy")]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as child:
        line = child.stdout.readline()
        child.kill()
    assert line == "accepted\n"
    labels = np.load(tmp_path / "labels.npy")
    driver = open_driver((several(), {"name": "cells"}))
    row, state = driver.widget.journal, driver.state

    driver.wait(lambda: state.journal.offer is not None, "The offer")
    for advanced in (True, False):
        state.task.advanced = advanced
        driver.pump(0.05)
        assert row.isVisible() and row.text.text().startswith("2 accepted objects of this picture were kept from ")
        assert row.restore.isEnabled() and row.discard.isEnabled()
        assert "undone" in row.restore.toolTip() and "7 days" in row.discard.toolTip()
    row.restore.click()
    driver.wait(lambda: state.journal.offer is None, "The end of the offer")
    driver.pump(0.05)

    assert not row.isVisible() and state.run.message == "Restored 2 accepted objects as 1 to 2."
    assert np.array_equal(accepted_layer(driver.viewer, driver.viewer.layers["cells"]).data, labels)
    assert labels.max() == 2 and state.results.accepted == 2 and state.results.undo == "Restore accepted objects"
    driver.widget.controller.board.undo()
    assert not accepted_layer(driver.viewer, driver.viewer.layers["cells"]).data.any()


def test_an_offer_stays_while_one_works_and_discard_takes_it_away(open_again):
    first = open_again((several(), {"name": "cells"}), show=False)
    add(first, 35, 35)
    first.widget.controller.accepting.accept(clear=True)
    first.wait(lambda: first.widget.controller.accepting.journals.kept, "The journal")
    first.viewer.layers.clear()
    first.pump(0.05)
    row = first.widget.journal
    assert not row.isVisibleTo(first.widget), "there is no picture"

    first.viewer.add_image(several(), name="cells")
    first.wait(lambda: first.state.journal.offer is not None, "The offer")
    add(first, 95, 95)
    first.pump(0.05)
    assert row.isVisibleTo(first.widget) and row.text.text().startswith("1 accepted object of this picture was kept")
    row.discard.click()
    first.wait(lambda: first.state.run.message.startswith("Discarded 1 accepted object;"), "The end of the offer")
    first.pump(0.05)

    assert not row.isVisibleTo(first.widget) and first.state.results.accepted == 0
