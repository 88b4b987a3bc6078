"""`python -m receiver` is `spapi-router`."""

from receiver.cli import main

main()
