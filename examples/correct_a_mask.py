"""A rough mask is drawn to the outline of the object it lies on; points beside it correct it."""

import numpy as np

from napari_sam3_assistant import segment
from napari_sam3_assistant.samples import nuclei

sample = nuclei()
rough = np.zeros(sample.image.shape, bool)
rough[330:356, 318:344] = True  # a square, about where the nucleus is
truth = sample.truth == sample.truth[343, 331]


def overlap(mask: np.ndarray) -> float:
    """Return the intersection over union of a mask with the truth."""
    return np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth)


better = segment(sample.image, masks=[rough])
best = segment(sample.image, masks=[rough], points=[(343, 331), (343, 360, "-")])

print(f"rough {overlap(rough):.2f}")
print(f"drawn to the outline {overlap(better.labels > 0):.2f}")
print(f"with points {overlap(best.labels > 0):.2f}")
