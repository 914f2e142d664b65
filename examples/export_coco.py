"""A label image becomes COCO JSON, outlines for QuPath and a table; read back, it is the same to the pixel."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from napari_sam3_assistant.api import Annotated, LabelClass, export_masks, import_masks
from napari_sam3_assistant.samples import nuclei

sample = nuclei()
nucleus = LabelClass("nucleus", 1, (0, 160, 255))
masks = Annotated(sample.truth, picture="nuclei.tif", default=nucleus)

with TemporaryDirectory() as folder:
    for name in ("nuclei.json", "nuclei.geojson", "nuclei.txt", "nuclei.csv"):
        path = export_masks(masks, Path(folder) / name)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")
    (found,) = import_masks(Path(folder) / "nuclei.json")
    print(f"read back, {np.count_nonzero(found.labels != sample.truth)} pixels differ")
