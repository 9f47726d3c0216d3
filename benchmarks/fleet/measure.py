"""Measure a fleet of one size, and a reconnect storm."""

import gc
import resource
import time
from collections import Counter
from typing import Any

import numpy as np

from benchmarks.figures import percentiles
from benchmarks.fleet.broker import busy_seconds, own_cpu_seconds, running, two_cores
from benchmarks.fleet.loop import Loop
from benchmarks.fleet.venues import DESKS, TICK, Fleet

LATE_MS = 20.0
"""The generator does not keep pace when a hundredth of its ticks are later than this."""
SLOW_MS = 1e3 * TICK
"""The broker does not keep pace when a hundredth of the estimates take longer: the next is due."""
FULL_PERCENT = 97.0
"""Share of its core at which the broker has nothing left."""
_FILES_APART = 400  # files that are open for other reasons


def measure_fleet(
    count: int, seconds: float, *, readers: int = 1, settling: float = 3.0
) -> dict[str, Any]:
    """Run so many nodes, desks and a monitor of two consumers against a new broker.

    Parameters
    ----------
    count
        Number of nodes.
    seconds
        How long to measure.
    readers
        How many desks read each node's stream.
    settling
        Seconds before, in which all runs already.

    Returns
    -------
    dict
        `nodes`, `readers`, `seconds`; `published_per_s` by the nodes and `delivered_per_s` to desks
        and monitor, messages of all kinds; `latency_ms` of estimates and `state_latency_ms`;
        `sent`, `lost` and `disordered` estimates; `shared`: state, health and status messages sent,
        lost, received twice, and how many each consumer got; `broker_percent` of a core,
        `broker_kb`; `others_percent`, what else the machine did, in percent of a core; `generator`:
        percent of a core, how late its ticks were, in ms, and ticks left out; `limit`: `generator`,
        `broker`, or nothing where both kept pace.
    """
    with two_cores() as core, running(core) as broker:
        loop = Loop()
        fleet = Fleet(loop, broker.port, count, readers=readers)
        try:
            fleet.gather()
            fleet.run(settling)
            gc.collect()
            gc.disable()  # a collection of all objects stops everything for a while
            fleet.restart()
            fleet.open_window()
            begun, at_ms = time.monotonic(), time.time() * 1e3
            broker_cpu, own_cpu, busy = broker.cpu_seconds(), own_cpu_seconds(), busy_seconds()
            published, delivered = fleet.sent.publishes, fleet.delivered
            fleet.run(seconds)
            lasted = time.monotonic() - begun
            broker_cpu, own_cpu = broker.cpu_seconds() - broker_cpu, own_cpu_seconds() - own_cpu
            others = max(0.0, busy_seconds() - busy - broker_cpu - own_cpu)
            published, delivered = fleet.sent.publishes - published, fleet.delivered - delivered
            memory = broker.resident_kb()
            fleet.drain()
        finally:
            gc.enable()
            fleet.close()
            loop.close()
    found = {
        "nodes": count,
        "readers": readers,
        "seconds": lasted,
        "published_per_s": published / lasted,
        "delivered_per_s": delivered / lasted,
        "latency_ms": percentiles(np.array(fleet.latencies)) if fleet.latencies else None,
        "state_latency_ms": _percentiles(
            [latency for ts, latency in fleet.state_latencies if ts >= at_ms]
        ),
        "sent": fleet.sent.estimates,
        "lost": readers * fleet.sent.estimates - sum(desk.heard for desk in fleet.desks),
        "disordered": sum(desk.disordered for desk in fleet.desks),
        "shared": shared(fleet),
        "broker_percent": 100 * broker_cpu / lasted,
        "broker_kb": memory,
        "others_percent": 100 * others / lasted,
        "generator": {
            "percent": 100 * own_cpu / lasted,
            "late_ms": percentiles(1e3 * np.array(fleet.lateness)),
            "left_out": fleet.skipped + fleet.sent.held,
        },
    }
    return {**found, "limit": limit(found)}


def shared(fleet: Fleet) -> dict[str, Any]:
    """Tell whether each message came to exactly one of the monitor's consumers, once."""
    sent = Counter([*fleet.sent.slow, *(("online", node.name, 0) for node in fleet.nodes)])
    return {
        "sent": sent.total(),
        "lost": (sent - fleet.seen).total(),
        "twice": (fleet.seen - sent).total(),
        "by_consumer": [consumer.messages for consumer in fleet.consumers],
    }


def limit(found: dict[str, Any]) -> str:
    """Return who did not keep pace: `generator`, `broker`, or nobody."""
    own = found["generator"]
    if own["late_ms"]["p99"] > LATE_MS or own["left_out"]:
        return "generator"
    slow = found["latency_ms"] is None or found["latency_ms"]["p99"] > SLOW_MS
    lost = found["lost"] or found["shared"]["lost"]
    return "broker" if slow or lost or found["broker_percent"] > FULL_PERCENT else ""


def most_nodes() -> int:
    """Return how many nodes this process and its broker may each have files for."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - DESKS - _FILES_APART


def measure_storm(
    count: int, outage: float, settling: float = 3.0, patience: float = 120.0
) -> dict[str, Any]:
    """Kill the broker under so many nodes, start it again, and wait until all are online.

    Returns
    -------
    dict
        `nodes`; `outage` in seconds; `online_seconds` after the broker listened again: p50, p99 and
        the last of them; `tries` per node; `broker_ms`, its processor time for each node until
        then, with what those publish that are online already; `others_percent` of a core; `late_ms`
        of the generator's ticks meanwhile.
    """
    with two_cores() as core, running(core) as broker:
        loop = Loop()
        fleet = Fleet(loop, broker.port, count, readers=0, monitored=False)
        try:
            fleet.gather()
            fleet.run(settling)
            tries = sum(node.tries for node in fleet.nodes)
            broker.kill()
            fleet.run(outage)
            broker.start()
            fleet.restart()
            begun, used = time.monotonic(), broker.cpu_seconds()
            own_cpu, busy = own_cpu_seconds(), busy_seconds()
            while fleet.online < count:
                if time.monotonic() - begun > patience:
                    raise TimeoutError(f"{fleet.online} of {count} nodes in {patience:.0f} s")
                fleet.run(0.05)
            lasted = time.monotonic() - begun
            used, own_cpu = broker.cpu_seconds() - used, own_cpu_seconds() - own_cpu
            others = max(0.0, busy_seconds() - busy - used - own_cpu)
            since = [node.online_at - begun for node in fleet.nodes if node.online_at is not None]
            tries = sum(node.tries for node in fleet.nodes) - tries
        finally:
            fleet.close()
            loop.close()
    return {
        "nodes": count,
        "outage": outage,
        "online_seconds": {**percentiles(since), "max": max(since)},
        "tries": tries / count,
        "broker_ms": 1e3 * used / count,
        "others_percent": 100 * others / lasted,
        "late_ms": percentiles(1e3 * np.array(fleet.lateness)),
    }


def _percentiles(values: list[float]) -> dict[str, float] | None:
    return percentiles(values) if values else None
