"""SAM3 through transformers. Imports torch: loaded by the registry alone, when the engine is made."""

import os

# torch's own switch, read when it first takes memory: large arrays come in pages of 2 MB where Linux offers them.
# New pages cost SAM3 a tenth of its time on a CPU.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
