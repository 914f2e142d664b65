"""One click, one object; a second, negative one takes off what does not belong to it."""

import numpy as np

from napari_sam3_assistant import segment
from napari_sam3_assistant.samples import nuclei

image = nuclei().image  # 512 x 512, uint16

one = segment(image, points=[(343, 331)])  # row, column
print(one)

# Anything but the object may be told with "-": here the dark ground beside it.
corrected = segment(image, points=[(343, 331), (343, 360, "-")])
labels = corrected.labels  # the plane's size; 0 is background

print(f"{np.count_nonzero(labels)} pixels of {labels.shape}, {labels.dtype}")
