"""Runs the comparison alone: `python -m bench.peers`."""

from bench.peers import main

if __name__ == "__main__":
    main()
