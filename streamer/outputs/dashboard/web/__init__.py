"""The dashboard process: serves the page, and sends every viewer the updates of the run.

It exchanges messages with the run over its standard input and output, as
`streamer.outputs.dashboard.ipc` defines, and imports nothing of the tracker.
"""
