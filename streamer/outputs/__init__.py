"""Outputs of a run, each a `Sink`: lights, recording, dashboard, metrics, terminal."""

from streamer.outputs.sink import Sink

__all__ = ["Sink"]
