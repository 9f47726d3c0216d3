"""What things cost: each module is a command, `python -m benchmarks.NAME`."""
