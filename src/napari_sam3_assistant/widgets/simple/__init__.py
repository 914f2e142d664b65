"""Simple mode: the shortest way from a picture to a mask."""
