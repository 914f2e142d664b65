"""One object from each box, saved as one label image. The picture is encoded once for all of them."""

import tempfile

from napari_sam3_assistant import segment
from napari_sam3_assistant.samples import nuclei

boxes = [  # top, left, bottom, right
    (324, 313, 363, 351),
    (305, 119, 346, 156),
]

result = segment(nuclei().image, boxes=boxes)

for one in result.objects:
    print(f"{one.prompt}: {one.area} px, score {one.score:.2f}")
print(f"encoded in {result.encode_ms:.0f} ms, answered in {result.decode_ms:.0f} ms")
with tempfile.TemporaryDirectory() as folder:
    print("saved as", result.save(folder, format="tiff").name)
