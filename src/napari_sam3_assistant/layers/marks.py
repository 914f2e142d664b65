"""What was decided about layers, and about the objects of a layer, where others find it too.

Of a layer it stands in its metadata, at the top level; of an object in the layer's table of features, in the row whose
``index`` is its label value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils import DirectLabelColormap

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers.names import CLASS_NAME as CLASS
from napari_sam3_assistant.layers.names import CLASS_VALUE, ROLE, STATUS

UNREVIEWED, ACCEPTED, REJECTED, NEEDS_EDIT = "unreviewed", "accepted", "rejected", "needs_edit"
STATUSES = (UNREVIEWED, ACCEPTED, NEEDS_EDIT, REJECTED)
OUTPUTS = frozenset({"class_working_mask", "final_training_mask", "overlap_map"})
"""Roles of layers that were merged from others."""
ROLES = {
    ACCEPTED: "accepted_object",
    REJECTED: "rejected_object",
    NEEDS_EDIT: "review_object",
    UNREVIEWED: "review_object",
}
INDEX = "index"
MOST_COLORED = 2**16
"""Higher values have no colours of their own: without numba, napari fails to draw a layer that gives them some."""
NEW_OBJECT = (1.0, 1.0, 1.0, 1.0)
"""The colour of an object that is painted while others are hidden."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was decided: a status, and the name and value of a class; empty and 0 where there is none."""

    status: str = UNREVIEWED
    class_name: str = ""
    class_value: int = 0


# -- layers ---------------------------------------------------------------------------------------


def role_of(layer: Any) -> str:
    """Return what a layer is for, empty where nobody has said so."""
    return str(layer.metadata.get(ROLE, ""))


def layer_mark(layer: Any) -> Mark:
    """Return what was decided about a layer."""
    found, by_role = layer.metadata, {role: status for status, role in ROLES.items() if status != NEEDS_EDIT}
    status = str(found.get(STATUS, by_role.get(role_of(layer), UNREVIEWED)))
    return Mark(
        status if status in STATUSES else UNREVIEWED, str(found.get(CLASS, "")), _whole(found.get(CLASS_VALUE, 0))
    )


def mark_layer(layer: Any, mark: Mark) -> None:
    """Write what was decided about a layer, beside what else is noted there. What was merged keeps its role."""
    noted = {**layer.metadata, STATUS: mark.status}
    if mark.class_name:
        noted |= {CLASS: mark.class_name, CLASS_VALUE: mark.class_value}
    if role_of(layer) in ("", *ROLES.values()):
        noted[ROLE] = ROLES[mark.status]
        noted = {"object_name": str(layer.name), "instance_kind": "object", "created_from": "Mask Review"} | noted
    layer.metadata = noted


# -- objects --------------------------------------------------------------------------------------


def object_marks(layer: Any) -> dict[int, Mark]:
    """Return what was decided about the objects of a layer, by label value, as far as anything was."""
    table = layer.features
    if INDEX not in table and len(table.columns):
        values = list(range(len(table)))
    else:
        values = [_whole(one) for one in table.get(INDEX, ())]
    if STATUS not in table and CLASS not in table:
        return {}
    columns = (
        table.get(name, [missing] * len(table)) for name, missing in ((STATUS, ""), (CLASS, ""), (CLASS_VALUE, 0))
    )
    return {
        value: Mark(
            str(status) if status in STATUSES else UNREVIEWED, name if isinstance(name, str) else "", _whole(number)
        )
        for value, status, name, number in zip(values, *columns, strict=True)
    }


def rejected_values(layer: Any) -> tuple[int, ...]:
    """Return the label values of the objects of a layer that were rejected."""
    return tuple(value for value, mark in object_marks(layer).items() if mark.status == REJECTED and value > 0)


def left_out(rejected: int) -> str:
    """Return the end of a message: how many rejected objects were left out; empty for none."""
    return f". {rejected:,} rejected object(s) left out." if rejected else ""


def mark_objects(layer: Any, marks: Mapping[int, Mark], known: Iterable[int]) -> None:
    """Write what was decided about objects into the table of a layer, which keeps its other rows and columns.

    Parameters
    ----------
    layer : napari Labels layer
    marks : mapping of int to Mark
        By label value.
    known : iterable of int
        All values of the layer: they get rows at once, so that each mark changes one row.

    Raises
    ------
    PromptError
        If the table cannot hold a value as it is.
    """
    table = layer.features
    rows = {} if not {INDEX, STATUS, CLASS, CLASS_VALUE} <= set(table.columns) else _rows(table)
    if not marks.keys() <= rows.keys():
        layer.features = _with_rows(table, {*marks, *known})
        table, rows = layer.features, _rows(layer.features)
    if not marks.keys() <= rows.keys():  # napari makes floats of those of 2**63 and more
        raise PromptError(
            f"{layer.name} has label values that its table of features cannot hold.",
            hint="Number them from 1 on first: Renumber Labels under More in Mask Cleanup.",
        )
    at = [rows[value] for value in marks]
    entries = {
        STATUS: [mark.status for mark in marks.values()],
        CLASS: [mark.class_name for mark in marks.values()],
        CLASS_VALUE: [mark.class_value for mark in marks.values()],
    }
    for name, column in entries.items():
        table.iloc[at, table.columns.get_loc(name)] = column
    layer.events.features()


def _rows(table: Any) -> dict[int, int]:
    return {_whole(value): at for at, value in enumerate(table[INDEX].tolist())}


def _with_rows(table: Any, values: Collection[int]) -> dict[str, list[Any]]:
    """Return the columns of a table that has a row for each value, and our columns."""
    columns = {str(name): list(table[name]) for name in table.columns}
    if INDEX not in columns:
        columns = {INDEX: list(range(len(table))) if columns else [], **columns}  # so napari reads a table without it
    there = len(columns[INDEX])
    new = sorted(set(values) - {_whole(value) for value in columns[INDEX]})
    ours = {STATUS: UNREVIEWED, CLASS: "", CLASS_VALUE: 0}
    made = {}
    for name in dict.fromkeys((*columns, *ours)):
        if name == INDEX:
            made[name] = [_whole(value) for value in columns[name]] + new
            continue
        missing = ours.get(name, _missing(columns.get(name, ())))
        made[name] = list(columns.get(name, [missing] * there)) + [missing] * len(new)
    return made


def _missing(values: Collection[Any]) -> Any:
    """Return what stands in a column where nothing is known."""
    return float("nan") if all(isinstance(one, (int, float, np.number)) for one in values) else ""


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


# -- what is seen ---------------------------------------------------------------------------------


def can_hide(values: Iterable[int]) -> bool:
    """Return whether objects can be hidden in a layer that has these values."""
    return max(values, default=0) <= MOST_COLORED


class Hidden:
    """Values of a Labels layer that are not seen; the others keep their colours.

    Parameters
    ----------
    layer : napari Labels layer
    """

    def __init__(self, layer: Any) -> None:
        self._layer, self._before = layer, layer.colormap

    def hide(self, hidden: Collection[int], known: Collection[int]) -> None:
        """Hide these values, and none but these of the ``known`` ones.

        Raises
        ------
        PromptError
            If some are too high; then all is seen as before.
        """
        layer = self._layer
        if not can_hide((*hidden, *known)):
            raise PromptError(
                f"{layer.name} has label values above {MOST_COLORED:,}: its objects cannot be hidden one by one.",
                hint="Number them from 1 on before you review: Renumber Labels under More in Mask Cleanup.",
            )
        values = np.array(sorted(set(known) - set(hidden)), np.int64)
        held = values.astype(layer.data[0].dtype if layer.multiscale else layer.data.dtype)
        colors: dict[int | None, Any] = dict.fromkeys(hidden, np.zeros(4))
        colors |= dict(zip(values.tolist(), self._before.map(held), strict=True)) if values.size else {}
        layer.colormap = DirectLabelColormap(color_dict={**colors, 0: np.zeros(4), None: np.array(NEW_OBJECT)})

    def show_all(self) -> None:
        """Bring the layer's own colours back."""
        self._layer.colormap = self._before
