"""Keys and callbacks of the mouse that a layer has for a time: what was there before comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def bind_keys(layer: Any, keys: Mapping[str, Callable[[], object]], *, spare: bool = False) -> Callable[[], None]:
    """Bind keys on a layer, and return what takes them off and brings back what was bound before.

    Parameters
    ----------
    layer : napari layer
        They work while it is selected.
    keys : mapping of str to callable
        As napari writes them, ``"Control-Z"``, and what each does.
    spare : bool
        Whether keys that the layer has bindings of its own for are left alone.
    """
    former: dict[str, tuple[Any, Any]] = {}
    for key, act in keys.items():

        def pressed(_layer: Any, act: Callable[[], object] = act) -> None:
            act()

        before = layer.bind_key(key, pressed, overwrite=True)
        if spare and before is not None:
            layer.bind_key(key, before, overwrite=True)
        else:
            former[key] = pressed, before

    def unbind() -> None:
        for key, (ours, before) in former.items():
            bound = layer.bind_key(key, None, overwrite=True)
            # Who has bound the key meanwhile keeps it.
            back = before if bound is ours else bound
            if back is not None:
                layer.bind_key(key, back, overwrite=True)

    return unbind


def bind_mouse(layer: Any, callback: Callable[[Any, Any], Any]) -> Callable[[], None]:
    """Let a callback of napari's kind follow presses on a layer; return what ends that."""
    layer.mouse_drag_callbacks.append(callback)

    def unbind() -> None:
        if callback in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(callback)

    return unbind
