"""A stand-in for SAM3 where its weights mean nothing: answers as the built-in engine, from a model folder."""

from __future__ import annotations

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine


class Double(BuiltinEngine):
    """The built-in engine under SAM3's name."""

    name = "sam3"
    closed = 0

    def __init__(self, folder=None, device="auto") -> None:
        super().__init__()
        self.folder, self.device = folder, device
        self.weights = f"{folder} {device}"

    def close(self) -> None:
        Double.closed += 1
        super().close()
