"""The parts of propagation in napari: what was said on which frame, the run, its words, and the steps back."""
