"""SAM3 through Meta's own package ``sam3``: for who has its checkpoint and its environment.

Nothing here imports torch or sam3 by itself: the registry alone imports a module that does, when the engine is made.
An engine's process needs numpy, torch, sam3 and what those need; it may be run by another Python than napari's.
"""
