"""Load test of one broker with simulated streamers: see `python -m benchmarks.fleet --help`."""
