"""What one asks of an engine, and the scheduler that answers."""
