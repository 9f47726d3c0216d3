"""Inference on another machine, with the local engine as fallback.

Imports nothing, so that a server loads only `wire_format`.
"""
