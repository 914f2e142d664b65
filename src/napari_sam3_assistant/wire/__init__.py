"""The values of ``core`` as bytes, for another process."""
