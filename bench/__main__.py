"""Runs all benchmarks, one after the other: `python -m bench`."""

import importlib
import pkgutil

import bench


def main() -> None:
    """Each module of this package with a `main` is a benchmark."""
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"bench.{module.name}").main()


if __name__ == "__main__":
    main()
