"""Run a benchmark: ``python -m benchmarks [NAME [ARGUMENT ...]]``; without a name, all of them."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

BENCHMARKS = {
    "clicks": "benchmarks.clicks",
    "imports": "benchmarks.imports",
    "evaluation": "benchmarks.evaluation.tables",
}
"""Name to module; each has ``main(arguments)``, which returns an exit code."""


def main(arguments: list[str]) -> int:
    """Run the benchmark that the first argument names, with the others."""
    there_are = {name: module for name, module in BENCHMARKS.items() if find_spec(module) is not None}
    if not arguments:
        return max(import_module(module).main([]) for module in there_are.values())
    name, *others = arguments
    if name not in there_are:
        print(f"There is no benchmark {name!r}; there are {', '.join(there_are)}.", file=sys.stderr)
        return 2
    return int(import_module(there_are[name]).main(others))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
