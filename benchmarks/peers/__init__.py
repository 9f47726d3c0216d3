"""Ours and the peers', update after update of the same music, in one run on one core.

Each contestant is a module of this folder, run in an environment of its own by `contest`.
"""
