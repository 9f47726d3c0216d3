"""Per-zone tracking: views, window, engine, gate, smoother."""

from streamer.tracking.update import Affect, Update

__all__ = ["Affect", "Update"]
