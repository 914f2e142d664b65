"""A box round one nucleus finds the others. A Segmenter asks again without encoding again."""

from napari_sam3_assistant.api import Segmenter
from napari_sam3_assistant.samples import nuclei

image = nuclei().image
example = (324, 313, 363, 351)  # top, left, bottom, right

with Segmenter() as segmenter:
    print(segmenter.reason)
    for threshold in (0.7, 0.5, 0.3):
        found = segmenter.segment(image, exemplars=[example], threshold=threshold)
        print(f"score of {threshold} or more: {len(found.objects)} objects, encoded in {found.encode_ms:.0f} ms")
