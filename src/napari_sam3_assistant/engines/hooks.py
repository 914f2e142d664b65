"""Work that is done before each of some layers of a model, for as long as that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from napari_sam3_assistant.core.progress import CancelToken


@contextmanager
def before_each(layers: Iterable[Any], call: Callable[[], None]) -> Iterator[None]:
    """Have ``call`` made before each of some ``torch.nn.Module`` computes; what it raises ends the computation."""
    hooks = [layer.register_forward_pre_hook(lambda *_given: call()) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def stoppable(layers: Iterable[Any], cancel: CancelToken | None) -> Iterator[None]:
    """Have ``cancel`` looked at before each layer; Cancelled is raised there."""
    if cancel is None:
        yield
        return
    with before_each(layers, cancel.raise_if_cancelled):
        yield
