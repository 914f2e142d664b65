import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks import changes
from napari_sam3_assistant.masks.runs import find_runs
from tests.masks.operations import all_in_one


@pytest.mark.parametrize("few", [0, 2])
def test_labels_painted_meanwhile_are_left_as_they_are(few, monkeypatch):
    monkeypatch.setattr(changes, "_FEW", few)
    labels = all_in_one()
    runs = find_runs(labels)
    labels[3, 3] = 9

    with pytest.raises(PromptError, match="changed meanwhile"):
        changes.edit_of_runs(labels, runs, runs.label == 1, np.zeros_like(runs.label))


def test_what_is_painted_elsewhere_meanwhile_is_kept():
    labels = all_in_one()
    runs = find_runs(labels)
    labels[7, 20] = 9

    changes.edit_of_runs(labels, runs, runs.label > 0, np.zeros_like(runs.label)).write(labels)

    assert labels[7, 20] == 9 and np.count_nonzero(labels) == 1
