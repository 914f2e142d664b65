"""Models behind one protocol. Nothing here knows where the image came from."""
