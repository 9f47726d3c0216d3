"""The fault laboratory: `streamer run` among real peers, which are broken one after the other.

`python -m tests.faults --minutes 30 --seed 1` (Linux, as root: it makes a network namespace of its
own, so that nothing it sends leaves the machine).

`place` is where it happens: brokers, microphones, a radio, lights. `catalogue` tells what can go
wrong there. `program` is `streamer run` with an engine that fails on demand, `observer` what it
says, `measure` what that is worth, and `report` writes it down.
"""
