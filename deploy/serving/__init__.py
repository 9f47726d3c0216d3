"""Inference server on Ray Serve: one engine, on a GPU for example, for streamers of many venues."""
