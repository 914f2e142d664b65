"""A click on one slice of a stack is followed through the others; a run that was stopped goes on."""

import tempfile

from napari_sam3_assistant import propagate
from napari_sam3_assistant.samples import nuclei_stack

stack = nuclei_stack().image[8:18]
print(f"a stack of {stack.shape}")

with tempfile.TemporaryDirectory() as folder:
    # Frame, row and column. The first run does a part of the frames, the second one what is left.
    points = {1: [(4, 147, 82)]}
    first = propagate(stack, points=points, frames=(3, 6), out=folder)
    print(f"{first}: frames {first.frames[0]} to {first.frames[-1]}")

    whole = propagate(stack, points=points, out=folder, resume=True)
    print(f"{whole}: frames {whole.frames[0]} to {whole.frames[-1]}")
    for row in whole.rows[:5]:
        print(f"frame {row.frame}, object {row.object_id}: {row.area} px, score {row.score:.2f} {row.why}")
    print(f"{whole.saved.name}: {whole.saved.stat().st_size:,} bytes")
