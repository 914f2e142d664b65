"""One entry point, one module a command."""
