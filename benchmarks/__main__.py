"""Run a benchmark: ``python -m benchmarks [NAME [ARGUMENT ...]]``; without a name, all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

BENCHMARKS = {
    "imports": "benchmarks.imports",
    "clicks": "benchmarks.clicks",
    "large": "benchmarks.large",
    "objects": "benchmarks.objects",
    "cells": "benchmarks.cells",
    "everything": "benchmarks.everything",
    "isolation": "benchmarks.isolation",
    "reading": "benchmarks.reading",
    "masks": "benchmarks.masks",
    "evaluation": "benchmarks.evaluation.tables",
    "sam3": "benchmarks.sam3",
    "sam3_video": "benchmarks.sam3_video",
    "store": "benchmarks.store",
    "batch": "benchmarks.batch",
    "review": "benchmarks.review",
    "propagation": "benchmarks.propagation",
    "server": "benchmarks.server",
    "remote": "benchmarks.remote",
    "soak": "benchmarks.soak",
}
"""Name to module; each has ``main(arguments)``, which returns an exit code."""


def main(arguments: list[str]) -> int:
    """Run the benchmark that the first argument names, with the others."""
    there_are = {name: module for name, module in BENCHMARKS.items() if find_spec(module) is not None}
    if not arguments:
        return max(_all(there_are))
    name, *others = arguments
    if name not in there_are:
        print(f"There is no benchmark {name!r}; there are {', '.join(there_are)}.", file=sys.stderr)
        return 2
    return int(import_module(there_are[name]).main(others))


def _all(there_are: dict[str, str]) -> Iterator[int]:
    for name, module in there_are.items():
        print(f"== {name}: {(import_module(module).__doc__ or '').partition(chr(10))[0]}\n", flush=True)
        yield int(import_module(module).main([]))
        print(flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
