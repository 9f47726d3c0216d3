"""The command line."""

from streamer.cli.app import main

__all__ = ["main"]
