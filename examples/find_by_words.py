"""Words find all that they name. SAM3 reads them: name its folder, which get-model gets, after the script's name."""

import sys

from napari_sam3_assistant.api import Segmenter
from napari_sam3_assistant.samples import nuclei

if len(sys.argv) != 2:
    sys.exit("python find_by_words.py FOLDER")

image = nuclei().image

with Segmenter("sam3", model=sys.argv[1]) as segmenter:
    for threshold in (0.5, 0.35):
        found = segmenter.segment(image, text="nucleus, dividing cell", threshold=threshold)
        print(f"score of {threshold} or more, encoded in {found.encode_ms:.0f} ms:")
        for note in found.notes:
            print(f"  {note}")
        for phrase in ("nucleus", "dividing cell"):
            print(f"  {phrase}: {sum(one.class_name == phrase for one in found.objects)} objects")
