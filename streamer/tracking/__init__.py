"""Per-zone tracking: views, window, engine, gate, smoother."""

from streamer.tracking.update import STALE, Affect, Update

__all__ = ["STALE", "Affect", "Update"]
