"""Go through docs/how-to/clean-a-mask.md in a real napari, and make its picture.

scripts/on-screen .venv/bin/python scripts/cleanup_pictures.py [FOLDER]
"""

from pathlib import Path

from pictures import Tour, run
from skimage import data, filters, measure

from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from napari_sam3_assistant.widgets.napari_bridge import open_mask_operations


def cleanup(folder: Path) -> None:
    """Coins found by a threshold: specks and holes; a range of the histogram selects the specks."""
    tour = Tour(folder)
    viewer = tour.driver.viewer
    picture = data.coins()[60:]
    viewer.add_image(picture, name="coins")
    found = measure.label(picture > filters.threshold_otsu(picture), connectivity=1).astype("uint16")
    viewer.add_labels(found, name="coin masks")
    open_mask_operations(viewer)
    masks = next(one for one in viewer.window.dock_widgets.values() if isinstance(one, MaskOperationsWidget))
    tour.driver.pump(0.5)
    viewer.reset_view()
    page = masks.cleanup.components
    page.analyze.click()
    tour.driver.wait(lambda: not masks.state.busy, "The components")
    page.rows.opener.click()
    tour.driver.pump(0.3)
    page.rows.histogram.setFocus()
    page.rows.histogram.choose(0, 1)
    tour.driver.pump(0.5)
    tour.picture("mask-cleanup.png", whole=True)
    tour.close()


if __name__ == "__main__":
    run(cleanup)
