"""Mask Operations: its state, and its verbs, one module for each tab."""
