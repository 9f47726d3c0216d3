"""Latency from audio to message: by stage, end to end, and step response."""
