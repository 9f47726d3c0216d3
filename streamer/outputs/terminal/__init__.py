"""Draw the live view of a run in a terminal."""

from streamer.outputs.terminal.live_view import LiveView, summary_line

__all__ = ["LiveView", "summary_line"]
