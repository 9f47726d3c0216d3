"""The dashboard: a page on which a run is watched, and turned.

The page is served by a process of its own (`web`), with less priority, so that neither a viewer nor
somebody's rubbish takes a share of tracking. `live.Dashboard` tells that process what is new,
twenty times a second at most, and carries out what it asks for; `words` says how they speak. What
the browser loads lies in `page`.
"""
