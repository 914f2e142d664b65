"""The built-in engine: classical, without weights. Each module answers one kind of prompt from one tree."""
