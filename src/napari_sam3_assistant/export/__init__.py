"""Files out, and in: every writer is atomic and never overwrites unasked."""
