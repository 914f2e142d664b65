"""SAM3 through Meta's own package ``sam3``: for who has its checkpoint and its environment.

Nothing here imports torch or sam3 by itself: a module that does is imported by the registry alone, where the engine is
made. What an engine's process imports is numpy, torch, sam3 and what those need; it may be another Python than napari's.
"""
