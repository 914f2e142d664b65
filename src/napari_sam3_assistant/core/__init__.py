"""Frozen values and pure functions on them: the words the rest of the code speaks."""
