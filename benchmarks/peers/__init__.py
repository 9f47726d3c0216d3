"""Peers: streamer and other libraries on the same music, in one run on one core.

Each contestant is a module of this folder; `contest` runs it in its own virtual environment.
"""
