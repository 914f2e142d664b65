"""What the user sees as data, and the verbs. Nothing here imports Qt or, at run time, napari."""
