"""Every operation on labels, by name, with arguments under which it does something."""

import numpy as np

from napari_sam3_assistant.masks import cleanup, values
from napari_sam3_assistant.masks.components import analyze


def _components(operation, *arguments):
    def of_all(labels, among=None, watch=cleanup.UNWATCHED):
        return operation(labels, analyze(labels), *arguments, among=among, watch=watch)

    return of_all


def _with(operation, *arguments):
    return lambda labels, **keywords: operation(labels, *arguments, **keywords)


PIXELWISE = {
    "fill holes": cleanup.fill_holes,
    "smooth": _with(cleanup.smooth, 1),
    "dilate": _with(cleanup.dilate, 1),
    "erode": _with(cleanup.erode, 1),
    "relabel": _with(values.relabel, [2, 5], 1),
    "delete values": _with(values.delete_values, [1]),
    "keep values": _with(values.keep_values, [1]),
    "convert": _with(values.convert_nonzero, 1),
    "renumber": values.renumber,
}
WHOLE_OBJECTS = {
    "remove small": _with(cleanup.remove_small, 5),
    "keep largest": cleanup.keep_largest,
    "clear border": cleanup.clear_border,
    "split": _with(cleanup.split_touching, 1.0, 1.0),
    "delete components": _components(cleanup.delete_components),
    "assign components": _components(cleanup.assign_components, 1),
}
OPERATIONS = PIXELWISE | WHOLE_OBJECTS


def all_in_one(dtype=np.int64):
    """Return labels in which each of the operations finds something to do; 14 x 26."""
    labels = np.zeros((14, 26), dtype)
    labels[2:9, 2:9] = 1  # with a hole and a spur
    labels[4, 4] = 0
    labels[5, 9:12] = 1
    labels[0, 15:19] = 2  # at the border
    labels[10:13, 3:6] = 2
    labels[2:12, 13:18] = 5  # two that touch
    labels[6, 13:15] = labels[6, 16:18] = 0
    labels[12, 24] = 2
    return labels
