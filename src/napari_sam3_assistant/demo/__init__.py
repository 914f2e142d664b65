"""The demo: a real napari viewer, the real widget, and clicks that go through the canvas.

It stands above everything else and nothing imports it; the command ``demo`` starts it as a
process of its own: ``python -m napari_sam3_assistant.demo``.
"""
