"""How the tests here make an engine, and encode with it."""

from napari_sam3_assistant.core.progress import CancelToken, no_progress

SHAPE = (128, 160)
"""Of the usual picture."""


def encode(engine, image):
    return engine.encode(image, progress=no_progress, cancel=CancelToken())


def loaded(folder, **options):
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine

    made = Sam3Engine(folder, **{"device": "cpu", "precision": "float32", **options})
    made.load(progress=no_progress, cancel=CancelToken())
    return made
