"""Many pictures, each with each phrase, one result at a time. A picture is encoded once, and the next one read ahead.

SAM3 reads the words: name its folder, which get-model gets, after the script's name.
"""

import sys
from pathlib import Path

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Query
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.samples import nuclei, phase_contrast
from napari_sam3_assistant.tasks import batch
from napari_sam3_assistant.tasks.phrases import phrases_by_line

if len(sys.argv) != 2:
    sys.exit("python many_pictures_and_phrases.py FOLDER")

phrases = phrases_by_line("nucleus\ndividing cell\n# one phrase a line; this is a comment")
questions = tuple(batch.Question(Query((phrase,)), phrase.text) for phrase in phrases)
pictures = [
    batch.Picture(name, array_source(image, identity=name, name=name), Plane(0, 1), questions)
    for name, image in (("nuclei", nuclei().image), ("phase contrast", phase_contrast().image))
]

engine = registry.create("sam3", folder=Path(sys.argv[1]))
try:
    for outcome in batch.run(engine, EmbeddingCache(), pictures, threshold=0.35):
        if isinstance(outcome.error, AssistantError):
            print(f"{outcome.step.name}: {outcome.error}")
        elif outcome.answer is not None:
            encoded = f"encoded in {outcome.answer.encode_ms:.0f} ms" if outcome.answer.encode_ms else "known"
            print(f"{outcome.step.name}: {len(outcome.answer.objects)} objects ({encoded})")
finally:
    engine.close()
