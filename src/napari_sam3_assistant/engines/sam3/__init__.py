"""SAM3 through transformers. Imports torch: loaded by the registry alone, when the engine is made."""
