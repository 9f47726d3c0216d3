"""Command line: one module per command; `options` declares the options that they share."""

from streamer.cli.app import main

__all__ = ["main"]
