"""Where a trajectory goes beside MQTT: a picture in the terminal."""

from streamer.outputs.history import History
from streamer.outputs.terminal import LiveView, summary_line

__all__ = ["History", "LiveView", "summary_line"]
