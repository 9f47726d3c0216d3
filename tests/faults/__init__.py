"""Fault injection: `streamer run` among real peers, which fail one after the other.

`python -m tests.faults --minutes 30 --seed 1` (Linux, root: it creates a network namespace, so that
nothing leaves the machine).

`testbed` starts the broker, microphones, radio and lights; `catalogue` lists the faults; `program`
is `streamer run` with an engine that fails on demand; `observer` collects its output; `measure`
evaluates each fault; `report` writes the tables.
"""
