"""``python -m napari_sam3_assistant``: the same as the command ``napari-sam3-assistant``."""

import sys

from napari_sam3_assistant.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
