"""An engine on another machine, asked over one connection; the engine here answers in its place.

It imports nothing, for a server needs of it only what travels, `wire`.
"""
