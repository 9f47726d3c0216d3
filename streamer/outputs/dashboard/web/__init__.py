"""The dashboard's process: serves the page, and tells every viewer what `run` tells it.

It reads one JSON object a line on standard input and writes one a line on standard output; what
they hold is told in `streamer.outputs.dashboard.ipc`. It imports nothing of the tracker.
"""
