"""Where a trajectory goes beside MQTT: a picture in the terminal."""

from streamer.outputs.terminal.history import History
from streamer.outputs.terminal.live_view import LiveView, summary_line

__all__ = ["History", "LiveView", "summary_line"]
