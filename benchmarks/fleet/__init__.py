"""Hundreds of streamers on one broker, simulated: see `python -m benchmarks.fleet --help`."""
