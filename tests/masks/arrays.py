"""Label arrays for the tests of masks, and slow functions that are right by looking at them."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

TYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bool")


@st.composite
def label_arrays(draw, max_dims=4):
    """Arrays of few, often large, labels, so that pieces touch, nest and have holes."""
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    dims = draw(st.integers(2, max_dims))
    shape = draw(hnp.array_shapes(min_dims=dims, max_dims=dims, max_side=9 if dims == 2 else 5))
    top = 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)
    values = [0, 0, 1] if dtype.kind == "b" else [0, 0, 1, 2, top, top - 1]
    if dtype.kind == "i":
        values.append(-1)
    picks = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, len(values) - 1)))
    return np.array(values, dtype)[picks]


def volumes(labels):
    """Yield the index of each plane or volume of the last three axes, and its array."""
    lead = max(labels.ndim - 3, 0)
    for index in np.ndindex(labels.shape[:lead]):
        yield index, labels[index]


def slow_components(labels):
    """Return ``(label, frozenset of pixel indices)`` of each component, as a set."""
    found = set()
    for index, part in volumes(labels):
        for label in np.unique(part[part > 0]):
            pieces, count = ndi.label(part == label)
            for piece in range(1, count + 1):
                at = np.argwhere(pieces == piece).tolist()
                found.add((int(label), frozenset((*index, *pixel) for pixel in at)))
    return found


def slow_filled(labels, maximum_size=0):
    """Return ``labels`` with holes filled: each label by itself, on the whole array, innermost last."""
    out = labels.copy()
    for index, part in volumes(labels):
        flat = part[0] if part.ndim == 3 and part.shape[0] == 1 else part
        filled = out[index][0] if flat is not part else out[index]
        filled[...] = _slow_plane(flat, maximum_size)
    return out


def _slow_plane(part, maximum_size):
    out = part.copy()
    holes, count = ndi.label(part == 0)
    owners = {}
    for label in np.unique(part[part > 0]):
        open_ground = np.pad(part != label, 1, constant_values=True)
        pieces, _ = ndi.label(open_ground)
        outside = pieces[(0,) * part.ndim]
        pieces = pieces[(slice(1, -1),) * part.ndim]
        for hole in range(1, count + 1):
            piece = pieces[holes == hole][0]
            if piece != outside:
                rival = int((pieces == piece).sum()), label
                owners[hole] = min(owners.get(hole, rival), rival)
    for hole, (_, label) in owners.items():
        if not maximum_size or (holes == hole).sum() <= maximum_size:
            out[holes == hole] = label
    return out


def written(labels, edit):
    """Return ``labels`` after an edit, or as they are after None; checks that the edit is no larger than need be."""
    out = labels.copy()
    if edit is None:
        return out
    assert edit.shape == labels.shape
    assert edit.before.dtype == edit.after.dtype == labels.dtype
    np.testing.assert_array_equal(edit.before, labels[edit.slices])
    differ = edit.before != edit.after
    for axis in range(differ.ndim):
        assert differ.take(0, axis=axis).any()
        assert differ.take(-1, axis=axis).any()
    edit.write(out)
    assert np.count_nonzero(out != labels) == edit.changed
    return out


def cell_with_nucleus():
    """Return an 11 x 11 cell (1) with a hollow nucleus (2) in it and background between the two."""
    labels = np.zeros((13, 13), np.uint8)
    labels[1:12, 1:12] = 1
    labels[3:10, 3:10] = 0
    labels[4:9, 4:9] = 2
    labels[6, 6] = 0
    return labels
