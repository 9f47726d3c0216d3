"""Tracking of a zone: windows, batched inference, smoothing; rate, gain, silence, calibration."""

from streamer.tracking.update import MAX_ESTIMATE_AGE_S, Affect, Update

__all__ = ["MAX_ESTIMATE_AGE_S", "Affect", "Update"]
