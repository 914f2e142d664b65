"""Features of prompt layers: the polarity of each point or box, the object it is about, and those of the next one.

napari forgets the values of the next point whenever a table of features is set, and takes
over those of points that are selected: what is written here keeps the next one's values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from napari_sam3_assistant.core.prompts import is_positive
from napari_sam3_assistant.layers import names

T = TypeVar("T")
WORDS = {True: "positive", False: "negative"}


def polarity_column(layer: Any) -> str:
    """Return the name of the feature that tells positive from negative; ours where the layer has none.

    Ours is the first looked for, and the only one written: a user's column may say more than polarity.
    """
    features = layer.features
    return next((name for name in names.POLARITY_FEATURES if name in features), names.POLARITY)


def polarity_words(layer: Any) -> list[Any]:
    """Return the word of each point or shape, as it stands there; positive where the layer does not say."""
    return _column(layer, polarity_column(layer), WORDS[True])


def object_ids(layer: Any) -> list[int]:
    """Return the object of each point, from 1; 1 where the layer does not say, or says no whole number."""
    return _each(_column(layer, names.OBJECT, 1), whole_id)


def pictures(layer: Any) -> list[str]:
    """Return the picture of each point or shape, the unique id of its layer; empty where the layer does not say."""
    return [value if isinstance(value, str) else "" for value in _column(layer, names.PICTURE, "")]


def positives(words: list[Any]) -> list[bool]:
    """Return whether each word means positive."""
    return _each(words, is_positive)


def _each(values: list[Any], meaning: Callable[[Any], T]) -> list[T]:
    """Return what each value means; the same value is looked at once."""
    try:
        known = {value: meaning(value) for value in set(values)}
    except TypeError:  # a value that cannot be hashed
        return [meaning(value) for value in values]
    return [known[value] for value in values]


def _column(layer: Any, name: str, missing: Any) -> list[Any]:
    # napari leaves a row behind where a path or polygon was given up before its third corner.
    count, features = len(layer.data), layer.features
    values = list(features[name])[:count] if name in features else []
    return values + [missing] * (count - len(values))


def whole_id(value: Any) -> int:
    """Return ``value`` if it is a whole number from 1, else 1."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 1
    return int(number) if number >= 1 and number.is_integer() else 1


def next_value(layer: Any, name: str) -> Any | None:
    """Return the feature of the next point or shape, None where the layer has no such feature."""
    defaults = layer.feature_defaults
    return defaults[name].iloc[0] if name in defaults else None


def next_positive(layer: Any) -> bool:
    """Return whether the next point or shape will be positive."""
    word = next_value(layer, polarity_column(layer))
    return True if word is None else is_positive(word)


def set_next(layer: Any, name: str, value: Any) -> None:
    """Set a feature of the next point or shape, and of none that is there.

    A layer without such a feature gets it: its points keep the polarity they had, and are about object 1 of
    whichever picture is in use.
    """
    if name not in layer.features:
        write_features(layer, {name: _given(layer, name)})
    _set_defaults(layer, {**_defaults(layer), name: value})


def _given(layer: Any, name: str) -> Sequence[Any]:
    """Return what is so of the points and shapes that are there, before a feature says it."""
    if name == names.OBJECT:
        return object_ids(layer)
    return pictures(layer) if name == names.PICTURE else [WORDS[is_positive(w)] for w in polarity_words(layer)]


def write_features(layer: Any, columns: Mapping[str, Sequence[Any]]) -> None:
    """Replace some features of all points or shapes; the other features, and the next one's values, stay."""
    before = _defaults(layer)
    features = layer.features.reindex(range(len(layer.data)))
    for name, values in columns.items():
        # Of no rows pandas would make a column of numbers, which takes no word later.
        features[name] = np.array(list(values), dtype=int if name == names.OBJECT else object)
    layer.features = features
    _set_defaults(layer, {**_defaults(layer), **before})


def table_of(layer: Any) -> Any:
    """Return a copy of the table of features, one row a point or shape."""
    return layer.features.reindex(range(len(layer.data))).copy()


def write_table(layer: Any, table: Any) -> None:
    """Bring back a table of features, of as many rows as there are points or shapes; the next one's values stay."""
    before = _defaults(layer)
    layer.features = table.copy()
    known = _defaults(layer)
    _set_defaults(layer, {**known, **{name: value for name, value in before.items() if name in known}})


def _defaults(layer: Any) -> dict[str, Any]:
    defaults = layer.feature_defaults
    return {name: defaults[name].iloc[0] for name in defaults}


def _set_defaults(layer: Any, values: Mapping[str, Any]) -> None:
    # napari wants all columns at once, and would give the values to selected points too.
    with layer.block_update_properties():
        layer.feature_defaults = dict(values)
