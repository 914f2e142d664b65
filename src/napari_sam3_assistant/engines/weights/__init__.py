"""Model folders: what one holds, how it is had, and how Meta's file becomes one that the engine reads."""
