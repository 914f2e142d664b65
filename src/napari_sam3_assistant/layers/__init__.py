"""The only reader and writer of napari layers. Everything here runs on the GUI thread."""
