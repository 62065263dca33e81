"""The command line: thin. `main` is the program `witnessmark`."""

from witnessmark.cli.app import main

__all__ = ["main"]
