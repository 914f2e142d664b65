"""A click on a plane of 60,000 x 60,000 pixels: one window of it is read, and one small file is written."""

import tempfile
from pathlib import Path

import zarr

from napari_sam3_assistant import segment
from napari_sam3_assistant.samples import nuclei

with tempfile.TemporaryDirectory() as folder:
    # Chunks that were never written take no room: this plane would be 7 GB, and is less than 1 MB.
    plane = zarr.create_array(
        f"{folder}/slide.zarr", shape=(60_000, 60_000), chunks=(512, 512), dtype="uint16", fill_value=100
    )
    plane[40_960:41_472, 20_480:20_992] = nuclei().image

    result = segment(plane, points=[(40_960 + 343, 20_480 + 331)])
    (one,) = result.objects
    print(f"looked at {result.windows[0]}")
    print(f"{one.area} px in {one.box}, {result.encode_ms:.0f} ms to read and encode")

    file = result.save(Path(folder), format="tiff")
    print(f"{file.name}: {file.stat().st_size:,} bytes; where it lies on the plane is noted in it")
